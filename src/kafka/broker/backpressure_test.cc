#include "kafka/broker/backpressure.h"

#include <gtest/gtest.h>

#include <thread>

#include "kafka/broker/broker.h"
#include "kafka/broker/test_support.h"
#include "kafka/wire/messages/all.h"

namespace ds::kafka::broker {
namespace {

constexpr std::uint64_t kLimit = 64u << 20;

class BackpressureTest : public testing::Test {
 protected:
  std::unique_ptr<Broker> start(Nanos hold_max) {
    return Broker::start({.listen = {"127.0.0.1", 0},
                          .durability = {.mode = DurabilityMode::kMemory},
                          .retention_bytes = kLimit,
                          .keep_unread = true,
                          .hold_max = hold_max,
                          .default_partitions = 1},
                         files_, clock_, log_)
        .value();
  }
  static ByteVec batch(std::int32_t sequence, std::int64_t producer = 7) {
    return make_batch({.records = 10,
                       .value_bytes = 100'000,
                       .producer_id = producer,
                       .producer_epoch = 0,
                       .base_sequence = sequence});
  }
  static KafkaError produce(BlockingClient& client, const ByteVec& batch,
                            const std::string& topic = "t") {
    return client
        .ask<ProduceResponse>(
            ProduceRequest{
                .acks = 1, .timeout_ms = 1000, .topic_data = {{topic, {{0, Records{batch}}}}}},
            7)
        .responses.at(0)
        .partition_responses.at(0)
        .error_code;
  }
  static void commit(BlockingClient& client, std::int64_t offset) {
    OffsetCommitRequest request{.group_id = "g"};
    request.topics = {{.name = "t", .partitions = {{.committed_offset = offset}}}};
    const auto told = client.ask<OffsetCommitResponse>(request, 7);
    ASSERT_EQ(told.topics.at(0).partitions.at(0).error_code, KafkaError::kNone);
  }
  /// The number of the next batch, which the broker did not take.
  static std::int32_t fill(BlockingClient& client) {
    for (std::int32_t i = 0;; i += 10)
      if (const auto error = produce(client, batch(i)); error != KafkaError::kNone) {
        EXPECT_EQ(error, KafkaError::kNotEnoughReplicas);
        return i;
      }
  }

  RealFiles files_;
  SystemClock clock_;
  NoLog log_;
};

TEST_F(BackpressureTest, LosesNothingBetweenAFastProducerAndASlowGroup) {
  constexpr std::int64_t kRecords = 3000;  // 300 MB through 64 MiB
  const auto broker = start(2 * kSecond);
  BlockingClient reader(broker->address());
  reader.ask<MetadataResponse>(
      MetadataRequest{.topics = {{{.name = "t"}}}, .allow_auto_topic_creation = true}, 7);
  commit(reader, 0);
  std::jthread producer([&] {
    BlockingClient client(broker->address());
    for (std::int32_t i = 0; i < kRecords;)
      if (produce(client, batch(i)) == KafkaError::kNone) i += 10;
  });
  while (broker->stats().producers_held == 0) std::this_thread::yield();

  std::int64_t at = 0;
  std::uint64_t most = 0;
  while (at < kRecords) {
    FetchRequest fetch{.max_wait_ms = 1000, .min_bytes = 1};
    fetch.topics = {{"t", {{.partition = 0, .fetch_offset = at, .partition_max_bytes = 1 << 20}}}};
    const auto told = reader.ask<FetchResponse>(fetch, 11).responses.at(0).partitions.at(0);
    ASSERT_EQ(told.error_code, KafkaError::kNone) << "offset " << at << " was dropped";
    if (told.records->bytes.empty()) continue;
    const auto header = BatchHeader::read(told.records->bytes);
    ASSERT_TRUE(header.ok());
    ASSERT_EQ(header->base_offset, at);
    at = header->next_offset();
    commit(reader, at);
    most = std::max(most, broker->stats().log_bytes);
  }
  EXPECT_EQ(at, kRecords);
  EXPECT_LT(most, kLimit + (4u << 20));
  EXPECT_GT(broker->stats().held_ns, 0u);
  producer.join();
  EXPECT_EQ(broker->stats().producers_held, 0u);
}

TEST_F(BackpressureTest, SendsBackWhatFoundNoRoomAndWhatFollowsIt) {
  const auto broker = start(20 * kMillisecond);
  BlockingClient client(broker->address());
  client.ask<MetadataResponse>(
      MetadataRequest{.topics = {{{.name = "t"}}}, .allow_auto_topic_creation = true}, 7);
  commit(client, 0);
  const std::int32_t next = fill(client);
  EXPECT_GT(next, 500);
  EXPECT_EQ(produce(client, batch(0, 8)), KafkaError::kNotEnoughReplicas);

  EXPECT_EQ(produce(client, make_batch(), "t.dlq"), KafkaError::kNone) << "it has a reserve";
  EXPECT_EQ(produce(client, batch(next - 10)), KafkaError::kNone) << "it is stored already";
  EXPECT_GT(broker->stats().unread_bytes, kLimit / 2);

  commit(client, next);
  while (produce(client, batch(next)) != KafkaError::kNone) continue;
  EXPECT_EQ(produce(client, batch(10, 8)), KafkaError::kNotEnoughReplicas)
      << "its first batch was sent back and must come first";
  EXPECT_EQ(produce(client, batch(0, 8)), KafkaError::kNone);
  EXPECT_EQ(produce(client, batch(10, 8)), KafkaError::kNone);
}

}  // namespace
}  // namespace ds::kafka::broker
