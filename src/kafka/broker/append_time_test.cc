// Topics whose records bear the time at which the broker stored them.
#include <gtest/gtest.h>

#include <atomic>

#include "kafka/broker/broker.h"
#include "kafka/broker/test_support.h"
#include "kafka/wire/messages/all.h"

namespace ds::kafka::broker {
namespace {

constexpr std::int64_t kProducersMs = 1'600'000'000'000;

/// The system's clock, but for a time of day that stands until it is set.
class SetClock final : public Clock {
 public:
  Nanos now() const override { return system_.now(); }
  std::int64_t wall_ms() const override { return ms; }
  std::atomic<std::int64_t> ms = 1'700'000'000'000;

 private:
  SystemClock system_;
};

class AppendTimeTest : public testing::Test {
 protected:
  void start() {
    client_.reset();
    broker_.reset();
    broker_ = Broker::start(
                  {.listen = {"127.0.0.1", 0}, .data_dir = folder_.path(), .default_partitions = 1},
                  files_, clock_, log_)
                  .value();
    client_.emplace(broker_->address());
  }
  KafkaError create(const std::string& topic, const std::string& type) {
    CreateTopicsRequest request{.timeout_ms = 1000};
    auto& wanted = request.topics.emplace_back();
    wanted.name = topic;
    wanted.num_partitions = wanted.replication_factor = 1;
    wanted.configs.push_back({"message.timestamp.type", type});
    return client_->ask<CreateTopicsResponse>(request, 2).topics.at(0).error_code;
  }
  ProduceResponse::Partition produce(const std::string& topic, const ByteVec& batch,
                                     int version = 7) {
    const ProduceRequest request{
        .acks = 1, .timeout_ms = 1000, .topic_data = {{topic, {{0, Records{batch}}}}}};
    return client_->ask<ProduceResponse>(request, version)
        .responses.at(0)
        .partition_responses.at(0);
  }
  /// The batches of a topic, whose checksums must be right.
  std::vector<BatchView> fetch(const std::string& topic) {
    fetched_ = client_->ask<FetchResponse>(
        FetchRequest{.max_wait_ms = 0,
                     .topics = {{topic, {{.partition = 0, .partition_max_bytes = 1 << 20}}}}},
        11);
    std::vector<BatchView> batches;
    BatchCursor cursor(fetched_.responses.at(0).partitions.at(0).records->bytes);
    while (const auto batch = cursor.next()) {
      EXPECT_TRUE(batch->header.verify(batch->bytes).ok());
      batches.push_back(*batch);
    }
    EXPECT_TRUE(cursor.status().ok());
    return batches;
  }
  static std::vector<std::int64_t> times(const BatchView& batch) {
    std::vector<std::int64_t> times;
    ByteVec scratch;
    RecordReader records(batch, scratch);
    while (const auto record = records.next()) times.push_back(record->timestamp);
    EXPECT_TRUE(records.status().ok());
    return times;
  }
  /// Offset and timestamp of the first record at or after a time.
  std::pair<std::int64_t, std::int64_t> at(const std::string& topic, std::int64_t time_ms) {
    ListOffsetsRequest request{.replica_id = -1};
    request.topics.push_back({topic, {{.partition_index = 0, .timestamp = time_ms}}});
    const auto told = client_->ask<ListOffsetsResponse>(request, 5).topics.at(0).partitions.at(0);
    return {told.offset, told.timestamp};
  }

  TempFolder folder_;
  RealFiles files_;
  SetClock clock_;
  NoLog log_;
  std::unique_ptr<Broker> broker_;
  std::optional<BlockingClient> client_;
  FetchResponse fetched_;
};

TEST_F(AppendTimeTest, IsInTheRecordsAndInTheAnswer) {
  start();
  ASSERT_EQ(create("t", "LogAppendTime"), KafkaError::kNone);
  const std::int64_t first = clock_.ms;
  for (const auto codec : {Compression::kNone, Compression::kGzip, Compression::kZstd}) {
    RecordBatchBuilder builder({.codec = codec});
    for (int i = 0; i < 3; ++i)
      builder.add({.timestamp = kProducersMs + i, .value = as_bytes("value")});
    const auto told = produce("t", builder.build().value());
    EXPECT_EQ(told.error_code, KafkaError::kNone);
    EXPECT_EQ(told.log_append_time_ms, clock_.ms);
    clock_.ms += 1000;
  }
  for (const bool again : {false, true}) {
    SCOPED_TRACE(again ? "after a restart" : "");
    if (again) start();
    const auto batches = fetch("t");
    ASSERT_EQ(batches.size(), 3u);
    for (std::size_t i = 0; i < 3; ++i) {
      const std::int64_t stored = first + static_cast<std::int64_t>(i) * 1000;
      EXPECT_TRUE(batches[i].header.log_append_time());
      EXPECT_EQ(batches[i].header.base_timestamp, kProducersMs) << "as Apache Kafka leaves it";
      EXPECT_EQ(batches[i].header.max_timestamp, stored);
      EXPECT_EQ(times(batches[i]), std::vector(3, stored));
    }
    EXPECT_EQ(at("t", kProducersMs), std::pair(std::int64_t{0}, first));
    EXPECT_EQ(at("t", first + 1), std::pair(std::int64_t{3}, first + 1000));
    EXPECT_EQ(at("t", first + 2000), std::pair(std::int64_t{6}, first + 2000));
    EXPECT_EQ(at("t", first + 2001).first, -1);
  }
}

TEST_F(AppendTimeTest, IsNotToldOfTopicsWhereProducersSayTheTime) {
  start();
  ASSERT_EQ(create("t", "CreateTime"), KafkaError::kNone);
  EXPECT_EQ(produce("t", make_batch({.timestamp = kProducersMs})).log_append_time_ms, -1);
  const auto batches = fetch("t");
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_FALSE(batches[0].header.log_append_time());
  EXPECT_EQ(times(batches[0]), std::vector{kProducersMs});
}

TEST_F(AppendTimeTest, IsTheFirstOnesOfABatchThatIsSentAgain) {
  start();
  ASSERT_EQ(create("t", "LogAppendTime"), KafkaError::kNone);
  const ByteVec batch = make_batch({.producer_id = 5, .producer_epoch = 0, .base_sequence = 0});
  const std::int64_t first = clock_.ms;
  EXPECT_EQ(produce("t", batch).log_append_time_ms, first);
  clock_.ms += 1000;
  const auto again = produce("t", batch);
  EXPECT_EQ(again.base_offset, 0);
  EXPECT_EQ(again.log_append_time_ms, first);
  EXPECT_EQ(fetch("t").size(), 1u);
}

TEST_F(AppendTimeTest, IsOnlyTheBrokersToSay) {
  start();
  ByteVec batch = make_batch();
  batch[22] |= 8;
  seal(batch);
  for (const char* type : {"CreateTime", "LogAppendTime"}) {
    ASSERT_EQ(create(type, type), KafkaError::kNone);
    const auto told = produce(type, batch, 8);
    EXPECT_EQ(told.error_code, KafkaError::kInvalidTimestamp) << type;
    EXPECT_EQ(told.base_offset, -1);
  }
}

TEST_F(AppendTimeTest, IsASettingOfTheTopic) {
  start();
  EXPECT_EQ(create("t", "logappendtime"), KafkaError::kInvalidConfig);
  ASSERT_EQ(create("t", "LogAppendTime"), KafkaError::kNone);
  ASSERT_EQ(create("u", "CreateTime"), KafkaError::kNone);
  const auto type_of = [&](const std::string& topic) {
    DescribeConfigsRequest request;
    request.resources.push_back({.resource_type = 2,
                                 .resource_name = topic,
                                 .configuration_keys = {{"message.timestamp.type"}}});
    return client_->ask<DescribeConfigsResponse>(request, 2).results.at(0).configs.at(0).value;
  };
  EXPECT_EQ(type_of("t"), "LogAppendTime");
  EXPECT_EQ(type_of("u"), "CreateTime");
  AlterConfigsRequest request;
  request.resources.push_back({.resource_type = 2,
                               .resource_name = "u",
                               .configs = {{"message.timestamp.type", "LogAppendTime"}}});
  client_->ask<AlterConfigsResponse>(request, 1);
  EXPECT_EQ(type_of("u"), "LogAppendTime");
  EXPECT_EQ(produce("u", make_batch()).log_append_time_ms, clock_.ms);
}

}  // namespace
}  // namespace ds::kafka::broker
