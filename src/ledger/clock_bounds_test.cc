#include "ledger/clock_bounds.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.h"
#include "base/seed_for_test.h"

namespace ds {
namespace {

constexpr std::int64_t kAt = 1'700'000'000'000;  // a millisecond

std::string shown(const std::optional<ClockBounds>& bounds) {
  return bounds ? fmt::format("{} to {}", bounds->least_us, bounds->most_us) : "nothing";
}

TEST(ClockEstimate, IsWhatAllSamplesSayTogether) {
  // In microseconds from kAt by our clock; the broker's milliseconds from kAt by its own. Each
  // sample is wider by 1 us (drift on the way), and so is what was known.
  struct Sample {
    std::int32_t broker;
    std::int64_t sent_us, answered_us, stored_ms;
  };
  struct Case {
    const char* what;
    std::vector<Sample> samples;
    const char* known;
  };
  const Case cases[] = {
      {"none", {}, "nothing"},
      {"one: the way and the grain", {{1, 100, 300, 0}}, "-302 to 902"},
      {"one whose broker is ahead by 3 s", {{1, 100, 300, 3000}}, "2999698 to 3000902"},
      {"one whose broker is behind by 3 s", {{1, 100, 300, -3000}}, "-3000302 to -2999098"},
      {"before and behind a tick", {{1, 700, 900, 0}, {1, 1000, 1200, 1}}, "-202 to 303"},
      {"one that tells nothing more", {{1, 700, 900, 0}, {1, 1400, 9000, 5}}, "-903 to 303"},
      {"a clock that was set", {{1, 700, 900, 0}, {1, 1700, 1900, 3001}}, "2999098 to 3000302"},
      {"another broker", {{1, 700, 900, 0}, {2, 1000, 1200, 1}}, "-202 to 1002"},
  };
  for (const auto& [what, samples, known] : cases) {
    SCOPED_TRACE(what);
    ClockEstimate estimate;
    Nanos now = 0;
    for (const Sample& each : samples) {
      now = each.answered_us * kMicrosecond;
      estimate.add({each.broker, kAt + each.stored_ms, kAt * 1000 + each.sent_us,
                    kAt * 1000 + each.answered_us, now});
    }
    EXPECT_EQ(shown(estimate.bounds(now)), known);
  }
}

TEST(ClockEstimate, GetsWiderByTheDriftOfTwoClocks) {
  ClockEstimate estimate;
  estimate.add({1, kAt, kAt * 1000, kAt * 1000, 0});
  EXPECT_EQ(shown(estimate.bounds(0)), "-2 to 1002");
  EXPECT_EQ(shown(estimate.bounds(kSecond)), "-102 to 1102");
  EXPECT_EQ(shown(estimate.bounds(3600 * kSecond)), "-360002 to 361002");
}

TEST(ClockEstimate, AsksToMeetTheBrokersTick) {
  ClockEstimate estimate;
  EXPECT_EQ(estimate.wait_us(kAt * 1000, 0), 0) << "nothing is known yet";
  estimate.add({1, kAt, kAt * 1000 + 300, kAt * 1000 + 700, 0});  // ahead by 0 +- 0.7 ms; way 0.4
  EXPECT_EQ(estimate.wait_us(kAt * 1000 + 700, 0), 100) << "stored then at + 1000";
  EXPECT_EQ(estimate.wait_us(kAt * 1000 + 900, 0), 900) << "this one's is past";
}

TEST(ClockDifference, IsASentence) {
  const struct {
    std::int64_t least_us, most_us;
    std::size_t clocks;
    bool matters;
    const char* words;
  } cases[] = {
      {-300, 700, 1, false, "this clock is within 0.7 ms of the storm's"},
      {-1250, 20, 1, false, "this clock is within 1.3 ms of the storm's"},
      {500, 900, 1, false, "this clock is within 0.9 ms of the storm's"},
      {-300, 700, 3, false, "this clock is within 0.7 ms of those of 3 storms"},
      {2'999'300, 3'000'700, 1, true,
       "this clock is 3.000 s ahead of the storm's (± 0.7 ms): latencies from fetched on are so "
       "much "
       "too long"},
      {-12'600, -11'400, 1, true,
       "this clock is 12.0 ms behind the storm's (± 0.6 ms): latencies from fetched on are so much "
       "too short"},
      {-12'600, -11'400, 3, true,
       "this clock is 12.0 ms behind a storm's (± 0.6 ms, the farthest of 3): latencies from "
       "fetched "
       "on are so much too short"},
  };
  for (const auto& [least_us, most_us, clocks, matters, words] : cases) {
    const ClockDifference difference{{least_us, most_us}, clocks};
    EXPECT_EQ(difference.words(), words);
    EXPECT_EQ(difference.matters(), matters) << words;
  }
}

class ClockBookTest : public testing::Test {
 protected:
  /// Ours is the broker's, to the microsecond or so; it is kAt + 1 ms.
  ClockBookTest() {
    ours_.add({1, kAt, kAt * 1000 + 999, kAt * 1000 + 999, 0});
    ours_.add({1, kAt + 1, kAt * 1000 + 1000, kAt * 1000 + 1000, kMicrosecond});
  }
  void tell(std::uint64_t run, std::uint32_t shard, ClockBounds ahead, std::int64_t age_ms = 0,
            std::int32_t broker = 1) {
    book_.add(clock_word({run, shard, "tweets"}, broker, ahead), kAt - age_ms);
  }
  std::optional<ClockDifference> compare() {
    return book_.compare(ours_, kAt * 1000 + 1000, kMicrosecond);
  }

  ClockEstimate ours_;
  ClockBook book_{"tweets"};
};

TEST_F(ClockBookTest, NamesTheDifferenceFromBothSides) {
  EXPECT_FALSE(compare());
  tell(7, 0, {2'999'000, 3'001'000});  // the broker is ahead of the storm, so are we
  const auto found = compare();
  ASSERT_TRUE(found);
  EXPECT_NEAR(static_cast<double>(found->ahead.least_us), 2'999'000, 10);
  EXPECT_NEAR(static_cast<double>(found->ahead.most_us), 3'001'000, 10);
  tell(7, 0, {-500, -400}, 5000);
  const auto later = compare();
  ASSERT_TRUE(later);
  EXPECT_NEAR(static_cast<double>(later->ahead.least_us), -1000, 10) << "5 s old: 0.5 ms of drift";
  EXPECT_NEAR(static_cast<double>(later->ahead.most_us), 100, 10);
}

TEST_F(ClockBookTest, NamesTheFarthestOfThoseWhoAreThere) {
  tell(7, 0, {-100, 100});
  tell(7, 1, {-9100, -8900});
  tell(8, 0, {4000, 4100});
  ASSERT_TRUE(compare());
  EXPECT_EQ(compare()->clocks, 3u);
  EXPECT_NEAR(static_cast<double>(compare()->ahead.middle_us()), -9000, 20);
  tell(7, 1, {-9100, -8900}, ClockBook::kSilentMs + 1);
  EXPECT_EQ(compare()->clocks, 2u) << "it has gone";
  EXPECT_NEAR(static_cast<double>(compare()->ahead.middle_us()), 4050, 20);
  tell(8, 0, {4000, 4100}, 0, 2);
  EXPECT_EQ(compare()->clocks, 1u) << "held against another broker's clock, it tells nothing";
}

TEST_F(ClockBookTest, ForgetsWhoIsSilentAndWhoSpeaksOutOfTheFuture) {
  tell(7, 0, {0, 0}, ClockBook::kForgottenMs + 2);
  tell(8, 0, {0, 0}, -ClockBook::kSilentMs - 2);
  EXPECT_FALSE(compare());
  EXPECT_TRUE(book_.empty());
  tell(7, 0, {0, 0}, ClockBook::kForgottenMs - 2);
  EXPECT_TRUE(compare()) << "the storm has ended, and its records are still read";
}

TEST_F(ClockBookTest, BelievesNoRubbish) {
  const std::string good = clock_word({7, 0, "tweets"}, 1, {0, 10});
  const std::pair<const char*, const char*> changes[] = {
      {R"("v":1)", R"("v":2)"},
      {R"("topic":"tweets")", R"("topic":"others")"},
      {"[0,10]", "[10,0]"},
      {"[0,10]", "[0]"},
      {"[0,10]", "[-9e18,10]"},
      {"[0,10]", "[0,9000000000000000000]"},
      {R"("shard":0)", R"("s":0)"},
      {R"("run":"000000000007")", R"("run":7)"},
      {R"("broker":1)", R"("broker":"1")"},
      {"}", ""},
  };
  for (const auto& [from, to] : changes) {
    std::string word = good;
    ASSERT_NE(word.find(from), std::string::npos) << from;
    book_.add(word.replace(word.find(from), std::string_view(from).size(), to), kAt);
    EXPECT_TRUE(book_.empty()) << word;
  }
  book_.add(good, -1);
  book_.add(good, std::int64_t{1} << 62);
  EXPECT_TRUE(book_.empty());
  for (std::uint32_t shard = 0; shard < ClockBook::kClocksMax + 5; ++shard) tell(7, shard, {0, 0});
  EXPECT_EQ(compare()->clocks, ClockBook::kClocksMax);
}

/// Two machines and a broker, whose clocks go as they like, in microseconds of true time.
class Machines {
 public:
  struct Machine {
    double off_us = 0, drift_ppm = 0;
    double wall(double t) const { return static_cast<double>(kAt) * 1000 + t + off_us + drift(t); }
    double mono(double t) const { return t + drift(t); }  // both come from one quartz
    double drift(double t) const { return t * drift_ppm / 1e6; }
  };

  explicit Machines(std::uint64_t seed) : random_(seed) {}

  /// One way: a least, mostly a little more, and now and then very long.
  double way(double least) {
    const double more = -std::log(1 - random_.unit()) * least / 2;
    return least + more + (random_.below(50) == 0 ? random_.unit() * 50'000 : 0);
  }

  /// What Probe in clock_watch.cc does; returns when it was answered.
  double probe(const Machine& self, const Machine& broker, double least_way, double t,
               ClockEstimate& estimate) {
    t += static_cast<double>(estimate.wait_us(std::int64_t(self.wall(t)), nanos(self, t)));
    t += random_.unit() * 60;  // a timer is not on time
    const double stored = t + way(least_way), answered = stored + way(least_way);
    estimate.add({.broker = 1,
                  .stored_ms = std::int64_t(broker.wall(stored)) / 1000,
                  .sent_us = std::int64_t(self.wall(t)) - 1,
                  .answered_us = std::int64_t(self.wall(answered)) + 1,
                  .at = nanos(self, answered)});
    stored_ms_ = std::int64_t(broker.wall(stored)) / 1000;
    return answered;
  }
  std::int64_t stored_ms() const { return stored_ms_; }
  static Nanos nanos(const Machine& self, double t) { return Nanos(self.mono(t) * 1000); }

 private:
  Random random_;
  std::int64_t stored_ms_ = 0;
};

TEST(ClocksOfTwoMachines, DifferByWhatIsSaidWhateverTheyAreAndHoweverTheyDrift) {
  struct Case {
    const char* what;
    Machines::Machine storm, reader, broker;
    double way_us;        // the least, one way
    double width_max_us;  // the usual one, so that bounds are not merely wide
  };
  const Case cases[] = {
      {"one clock", {}, {}, {}, 40, 2000},
      {"the reader 3 s behind", {}, {-3e6, 0}, {500, 0}, 40, 2000},
      {"the reader 3 s ahead", {250, 0}, {3e6, 0}, {-777, 0}, 40, 2000},
      {"the storm 3 s ahead, far from the broker", {3e6, 0}, {}, {1e6, 0}, 5000, 40'000},
      {"all drift", {1e4, 45}, {-2e4, -40}, {99, 12}, 150, 3000},
      {"drift at the limit", {0, 50}, {0, -50}, {0, -50}, 150, 3000},
  };
  const std::uint64_t seed = seed_for_test(20261126);
  for (const auto& [what, storm, reader, broker, way_us, width_max_us] : cases) {
    SCOPED_TRACE(fmt::format("{}, seed {}", what, seed));
    Machines machines(seed);
    ClockEstimate storms, readers;
    ClockBook book("tweets");
    std::vector<std::int64_t> widths;
    for (double second = 0; second < 120; ++second) {
      double t = second * 1e6;
      for (int i = 0; i < (second == 0 ? 8 : 1); ++i) {
        const auto known = storms.bounds(Machines::nanos(storm, t));
        const double answered = machines.probe(storm, broker, way_us, t, storms);
        if (known)
          book.add(clock_word({7, 0, "tweets"}, storms.broker(), *known), machines.stored_ms());
        t = answered;
      }
      for (int i = 0; i < (second == 0 ? 8 : 1); ++i)
        t = machines.probe(reader, broker, way_us, t, readers);
      const auto found =
          book.compare(readers, std::int64_t(reader.wall(t)), Machines::nanos(reader, t));
      ASSERT_TRUE(found) << "in second " << second;
      const double differ = reader.wall(t) - storm.wall(t);
      ASSERT_LE(static_cast<double>(found->ahead.least_us), differ) << "in second " << second;
      ASSERT_GE(static_cast<double>(found->ahead.most_us), differ) << "in second " << second;
      widths.push_back(found->ahead.most_us - found->ahead.least_us);
    }
    std::ranges::sort(widths);
    fmt::print("{}: +- {} us at best, usually {}, at most {}\n", what, widths.front() / 2,
               widths[widths.size() / 2] / 2, widths.back() / 2);
    EXPECT_LT(static_cast<double>(widths[widths.size() / 2]), width_max_us);
  }
}

TEST(ClocksOfTwoMachines, AreSeenToBeSet) {
  Machines machines(seed_for_test(1));
  Machines::Machine reader{.off_us = 0, .drift_ppm = 0};
  const Machines::Machine broker;
  ClockEstimate estimate;
  for (double second = 0; second < 20; ++second) {
    if (second == 10) reader.off_us = -3e6;
    double t = second * 1e6;
    for (int i = 0; i < (second == 0 ? 8 : 1); ++i)
      t = machines.probe(reader, broker, 40, t, estimate);
    const auto known = estimate.bounds(Machines::nanos(reader, t));
    const double ahead = broker.wall(t) - reader.wall(t);
    EXPECT_LE(static_cast<double>(known->least_us), ahead) << "in second " << second;
    EXPECT_GE(static_cast<double>(known->most_us), ahead) << "in second " << second;
  }
}

}  // namespace
}  // namespace ds
