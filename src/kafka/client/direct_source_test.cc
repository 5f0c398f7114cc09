#include "kafka/client/direct_source.h"

#include <gtest/gtest.h>

#include "kafka/client/fetcher.h"
#include "kafka/client/scripted_broker.h"

namespace ds::kafka {
namespace {

class Assignment final : public AssignmentListener {
 public:
  std::map<TopicPartition, std::int64_t> on_assigned(const Assigned& given) override {
    assigned.insert(given.partitions.begin(), given.partitions.end());
    return starts;
  }
  void on_revoked(const std::vector<TopicPartition>& partitions) override {
    for (const auto& each : partitions) assigned.erase(each);
  }
  std::map<TopicPartition, std::int64_t> starts;
  std::set<TopicPartition> assigned;
};

/// A source and all that it read, by partition; its clock moves a millisecond a turn.
class Reader {
 public:
  explicit Reader(ScriptedCluster& cluster, ConsumerSettings settings = {}) {
    client.brokers = {cluster.address()};
    client.request_timeout = 3600 * kSecond;
    settings.topic = "t";
    auto made = make_direct_source(client, settings, assignment, clock, log);
    EXPECT_TRUE(made.ok()) << made.error().message;
    source = std::move(*made);
  }
  Status turn() {
    std::vector<Fetched> fetched;
    Status polled = source->poll(kMillisecond, fetched);
    clock.advance(kMillisecond);
    for (const Fetched& each : fetched) take(each);
    return polled;
  }
  void take(const Fetched& fetched) {
    ByteVec scratch;
    BatchCursor batches(fetched.bytes);
    while (const auto batch = batches.next()) {
      RecordReader records(*batch, scratch);
      while (const auto record = records.next()) {
        if (record->offset < fetched.first_offset) continue;
        values[fetched.from.partition].emplace_back(as_text(*record->value));
      }
    }
    EXPECT_TRUE(batches.status().ok());
    EXPECT_TRUE(batches.rest().empty()) << "a batch cut short was handed out";
  }
  void read(std::size_t records, int turns = 20'000) {
    const auto count = [&] {
      std::size_t sum = 0;
      for (const auto& [partition, texts] : values) sum += texts.size();
      return sum;
    };
    while (count() < records && turns-- > 0) ASSERT_TRUE(turn().ok());
  }

  Assignment assignment;
  std::map<int, std::vector<std::string>> values;
  std::unique_ptr<Source> source;
  ClientSettings client;
  ManualClock clock;
  NoLog log;
};

TEST(DirectSource, ReadsEveryRecordOnceAndInOrderWhateverHappens) {
  struct Case {
    const char* what;
    Fault fault;
  };
  const Case cases[] = {
      {"all is well", Fault::kNone},           {"not the leader", Fault::kNotLeader},
      {"leader moves", Fault::kMoveLeader},    {"cut before the answer", Fault::kCutBefore},
      {"cut in the answer", Fault::kCutAfter},
  };
  for (const auto& [what, fault] : cases) {
    SCOPED_TRACE(what);
    // Small answers, so that many are asked for and batches come cut short.
    ScriptedCluster cluster({.nodes = 2, .partitions = 3, .fetch_bytes = 1000});
    cluster.fill(3, 100);
    cluster.on_fetch = [fault = fault](int n) { return n % 5 == 2 ? fault : Fault::kNone; };
    Reader reader(cluster);
    reader.read(300);
    EXPECT_GE(cluster.faults(), fault == Fault::kNone ? 0 : 5);
    for (int p = 0; p < 3; ++p) EXPECT_EQ(reader.values[p], cluster.log(p));
    EXPECT_EQ(reader.source->high_watermarks().size(), 3u);
  }
}

TEST(DirectSource, StartsWhereTheListenerSays) {
  ScriptedCluster cluster({.partitions = 2});
  cluster.fill(2, 10);
  // Partition 1 is left out: it starts at the log's start.
  class From7 final : public AssignmentListener {
   public:
    std::map<TopicPartition, std::int64_t> on_assigned(const Assigned&) override {
      return {{{"t", 0}, 7}};
    }
    void on_revoked(const std::vector<TopicPartition>&) override {}
  };
  From7 listener;
  Reader reader(cluster);
  reader.source =
      make_direct_source(reader.client, {.topic = "t"}, listener, reader.clock, reader.log).value();
  reader.read(13);
  auto expected = cluster.log(0);
  expected.erase(expected.begin(), expected.begin() + 7);
  EXPECT_EQ(reader.values[0], expected);
  EXPECT_EQ(reader.values[1], cluster.log(1));
}

TEST(DirectSource, GoesToTheLogsStartWhenRetentionHasOvertakenIt) {
  ScriptedCluster cluster({.partitions = 1});
  cluster.fill(1, 20);
  Reader reader(cluster);
  reader.read(20);
  cluster.set_start(0, 15);
  reader.values.clear();
  reader.source->seek({"t", 0}, 3);
  reader.read(5);
  const auto log = cluster.log(0);
  EXPECT_EQ(reader.values[0], std::vector<std::string>(log.begin() + 15, log.end()));
}

TEST(DirectSource, WaitsForATopicThatIsCreatedLater) {
  ScriptedCluster cluster({.partitions = 1, .topic_exists = false});
  Reader reader(cluster);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(reader.turn().ok());
  EXPECT_TRUE(reader.assignment.assigned.empty());
  cluster.create_topic();
  cluster.fill(1, 5);
  reader.read(5);
  EXPECT_EQ(reader.values[0], cluster.log(0));
}

TEST(DirectSource, HoldsNoMoreMemoryThanItMay) {
  ScriptedCluster cluster({.partitions = 1, .fetch_bytes = 8000});
  cluster.fill(1, 2000);
  Reader reader(cluster, {.fetch_bytes_max = 8192, .buffer_memory = 3 * 16384});
  std::vector<Fetched> held;
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(reader.source->poll(0, held).ok());
    reader.clock.advance(kMillisecond);
    std::vector<Fetched> none;
    ASSERT_TRUE(reader.source->poll(kMillisecond, none).ok());
    std::move(none.begin(), none.end(), std::back_inserter(held));
  }
  std::size_t bytes = 0;
  for (const Fetched& each : held)
    bytes += static_cast<const FrameBuffer*>(each.owner.get())->size();
  EXPECT_GT(held.size(), 0u);
  EXPECT_LE(bytes, 3u * 16384);
  for (const Fetched& each : held) reader.take(each);
  held.clear();  // and it goes on
  reader.read(2000);
  EXPECT_EQ(reader.values[0], cluster.log(0));
}

TEST(DirectSource, FetchesNothingWhilePaused) {
  ScriptedCluster cluster({.partitions = 1});
  Reader reader(cluster);
  reader.source->pause(true);
  cluster.fill(1, 5);
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(reader.turn().ok());
  EXPECT_TRUE(reader.values.empty());
  reader.source->pause(false);
  reader.read(5);
  EXPECT_EQ(reader.values[0], cluster.log(0));
}

}  // namespace
}  // namespace ds::kafka
