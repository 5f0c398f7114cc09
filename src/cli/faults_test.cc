#include "cli/faults.h"

#include <gmock/gmock.h>

#include "cli/fault_parts.h"

namespace ds::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Faults, AreReadAsPeopleWriteThem) {
  struct Case {
    const char* text;
    FaultKind kind;
    Nanos at, length;
    std::int64_t amount;
  };
  for (const auto& [text, kind, at, length, amount] :
       {Case{"freeze-sink 30s for 5s", FaultKind::kFreezeSink, 30 * kSecond, 5 * kSecond, 0},
        {"slow-sink 1m for 10s", FaultKind::kSlowSink, 60 * kSecond, 10 * kSecond,
         100 * kMillisecond},
        {"pause-partition 1 for 2 partition 3", FaultKind::kPausePartition, kSecond, 2 * kSecond,
         3},
        {"lose-acknowledgements 0 for 1s every 10", FaultKind::kLoseAcknowledgements, 0, kSecond,
         10},
        {"duplicate 1s for 500ms", FaultKind::kDuplicate, kSecond, kSecond / 2, 1},
        {"skew-clock 1s for 1s by -3s", FaultKind::kSkewClock, kSecond, kSecond, -3 * kSecond}}) {
    SCOPED_TRACE(text);
    const auto fault = parse_fault(text);
    ASSERT_TRUE(fault) << fault.error().message;
    EXPECT_EQ(kind, fault->kind);
    EXPECT_EQ(at, fault->at);
    EXPECT_EQ(length, fault->length);
    EXPECT_EQ(amount, fault->amount);
  }
  for (const auto& [text, words] : {std::pair("melt-cpu 1s for 1s", "no fault 'melt-cpu'"),
                                    {"", "no fault ''"},
                                    {"freeze-sink 1s", "is not understood"},
                                    {"freeze-sink 1s for 1s by 2s", "is not understood"},
                                    {"freeze-sink soon for 1s", "times are not understood"},
                                    {"freeze-sink 1s for 0s", "times are not understood"},
                                    {"slow-sink 1s for 1s by -1s", "'slow-sink 1s for 1s by -1s'"},
                                    {"skew-clock 1s for 1s", "'by' is missing"},
                                    {"duplicate 1s for 1s every 0", "every 0 is never"}}) {
    const auto fault = parse_fault(text);
    ASSERT_FALSE(fault) << text;
    EXPECT_THAT(fault.error().message, HasSubstr(words));
  }
}

TEST(Faults, RecoveryEndsWhereNoMoreIsBehindThanBefore) {
  std::uint64_t behind = 0, injected = 0;
  std::vector<std::string> done;
  ManualClock clock;
  FaultPlay play({*parse_fault("freeze-sink 10s for 5s"), *parse_fault("duplicate 90s for 1s")},
                 {.turn = [&](const Fault& fault,
                              bool on) { done.push_back(fault.text + (on ? " on" : " off")); },
                  .injected = [&](FaultKind) { return injected; },
                  .behind = [&] { return behind; }},
                 clock);
  for (Nanos t = 0; t <= 30 * kSecond; t += kSecond / 10) {
    const double s = static_cast<double>(t) / 1e9;
    // 400 at the most while all is well; grows while frozen, then shrinks until 17.5 s.
    behind = s < 10      ? 300 + 100 * (t / (kSecond / 10) % 2)
             : s < 15    ? 400 + static_cast<std::uint64_t>((s - 10) * 1000)
             : s < 17.45 ? static_cast<std::uint64_t>(5400 - (s - 15) * 2000)
                         : 400;
    if (s > 10 && s < 15) injected = 7;
    play.turn(t);
  }
  EXPECT_THAT(done, ElementsAre("freeze-sink 10s for 5s on", "freeze-sink 10s for 5s off"));
  play.lift();
  const auto shown = play.stop();
  ASSERT_EQ(2u, shown.size());
  EXPECT_EQ(7u, shown[0].injected);
  EXPECT_EQ(5400u, shown[0].behind_max);
  ASSERT_TRUE(shown[0].recovery_s);
  EXPECT_NEAR(2.5, *shown[0].recovery_s, 0.11);
  EXPECT_THAT(sentence_of(shown[0]),
              HasSubstr("fell upon 7 of the writes, 5,400 records behind at the most"));
  EXPECT_FALSE(shown[1].begun);
  EXPECT_THAT(sentence_of(shown[1]), HasSubstr("the run ended before it"));
}

TEST(Faults, TheNextOfAKindMayBeginWhereOneEnds) {
  std::vector<std::string> done;
  ManualClock clock;
  FaultPlay play({*parse_fault("freeze-sink 2s for 1s"), *parse_fault("freeze-sink 1s for 1s")},
                 {.turn = [&](const Fault& fault,
                              bool on) { done.push_back(fault.text + (on ? " on" : " off")); },
                  .injected = [](FaultKind) { return 0; },
                  .behind = [] { return 0; }},
                 clock);
  for (Nanos t = 0; t <= 4 * kSecond; t += kSecond / 2) play.turn(t);
  EXPECT_THAT(done, ElementsAre("freeze-sink 1s for 1s on", "freeze-sink 1s for 1s off",
                                "freeze-sink 2s for 1s on", "freeze-sink 2s for 1s off"));
}

/// A partition's log: one record a batch.
class LogSource final : public kafka::Source {
 public:
  Status poll(Nanos, std::vector<kafka::Fetched>& into) override {
    for (auto& [partition, next] : next_)
      into.push_back({.from = {"t", partition}, .first_offset = next++});
    return Done{};
  }
  void pause(bool) override {}
  void seek(const kafka::TopicPartition& partition, std::int64_t offset) override {
    next_[partition.partition] = offset;
  }
  void commit(const std::map<kafka::TopicPartition, std::int64_t>&) override {}
  std::map<kafka::TopicPartition, std::int64_t> committed() const override { return {}; }
  std::map<kafka::TopicPartition, std::int64_t> high_watermarks() const override { return {}; }
  void close(Nanos) override {}

 private:
  std::map<std::int32_t, std::int64_t> next_{{0, 0}, {1, 0}};
};

TEST(Faults, APartitionThatWasHeldGoesOnWhereItWas) {
  ManualClock clock;
  IntakeTrouble trouble(clock);
  HoldingSource source(std::make_unique<LogSource>(), trouble);
  std::map<std::int32_t, std::vector<std::int64_t>> read;
  for (int turn = 0; turn < 9; ++turn) {
    trouble.hold(turn >= 3 && turn < 6 ? 1 : IntakeTrouble::kNone);
    std::vector<kafka::Fetched> batches;
    ASSERT_TRUE(source.poll(0, batches));
    for (const auto& batch : batches) read[batch.from.partition].push_back(batch.first_offset);
  }
  EXPECT_THAT(read[0], ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8));
  EXPECT_THAT(read[1], ElementsAre(0, 1, 2, 3, 4, 5)) << "none missing, none twice";
  EXPECT_EQ(3u, trouble.batches());
}

TEST(Faults, ASkewedClockIsOffByWhatItIsTold) {
  ManualClock right;
  SkewedClock clock(right);
  EXPECT_EQ(right.wall_ms(), clock.wall_ms());
  clock.skew(-3000);
  EXPECT_EQ(right.wall_ms() - 3000, clock.wall_ms());
  EXPECT_EQ(right.now(), clock.now()) << "intervals are never touched";
  EXPECT_EQ(1u, clock.asked());
}

}  // namespace
}  // namespace ds::cli
