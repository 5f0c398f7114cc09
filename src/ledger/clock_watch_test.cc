#include "ledger/clock_watch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/random.h"
#include "base/seed_for_test.h"
#include "kafka/wire/record_batch.h"

namespace ds {
namespace {

constexpr std::int64_t kWallUs = 1'700'000'000'000'000;
constexpr std::int64_t kBrokerAheadUs = 2'999'877;

/// A machine that takes its time between any two looks at its clocks.
class SlowClock final : public Clock {
 public:
  Nanos now() const override { return pass(); }
  std::int64_t wall_ms() const override { return wall_us() / 1000; }
  std::int64_t wall_us() const { return kWallUs + pass() / kMicrosecond; }

 private:
  Nanos pass() const {
    const std::lock_guard lock(mutex_);
    now_ += static_cast<Nanos>(random_.below(3 * kMillisecond));
    return now_;
  }
  mutable std::mutex mutex_;
  mutable Random random_{seed_for_test(7)};
  mutable Nanos now_ = 0;
};

/// What a cluster was sent, and what it answers.
class Cluster {
 public:
  explicit Cluster(const SlowClock& its_clock) : clock(its_clock) {}

  const SlowClock& clock;
  bool append_time = true;
  std::mutex mutex;
  std::condition_variable changed;
  kafka::TopicSpec made;
  std::vector<std::optional<std::string>> values;

  void wait_for(std::size_t count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return values.size() >= count; });
  }
};

class Keeper final : public kafka::TopicKeeper {
 public:
  explicit Keeper(Cluster& cluster) : cluster_(cluster) {}
  Result<std::int32_t> ready_partitions(const kafka::TopicSpec& spec) override {
    const std::lock_guard lock(cluster_.mutex);
    cluster_.made = spec;
    return spec.partitions;
  }
  Result<kafka::Offsets> end_offsets(const std::string&) override { return kafka::Offsets(); }
  Result<std::int64_t> produce_sync(const std::string&, std::int32_t, ByteView) override {
    return std::int64_t{0};
  }
  Result<kafka::Stamp> produce_stamped(const std::string& topic, std::int32_t partition,
                                       ByteView bytes) override {
    EXPECT_EQ(topic, kClockTopic);
    EXPECT_EQ(partition, 0);
    const std::lock_guard lock(cluster_.mutex);
    ByteVec scratch;
    kafka::BatchCursor batches(bytes);
    kafka::RecordReader records(*batches.next(), scratch);
    const auto record = records.next();
    cluster_.values.push_back(record->value ? std::optional(std::string(as_text(*record->value)))
                                            : std::nullopt);
    cluster_.changed.notify_all();
    kafka::Stamp stamp{.broker = 4, .sent = cluster_.clock.now()};
    if (cluster_.append_time) stamp.stored_ms = (cluster_.clock.wall_us() + kBrokerAheadUs) / 1000;
    stamp.answered = cluster_.clock.now();
    return stamp;
  }

 private:
  Cluster& cluster_;
};

ClockTeller::MakeKeeper keeper_of(Cluster& cluster) {
  return [&cluster] {
    return Result<std::unique_ptr<kafka::TopicKeeper>>(std::make_unique<Keeper>(cluster));
  };
}

TEST(ClockTeller, TellsWhatIsTrueHoweverSlowTheMachineIs) {
  const SlowClock clock;
  Cluster cluster(clock);
  {
    const ClockTeller teller(keeper_of(cluster), {.run = 7, .shard = 3, .topic = "tweets"}, clock,
                             [&] { return clock.wall_us(); });
    cluster.wait_for(9);
  }
  EXPECT_EQ(cluster.made.name, kClockTopic);
  EXPECT_EQ(cluster.made.partitions, 1);
  EXPECT_EQ(cluster.made.configs.at("message.timestamp.type"), "LogAppendTime");
  EXPECT_FALSE(cluster.values[0]) << "nothing is known yet";
  std::int64_t width = std::int64_t{1} << 40;
  for (std::size_t i = 1; i < 9; ++i) {
    ASSERT_TRUE(cluster.values[i]);
    SCOPED_TRACE(*cluster.values[i]);
    const auto word = nlohmann::json::parse(*cluster.values[i]);
    EXPECT_EQ(word.at("run"), "000000000007");
    EXPECT_EQ(word.at("shard"), 3);
    EXPECT_EQ(word.at("topic"), "tweets");
    EXPECT_EQ(word.at("broker"), 4);
    const std::int64_t least = word.at("ahead_us").at(0), most = word.at("ahead_us").at(1);
    EXPECT_LE(least, kBrokerAheadUs);
    EXPECT_GE(most, kBrokerAheadUs);
    EXPECT_LE(most - least, width + 100) << "but for what it drifts";
    width = most - least;
  }
}

TEST(ClockTeller, TellsNothingWhereRecordsDoNotBearTheBrokersTime) {
  const SlowClock clock;
  Cluster cluster(clock);
  cluster.append_time = false;
  {
    const ClockTeller teller(keeper_of(cluster), {.run = 7, .topic = "tweets"}, clock,
                             [&] { return clock.wall_us(); });
    cluster.wait_for(2);  // it tries again
  }
  for (const auto& value : cluster.values) EXPECT_FALSE(value);
}

}  // namespace
}  // namespace ds
