#include "kafka/broker/backpressure.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "kafka/broker/broker.h"
#include "kafka/broker/buffer_pool.h"
#include "kafka/broker/test_support.h"
#include "kafka/wire/messages/all.h"

namespace ds::kafka::broker {
namespace {

constexpr std::uint64_t kLimit = 64u << 20;

/// The system's clock, but for its time of day.
class ShiftedClock final : public Clock {
 public:
  Nanos now() const override { return system_.now(); }
  std::int64_t wall_ms() const override { return system_.wall_ms() + shift_ms; }
  std::atomic<std::int64_t> shift_ms = 0;

 private:
  SystemClock system_;
};

class BackpressureTest : public testing::Test {
 protected:
  BrokerSettings settings(Nanos hold_max) {
    return {.listen = {"127.0.0.1", 0},
            .durability = {.mode = DurabilityMode::kMemory},
            .retention_bytes = kLimit,
            .keep_unread = true,
            .hold_max = hold_max,
            .default_partitions = 1};
  }
  std::unique_ptr<Broker> start(const BrokerSettings& settings) {
    return Broker::start(settings, files_, clock_, log_).value();
  }
  std::unique_ptr<Broker> start(Nanos hold_max) { return start(settings(hold_max)); }
  static void make_topic(BlockingClient& client, const std::string& name = "t") {
    client.ask<MetadataResponse>(
        MetadataRequest{.topics = {{{.name = name}}}, .allow_auto_topic_creation = true}, 7);
  }
  /// A member of group g that reads t; it commits nothing. Its id.
  static std::string join(BlockingClient& client) {
    const auto joined = client.ask<JoinGroupResponse>(
        JoinGroupRequest{
            .group_id = "g",
            .session_timeout_ms = 60'000,
            .rebalance_timeout_ms = 60'000,
            .protocol_type = "consumer",
            .protocols = {{"range",
                           encode_embedded(ConsumerProtocolSubscription{.topics = {"t"}}, 1)}}},
        2);
    EXPECT_EQ(joined.error_code, KafkaError::kNone);
    return joined.member_id;
  }
  static void leave(BlockingClient& client, const std::string& member) {
    EXPECT_EQ(
        client.ask<LeaveGroupResponse>(LeaveGroupRequest{.group_id = "g", .member_id = member}, 1)
            .error_code,
        KafkaError::kNone);
  }
  static std::int64_t log_start(BlockingClient& client, const std::string& topic = "t") {
    return log_offset(client, ListOffsetsRequest::kEarliest, topic);
  }
  static std::int64_t log_end(BlockingClient& client) {
    return log_offset(client, ListOffsetsRequest::kLatest, "t");
  }
  static std::int64_t log_offset(BlockingClient& client, std::int64_t which,
                                 const std::string& topic) {
    ListOffsetsRequest request{.replica_id = -1};
    request.topics = {{topic, {{.partition_index = 0, .timestamp = which}}}};
    return client.ask<ListOffsetsResponse>(request, 2).topics.at(0).partitions.at(0).offset;
  }
  /// Sends 128 MB, twice the limit, unless the broker is full; whether all was taken.
  static bool flood(BlockingClient& client, std::int64_t producer) {
    for (std::int32_t i = 0; i < 1280; i += 10)
      if (produce(client, batch(i, producer)) != KafkaError::kNone) return false;
    return true;
  }
  static ByteVec batch(std::int32_t sequence, std::int64_t producer = 7) {
    return make_batch({.records = 10,
                       .value_bytes = 100'000,
                       .producer_id = producer,
                       .producer_epoch = 0,
                       .base_sequence = sequence});
  }
  static ProduceRequest produce_request(const ByteVec& batch, const std::string& topic = "t") {
    return {.acks = 1, .timeout_ms = 1000, .topic_data = {{topic, {{0, Records{batch}}}}}};
  }
  static KafkaError produce(BlockingClient& client, const ByteVec& batch,
                            const std::string& topic = "t") {
    return client.ask<ProduceResponse>(produce_request(batch, topic), 7)
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

  std::int64_t next_producer_ = 100;
  RealFiles files_;
  ShiftedClock clock_;
  NoLog log_;
};

// The held request and the beginning of the next one fill the connection's buffer to the last byte.
TEST_F(BackpressureTest, KeepsTheConnectionOfAProducerThatSendsAheadWhileItIsHeld) {
  const auto broker = start(20 * kSecond);
  BlockingClient reader(broker->address());
  make_topic(reader);
  commit(reader, 0);
  std::atomic<bool> full = false;
  std::jthread filler([&] {
    BlockingClient client(broker->address());
    for (std::int32_t i = 0; !full; i += 10) produce(client, batch(i));
  });
  while (broker->stats().producers_held == 0) std::this_thread::yield();
  full = true;

  const auto request = [](std::size_t value_bytes, std::int32_t correlation_id) {
    return encode_request(produce_request(make_batch({.value_bytes = value_bytes})), 7,
                          correlation_id, "test");
  };
  constexpr std::size_t kWanted = BufferPool::kSmallest - 100, kAbout = kWanted - 1000;
  const ByteVec held = request(kAbout + kWanted - request(kAbout, 1).size(), 1);
  ASSERT_EQ(held.size(), kWanted);
  ByteVec ahead = request(1000, 2);
  ahead.insert(ahead.begin(), held.back());
  BlockingClient client(broker->address());
  client.send(ByteView(held).first(held.size() - 1));
  client.send(ahead);
  while (broker->stats().producers_held < 2) std::this_thread::yield();
  commit(reader, log_end(reader));
  for (const std::int32_t correlation_id : {1, 2}) {
    const auto told = client.receive<ProduceResponse>(7, correlation_id);
    ASSERT_FALSE(told.responses.empty()) << "of request " << correlation_id;
    EXPECT_EQ(told.responses[0].partition_responses.at(0).error_code, KafkaError::kNone);
  }
}

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

TEST_F(BackpressureTest, CountsAGroupFromItsJoinToItsEnd) {
  auto with = settings(20 * kMillisecond);
  with.group_returns = 0;
  const auto broker = start(with);
  BlockingClient client(broker->address()), member(broker->address());
  make_topic(client);
  EXPECT_TRUE(flood(client, 1)) << "nobody reads it";
  while (log_start(client) == 0) std::this_thread::yield();

  const std::string id = join(member);
  const std::int64_t at_join = log_start(client);
  EXPECT_FALSE(flood(client, 2)) << "a member that has committed nothing needs all from there on";
  EXPECT_EQ(log_start(client), at_join);
  leave(member, id);
  while (!flood(client, next_producer_++)) continue;  // dropped at the next pass
  EXPECT_GT(log_start(client), at_join) << "without a member and a commit it counts no more";

  const std::int64_t committed = log_start(client);
  commit(client, committed);
  EXPECT_FALSE(flood(client, next_producer_++));
  EXPECT_EQ(log_start(client), committed);
  clock_.shift_ms = with.group_lives / kMillisecond + 1000;
  while (!flood(client, next_producer_++)) continue;
  EXPECT_GT(log_start(client), committed) << "its last commit is longer ago than it lives";
}

TEST_F(BackpressureTest, KnowsAfterARestartWhoReads) {
  TempFolder folder;
  auto with = settings(20 * kMillisecond);
  with.durability = {.mode = DurabilityMode::kCache};
  with.data_dir = folder.path();
  auto broker = start(with);
  {
    BlockingClient client(broker->address()), member(broker->address());
    make_topic(client);
    join(member);
    EXPECT_FALSE(flood(client, 1));
  }
  broker.reset();
  broker = start(with);
  BlockingClient client(broker->address());
  EXPECT_FALSE(flood(client, 2)) << "its member has not come back yet";
  EXPECT_EQ(log_start(client), 0);

  with.group_returns = 0;
  broker.reset();
  broker = start(with);
  BlockingClient later(broker->address());
  while (!flood(later, next_producer_++)) continue;
  EXPECT_GT(log_start(later), 0) << "nor does it within its time";
}

TEST_F(BackpressureTest, KeepsWhatALiveGroupHasNotCommittedWhileItHasNoMember) {
  auto with = settings(20 * kMillisecond);
  with.group_returns = 0;
  const auto broker = start(with);
  BlockingClient client(broker->address()), member(broker->address());
  make_topic(client);
  make_topic(client, "other");
  OffsetCommitRequest request{.group_id = "g"};  // of other: the group is live, t has no commit
  request.topics = {{.name = "other", .partitions = {{.committed_offset = 0}}}};
  client.ask<OffsetCommitResponse>(request, 7);
  produce(client, batch(0, 3));
  const std::string id = join(member);  // it reads t
  while (broker->stats().unread_bytes == 0) std::this_thread::yield();
  leave(member, id);
  EXPECT_FALSE(flood(client, 1));
  EXPECT_EQ(log_start(client), 0);
}

TEST_F(BackpressureTest, KeepsAFrameOfAcksZeroAndReadsNothingFurther) {
  const auto broker = start(20 * kMillisecond);
  BlockingClient client(broker->address());
  make_topic(client);
  commit(client, 0);
  const std::int32_t filled = fill(client);
  const auto in_before = broker->stats().records_in;
  BlockingClient silent(broker->address());
  constexpr int kFrames = 3;
  for (int i = 0; i < kFrames; ++i) {
    const ByteVec bytes = batch(10 * i, 9);
    silent.send(
        ProduceRequest{.acks = 0, .timeout_ms = 1000, .topic_data = {{"t", {{0, Records{bytes}}}}}},
        7);
  }
  silent.send(MetadataRequest{}, 7);
  while (broker->stats().producers_held == 0) std::this_thread::yield();
  const std::uint64_t held_ns = broker->stats().held_ns;
  EXPECT_EQ(produce(client, batch(filled)), KafkaError::kNotEnoughReplicas)
      << "many times the others' limit has gone by";
  EXPECT_EQ(broker->stats().records_in, in_before);
  EXPECT_EQ(broker->stats().producers_held, 1u);

  commit(client, filled);
  EXPECT_EQ(silent.receive<MetadataResponse>(7).brokers.size(), 1u) << "read after all of them";
  EXPECT_EQ(broker->stats().records_in, in_before + 10 * kFrames);
  EXPECT_GT(broker->stats().held_ns, held_ns);
}

TEST_F(BackpressureTest, DropsNoDeadLetterForTheSakeOfOthers) {
  const auto broker = start(20 * kMillisecond);
  BlockingClient client(broker->address());
  make_topic(client);
  make_topic(client, "t.dlq");
  ASSERT_EQ(produce(client, make_batch(), "t.dlq"), KafkaError::kNone);
  EXPECT_TRUE(flood(client, 1));
  while (log_start(client) == 0) std::this_thread::yield();
  EXPECT_EQ(log_start(client, "t.dlq"), 0) << "it is the oldest, and has a reserve";

  for (std::int32_t i = 0; i < 1280; i += 10)  // 128 MB: it is not held, and not kept either
    ASSERT_EQ(produce(client, batch(i, 5), "t.dlq"), KafkaError::kNone);
  while (broker->stats().log_bytes > kLimit) std::this_thread::yield();
  EXPECT_GT(log_start(client, "t.dlq"), 0);
}

}  // namespace
}  // namespace ds::kafka::broker
