// Against a real cluster, when there is one: KAFKA_BOOTSTRAP=host:port names it.
#include <gtest/gtest.h>

#include <cstdlib>

#include "kafka/client/admin.h"
#include "kafka/client/direct_producer.h"
#include "kafka/client/fetcher.h"
#include "kafka/client/rdkafka/rdkafka_outlet.h"
#include "kafka/wire/record_batch.h"

namespace ds::kafka {
namespace {

class CountingDeliveries final : public DeliveryListener {
 public:
  void on_delivery(const OutBatch& batch, const Delivery& delivery) override {
    switch (delivery.outcome) {
      case Outcome::kWritten:
        written += batch.records;
        break;
      case Outcome::kAcknowledged:
        acknowledged += batch.records;
        break;
      case Outcome::kFailed:
        failed += batch.records;
        break;
      case Outcome::kUnknown:
        unknown += batch.records;
        break;
      case Outcome::kAborted:
        FAIL() << "there are no transactions here";
    }
  }
  std::uint64_t written = 0, acknowledged = 0, failed = 0, unknown = 0;
};

class RealKafka : public testing::Test {
 protected:
  void SetUp() override {
    const char* bootstrap = std::getenv("KAFKA_BOOTSTRAP");
    if (!bootstrap) GTEST_SKIP() << "KAFKA_BOOTSTRAP names no cluster";
    settings_.brokers = parse_addresses(bootstrap, 9092).value();
    topic_ = fmt::format("client-test-{}", SystemClock().wall_ms());
  }
  void TearDown() override {
    if (!settings_.brokers.empty()) {
      [[maybe_unused]] const Status gone = Admin(settings_, clock_, log_).delete_topic(topic_);
    }
  }

  /// `count` batches of `records` records each, round the partitions.
  void produce(const ProducerSettings& settings, int partitions, int count, int records,
               CountingDeliveries& deliveries, bool rdkafka = false) {
    auto outlet = rdkafka ? make_rdkafka_outlet(settings_, settings, deliveries, clock_, log_)
                          : make_direct_outlet(settings_, settings, deliveries, clock_, log_);
    ASSERT_TRUE(outlet.ok()) << outlet.error().message;
    for (int i = 0; i < count; ++i) {
      std::optional<Outlet::Slot> slot;
      while (!(slot = (*outlet)->reserve(i % partitions, 100'000))) (*outlet)->turn(kMillisecond);
      RecordBatchBuilder builder({.producer_id = slot->producer_id,
                                  .producer_epoch = slot->producer_epoch,
                                  .base_sequence = slot->base_sequence});
      for (int r = 0; r < records; ++r) {
        const std::string value = fmt::format("{}/{}", i, r);
        builder.add({.timestamp = clock_.wall_ms(), .value = as_bytes(value)});
      }
      const ByteVec batch = builder.build().value();
      std::copy(batch.begin(), batch.end(), slot->bytes.begin());
      (*outlet)->submit(*slot, {.partition = i % partitions,
                                .records = static_cast<std::uint32_t>(records),
                                .size = static_cast<std::uint32_t>(batch.size())});
      (*outlet)->turn(0);
    }
    (*outlet)->close(clock_.now() + 20 * kSecond);
  }

  SystemClock clock_;
  NoLog log_;
  ClientSettings settings_;
  std::string topic_;
};

TEST_F(RealKafka, StoresWhatTheOutletSaysItStored) {
  struct Case {
    const char* what;
    Acks acks;
    bool idempotent;
    const char* compression;
    bool rdkafka = false;
  };
  const Case cases[] = {
      {"acks=0", Acks::kNone, false, "none"},
      {"acks=1", Acks::kLeader, false, "none"},
      {"acks=all", Acks::kAll, false, "none"},
      {"idempotent", Acks::kAll, true, "none"},
      {"gzip", Acks::kLeader, false, "gzip"},
      {"snappy", Acks::kLeader, false, "snappy"},
      {"lz4", Acks::kLeader, false, "lz4"},
      {"zstd", Acks::kLeader, false, "zstd"},
      {"idempotent zstd", Acks::kAll, true, "zstd"},
      {"librdkafka, acks=0", Acks::kNone, false, "none", true},
      {"librdkafka, acks=1", Acks::kLeader, false, "lz4", true},
      {"librdkafka, idempotent", Acks::kAll, true, "none", true},
  };
  Admin admin(settings_, clock_, log_);
  ASSERT_TRUE(admin.ensure_topic({.name = topic_, .partitions = 4}).ok());
  std::uint64_t stored = 0;
  for (const auto& [what, acks, idempotent, compression, rdkafka] : cases) {
    SCOPED_TRACE(what);
    CountingDeliveries deliveries;
    ProducerSettings producer;
    producer.topic = topic_;
    producer.acks = acks;
    producer.idempotent = idempotent;
    producer.compression = compression;
    produce(producer, 4, 100, 50, deliveries, rdkafka);
    EXPECT_EQ(deliveries.written, 5000u);
    EXPECT_EQ(deliveries.acknowledged, acks == Acks::kNone ? 0u : 5000u);
    EXPECT_EQ(deliveries.failed + deliveries.unknown, 0u);
    stored += 5000;
    std::uint64_t end = 0;
    const auto ends = admin.end_offsets(topic_);
    ASSERT_TRUE(ends.ok()) << ends.error().message;
    for (const auto& [partition, offset] : *ends) end += static_cast<std::uint64_t>(offset);
    EXPECT_EQ(end, stored);
  }
  std::uint64_t read = 0;
  const Status all = admin.read_all(topic_, [&](std::int32_t, const RecordView&) { ++read; });
  ASSERT_TRUE(all.ok()) << all.error().message;
  EXPECT_EQ(read, stored);
}

/// Takes whatever is assigned from where `starts` says.
class Assignment final : public AssignmentListener {
 public:
  std::map<TopicPartition, std::int64_t> on_assigned(const Assigned& given) override {
    assigned += given.partitions.size();
    return starts;
  }
  void on_revoked(const std::vector<TopicPartition>& partitions) override {
    assigned -= partitions.size();
  }
  std::map<TopicPartition, std::int64_t> starts;
  std::size_t assigned = 0;
};

TEST_F(RealKafka, ReadsEveryBatchAndGoesOnWhereItHasCommitted) {
  ConsumerSettings consumer;
  consumer.topic = topic_;
  consumer.group = topic_ + "-group";
  Assignment assignment;
  // The topic does not exist yet: the source waits for it.
  auto source = make_direct_source(settings_, consumer, assignment, clock_, log_);
  ASSERT_TRUE(source.ok()) << source.error().message;
  std::vector<Fetched> fetched;
  ASSERT_TRUE((*source)->poll(0, fetched).ok());
  ASSERT_TRUE(Admin(settings_, clock_, log_).ensure_topic({.name = topic_, .partitions = 4}).ok());
  CountingDeliveries deliveries;
  ProducerSettings producer;
  producer.topic = topic_;
  produce(producer, 4, 100, 50, deliveries);
  ASSERT_EQ(deliveries.acknowledged, 5000u);

  std::map<TopicPartition, std::int64_t> next;
  std::uint64_t read = 0;
  const auto read_until = [&](std::uint64_t total) {
    const Nanos deadline = clock_.now() + 20 * kSecond;
    while (read < total && clock_.now() < deadline) {
      fetched.clear();
      const Status polled = (*source)->poll(100 * kMillisecond, fetched);
      ASSERT_TRUE(polled.ok()) << polled.error().message;
      for (const Fetched& each : fetched) {
        BatchCursor batches(each.bytes);
        while (const auto batch = batches.next()) {
          ByteVec scratch;
          RecordReader records(*batch, scratch);
          while (const auto record = records.next()) {
            std::int64_t& expected = next[each.from];
            EXPECT_EQ(record->offset, expected);
            ++expected;
            ++read;
          }
        }
        EXPECT_TRUE(batches.rest().empty());
      }
    }
    EXPECT_EQ(read, total);
  };
  read_until(5000);
  EXPECT_EQ(assignment.assigned, 4u);
  (*source)->commit(next);
  (*source)->close(clock_.now() + 5 * kSecond);
  EXPECT_EQ((*source)->committed(), next);
  EXPECT_EQ(assignment.assigned, 0u);

  produce(producer, 4, 100, 50, deliveries);
  source = make_direct_source(settings_, consumer, assignment, clock_, log_);
  ASSERT_TRUE(source.ok());
  read_until(10000);
  (*source)->seek({topic_, 2}, 7);
  next[{topic_, 2}] = 0;  // batches are whole: the one that holds offset 7 begins at 0
  read_until(10000 + 2500);
  (*source)->close(clock_.now() + 5 * kSecond);
}

TEST_F(RealKafka, CreatesListsDescribesAndDeletesTopics) {
  Admin admin(settings_, clock_, log_);
  ASSERT_TRUE(admin.cluster_id().ok());
  EXPECT_EQ(admin.describe_topic(topic_).error().code, ErrorCode::kRefused);
  const auto topic = admin.ensure_topic(
      {.name = topic_, .partitions = 3, .configs = {{"cleanup.policy", "compact"}}});
  ASSERT_TRUE(topic.ok()) << topic.error().message;
  EXPECT_EQ(topic->partitions.size(), 3u);
  EXPECT_EQ(admin.create_topic({.name = topic_, .partitions = 3}).error().code,
            ErrorCode::kRefused);
  const auto configs = admin.topic_configs(topic_);
  ASSERT_TRUE(configs.ok()) << configs.error().message;
  EXPECT_EQ(configs->at("cleanup.policy"), "compact");
  const auto names = admin.list_topics();
  ASSERT_TRUE(names.ok());
  EXPECT_TRUE(std::find(names->begin(), names->end(), topic_) != names->end());
  RecordBatchBuilder builder({});
  builder.add({.timestamp = clock_.wall_ms(), .key = as_bytes("k"), .value = as_bytes("v")});
  const ByteVec batch = builder.build().value();
  const auto first = admin.produce_sync(topic_, 1, batch);
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_EQ(*first, 0);
  EXPECT_EQ(*admin.produce_sync(topic_, 1, batch), 1);
  EXPECT_EQ(admin.end_offsets(topic_)->at(1), 2);
  EXPECT_EQ(admin.offsets_at(topic_, clock_.wall_ms() + 3'600'000)->at(1), 2);
  EXPECT_EQ(admin.offsets_at(topic_, 0)->at(1), 0);
  EXPECT_TRUE(admin.group_committed("nobody", topic_)->empty());
  EXPECT_TRUE(admin.delete_topic(topic_).ok());
}

}  // namespace
}  // namespace ds::kafka
