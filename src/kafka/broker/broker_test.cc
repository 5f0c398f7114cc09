#include "kafka/broker/broker.h"

#include <gmock/gmock.h>

#include <fstream>

#include "kafka/broker/routes.h"
#include "kafka/broker/test_support.h"
#include "kafka/wire/messages/all.h"

namespace ds::kafka::broker {
namespace {

class BrokerTest : public testing::Test {
 protected:
  std::unique_ptr<Broker> start(Durability durability = {}) {
    auto broker = Broker::start(settings(durability), files_, clock_, log_);
    EXPECT_TRUE(broker.ok()) << (broker ? "" : broker.error().message);
    return broker ? std::move(*broker) : nullptr;
  }
  BrokerSettings settings(Durability durability = {}) const {
    return {.listen = {"127.0.0.1", 0},
            .data_dir = folder_.path(),
            .durability = durability,
            .default_partitions = 4};
  }
  static ProduceRequest produce(const ByteVec& batch, std::int16_t acks = 1,
                                std::int32_t partition = 0) {
    return {.acks = acks, .timeout_ms = 1000, .topic_data = {{"t", {{partition, Records{batch}}}}}};
  }
  static FetchRequest fetch(std::int64_t offset, std::int32_t wait_ms = 0,
                            std::int32_t bytes = 1 << 20) {
    return {.max_wait_ms = wait_ms,
            .min_bytes = 1,
            .topics = {
                {"t", {{.partition = 0, .fetch_offset = offset, .partition_max_bytes = bytes}}}}};
  }
  static ProduceResponse::Partition produced(const ProduceResponse& response) {
    return response.responses.at(0).partition_responses.at(0);
  }
  static FetchResponse::Partition fetched(const FetchResponse& response) {
    return response.responses.at(0).partitions.at(0);
  }

  TempFolder folder_;
  RealFiles files_;
  SystemClock clock_;
  NoLog log_;
};

TEST_F(BrokerTest, GivesBackWhatItWasGiven) {
  for (const char* mode : {"sync", "interval:5", "cache", "memory"}) {
    SCOPED_TRACE(mode);
    TempFolder own;
    auto with = settings(*parse_durability(mode));
    with.data_dir = own.path();
    const auto broker = Broker::start(with, files_, clock_, log_).value();
    BlockingClient client(broker->address());
    ByteVec expected;
    for (std::int64_t offset : {0, 100, 200}) {
      const ByteVec batch = make_batch({.records = 100, .value_bytes = 1000});
      const auto told = produced(client.ask<ProduceResponse>(produce(batch), 7));
      EXPECT_EQ(told.error_code, KafkaError::kNone);
      EXPECT_EQ(told.base_offset, offset);
      ByteVec stored = batch;
      assign_base_offset(stored, offset, 0);
      expected.insert(expected.end(), stored.begin(), stored.end());
    }
    const auto response = client.ask<FetchResponse>(fetch(0), 11);
    EXPECT_EQ(fetched(response).high_watermark, 300);
    EXPECT_EQ(as_text(fetched(response).records->bytes), as_text(expected));
  }
}

TEST_F(BrokerTest, ConfirmsOnlyWhatIsOnTheDiskWhereItPromisesThat) {
  BadDisk disk(files_);
  const auto broker =
      Broker::start(settings({.mode = DurabilityMode::kSync}), disk, clock_, log_).value();
  BlockingClient client(broker->address());
  const ByteVec batch = make_batch();
  EXPECT_EQ(produced(client.ask<ProduceResponse>(produce(batch), 7)).error_code, KafkaError::kNone);
  disk.syncs_fail = true;
  EXPECT_EQ(produced(client.ask<ProduceResponse>(produce(batch), 7)).error_code,
            KafkaError::kKafkaStorageError);
  EXPECT_EQ(fetched(client.ask<FetchResponse>(fetch(0), 11)).error_code,
            KafkaError::kKafkaStorageError);
  const OffsetCommitRequest commit{
      .group_id = "g",
      .topics = {{.name = "t", .partitions = {{.partition_index = 1, .committed_offset = 0}}}}};
  const auto told = client.ask<OffsetCommitResponse>(commit, 7).topics.at(0).partitions.at(0);
  EXPECT_EQ(told.error_code, KafkaError::kKafkaStorageError);
}

TEST_F(BrokerTest, ReturnsOneWholeBatchEvenIfItIsLargerThanAsked) {
  const auto broker = start();
  BlockingClient client(broker->address());
  const ByteVec batch = make_batch({.records = 3000, .value_bytes = 1000});  // 3 MB: several reads
  client.ask<ProduceResponse>(produce(batch), 7);
  const auto response = client.ask<FetchResponse>(fetch(1000, 0, 100), 11);
  ASSERT_EQ(fetched(response).records->bytes.size(), batch.size());
  EXPECT_TRUE(BatchHeader::read(batch)->verify(fetched(response).records->bytes));
}

TEST_F(BrokerTest, WakesAFetchThatWaits) {
  for (const char* mode : {"sync", "cache"}) {
    SCOPED_TRACE(mode);
    TempFolder own;
    auto with = settings(*parse_durability(mode));
    with.data_dir = own.path();
    const auto broker = Broker::start(with, files_, clock_, log_).value();
    BlockingClient reader(broker->address()), writer(broker->address());
    writer.ask<MetadataResponse>(MetadataRequest{.topics = {{{.name = "t"}}}}, 7);
    reader.send(fetch(0, 60'000), 11);
    writer.ask<ProduceResponse>(produce(make_batch()), 7);
    const auto response = reader.receive<FetchResponse>(11);
    EXPECT_EQ(fetched(response).high_watermark, 1);
    EXPECT_FALSE(fetched(response).records->bytes.empty());
  }
}

TEST_F(BrokerTest, EndsAWaitInVainAtItsTime) {
  const auto broker = start();
  BlockingClient client(broker->address());
  client.ask<ProduceResponse>(produce(make_batch()), 7);
  const Nanos before = clock_.now();
  const auto response = client.ask<FetchResponse>(fetch(1, 50), 11);
  EXPECT_GE(clock_.now() - before, 50 * kMillisecond);
  EXPECT_EQ(fetched(response).error_code, KafkaError::kNone);
  EXPECT_TRUE(fetched(response).records->bytes.empty());
  EXPECT_EQ(fetched(client.ask<FetchResponse>(fetch(2, 60'000), 11)).error_code,
            KafkaError::kOffsetOutOfRange);
}

TEST_F(BrokerTest, AnswersInOrderHoweverMuchIsPipelined) {
  const auto broker = start();
  BlockingClient client(broker->address());
  constexpr int kRequests = 500;
  ByteVec all;
  const ByteVec batch = make_batch();
  for (int i = 0; i < kRequests; ++i) {
    const ByteVec frame = i % 2 == 0 ? encode_request(produce(batch), 7, i, "test")
                                     : encode_request(MetadataRequest{}, 7, i, "test");
    all.insert(all.end(), frame.begin(), frame.end());
  }
  client.send(all);
  for (int i = 0; i < kRequests; ++i) {
    if (i % 2 == 1)
      client.receive<MetadataResponse>(7, i);
    else
      ASSERT_EQ(produced(client.receive<ProduceResponse>(7, i)).base_offset, i / 2);
  }
}

TEST_F(BrokerTest, ChecksABatchBeforeItIsStored) {
  const auto broker = start();
  BlockingClient client(broker->address());
  const auto changed = [](std::size_t at, std::uint8_t to, bool sealed) {
    ByteVec batch = make_batch({.records = 2});
    batch[at] = to;
    if (sealed) seal(batch);
    return batch;
  };
  ByteVec two = make_batch();
  const ByteVec second = make_batch();
  two.insert(two.end(), second.begin(), second.end());
  struct Case {
    const char* what;
    ByteVec batch;
    std::int16_t acks;
    std::int32_t partition;
    KafkaError error;
  };
  const Case cases[] = {
      {"a flipped bit", changed(70, 0xff, false), 1, 0, KafkaError::kCorruptMessage},
      {"an old format", changed(16, 1, false), 1, 0, KafkaError::kCorruptMessage},
      {"too long a length", changed(9, 1, false), 1, 0, KafkaError::kCorruptMessage},
      {"a record count that lies", changed(60, 3, true), 1, 0, KafkaError::kCorruptMessage},
      {"offsets that leave gaps", changed(26, 9, true), 1, 0, KafkaError::kInvalidRecord},
      {"a transaction", changed(22, 16, true), 1, 0, KafkaError::kInvalidRecord},
      {"two batches", two, 1, 0, KafkaError::kInvalidRecord},
      {"none", {}, 1, 0, KafkaError::kInvalidRecord},
      {"acks=2", make_batch(), 2, 0, KafkaError::kInvalidRequiredAcks},
      {"no such partition", make_batch(), 1, 4, KafkaError::kUnknownTopicOrPartition},
      {"a good one", make_batch(), -1, 0, KafkaError::kNone},
  };
  for (const auto& [what, batch, acks, partition, error] : cases) {
    SCOPED_TRACE(what);
    const auto told = produced(client.ask<ProduceResponse>(produce(batch, acks, partition), 8));
    EXPECT_EQ(told.error_code, error) << told.error_message.value_or("");
    EXPECT_EQ(told.base_offset, error == KafkaError::kNone ? 0 : -1);
  }
}

TEST_F(BrokerTest, AcksZeroIsNotAnswered) {
  const auto broker = start();
  BlockingClient client(broker->address());
  client.send(produce(make_batch(), 0), 7);
  client.send(produce(make_batch(), 1), 7, 2);
  EXPECT_EQ(produced(client.receive<ProduceResponse>(7, 2)).base_offset, 1);
}

TEST_F(BrokerTest, StoresAnIdempotentBatchOnceAlsoAfterARestart) {
  const BatchSpec first{.records = 3, .producer_id = 7, .producer_epoch = 0, .base_sequence = 0};
  const BatchSpec gap{.producer_id = 7, .producer_epoch = 0, .base_sequence = 9};
  auto broker = start();
  for (int i = 0; i < 2; ++i) {
    BlockingClient client(broker->address());
    for (int j = 0; j < 2; ++j)
      EXPECT_EQ(produced(client.ask<ProduceResponse>(produce(make_batch(first)), 7)).base_offset,
                0);
    EXPECT_EQ(produced(client.ask<ProduceResponse>(produce(make_batch(gap)), 7)).error_code,
              KafkaError::kOutOfOrderSequenceNumber);
    EXPECT_EQ(fetched(client.ask<FetchResponse>(fetch(0), 11)).high_watermark, 3);
    broker.reset();
    broker = start();
  }
}

TEST_F(BrokerTest, NeverGivesOutAProducerIdTwice) {
  std::set<std::int64_t> seen;
  for (int i = 0; i < 3; ++i) {
    const auto broker = start();
    BlockingClient client(broker->address());
    for (int j = 0; j < 3; ++j)
      EXPECT_TRUE(
          seen.insert(client.ask<InitProducerIdResponse>(InitProducerIdRequest{}, 1).producer_id)
              .second);
  }
}

TEST_F(BrokerTest, KeepsTopicsAndCommittedOffsetsOverARestart) {
  Uuid id;
  const MetadataRequest about{.topics = {{{.name = "t"}}}};
  {
    const auto broker = start();
    BlockingClient client(broker->address());
    const auto topic = client.ask<MetadataResponse>(about, 10).topics.at(0);
    EXPECT_EQ(topic.error_code, KafkaError::kNone) << "made on first use";
    EXPECT_EQ(topic.partitions.size(), 4u);
    id = topic.topic_id;
    OffsetCommitRequest commit{.group_id = "g",
                               .topics = {{"t", {{1, 42, -1, "note"}, {9, 1, -1, ""}}}}};
    const auto told = client.ask<OffsetCommitResponse>(commit, 7).topics.at(0).partitions;
    EXPECT_EQ(told.at(0).error_code, KafkaError::kNone);
    EXPECT_EQ(told.at(1).error_code, KafkaError::kUnknownTopicOrPartition);
  }
  const auto broker = start();
  BlockingClient client(broker->address());
  EXPECT_EQ(client.ask<MetadataResponse>(about, 10).topics.at(0).topic_id, id);
  const auto offsets =
      client.ask<OffsetFetchResponse>(OffsetFetchRequest{"g", {{{"t", {0, 1}}}}}, 5);
  EXPECT_EQ(offsets.topics.at(0).partitions.at(0).committed_offset, -1);
  EXPECT_EQ(offsets.topics.at(0).partitions.at(1).committed_offset, 42);
  EXPECT_EQ(offsets.topics.at(0).partitions.at(1).metadata, "note");

  EXPECT_EQ(client.ask<DeleteTopicsResponse>(DeleteTopicsRequest{{"t", "u"}}, 3)
                .responses.at(0)
                .error_code,
            KafkaError::kNone);
  MetadataRequest only_look = about;
  only_look.allow_auto_topic_creation = false;
  EXPECT_EQ(client.ask<MetadataResponse>(only_look, 7).topics.at(0).error_code,
            KafkaError::kUnknownTopicOrPartition);
  EXPECT_EQ(client.ask<OffsetFetchResponse>(OffsetFetchRequest{"g", std::nullopt}, 5).topics.size(),
            0u);
  EXPECT_NE(client.ask<MetadataResponse>(about, 10).topics.at(0).topic_id, id);
}

TEST_F(BrokerTest, HoldsBackNoMemoryAndNoTurnForHostileFrames) {
  const auto broker = start();
  struct Case {
    const char* what;
    const char* bytes;
  };
  const Case cases[] = {
      {"a negative length", "ffffffff 0003 0000"},
      {"a length over the cap", "7fffffff 0000 0007"},
      {"a large frame that carries no records", "02000000 0003 0000"},
      {"HTTP", "47455420 2f204854"},
      {"a TLS hello", "16030102 000100"},
      {"an unknown API", "00000010 03e7 0000"},
      {"a version above", "00000010 0003 0063"},
      {"a version below", "00000010 0001 0000"},
      {"a header cut short", "00000005 0003 0000 00"},
      {"a body of nothing", "0000000a 0000 0007 00000001 ffff"},
      {"an array longer than the frame", "0000000e 0003 0001 00000001 ffff 7fffffff"},
  };
  BlockingClient canary(broker->address());
  for (const auto& [what, bytes] : cases) {
    SCOPED_TRACE(what);
    BlockingClient hostile(broker->address());
    hostile.send(from_hex(bytes));
    EXPECT_TRUE(hostile.closed_by_broker());
    EXPECT_EQ(canary.ask<MetadataResponse>(MetadataRequest{}, 7).brokers.size(), 1u);
  }
}

TEST_F(BrokerTest, TakesAFrameInPiecesOfAnySize) {
  const auto broker = start();
  BlockingClient client(broker->address());
  const ByteVec frame =
      encode_request(produce(make_batch({.records = 20, .value_bytes = 5000})), 7, 1, "test");
  for (std::size_t at = 0, piece = 1; at < frame.size(); at += piece, piece += 997) {
    client.send(ByteView(frame).subspan(at, std::min(piece, frame.size() - at)));
    if (at + piece >= frame.size()) break;
  }
  EXPECT_EQ(produced(client.receive<ProduceResponse>(7)).error_code, KafkaError::kNone);
}

TEST_F(BrokerTest, IgnoresWhatStandsBehindAMessage) {
  const auto broker = start();
  BlockingClient client(broker->address());
  // librdkafka 2.16 asks so for all topics: three bytes of its array's length are left over.
  client.send(
      from_hex("0000001a 0003 000a 00000001 0007 72646b61666b61 00  00 00 00 00 01 00 00 00"));
  EXPECT_EQ(client.receive<MetadataResponse>(10).brokers.size(), 1u);
}

// Every pair that ApiVersions tells is answered, and the version above it closes the connection.
TEST_F(BrokerTest, AnswersWhatItAdvertisesAndNothingElse) {
  const auto broker = start();
  std::map<std::int16_t, ApiVersionsResponse::Range> told;
  {
    BlockingClient client(broker->address());
    for (const auto& range : client.ask<ApiVersionsResponse>(ApiVersionsRequest{}, 0).api_keys)
      told[range.api_key] = range;
  }
  EXPECT_EQ(told.size(), routes().size());
  EXPECT_EQ(told[0].min_version, 0) << "for librdkafka";

  for_each_message([&]<class M>() {
    if constexpr (M::direction == Direction::kRequest) {
      const auto key = static_cast<std::int16_t>(M::api.key);
      if (!told.contains(key)) return;
      const Versions versions =
          std::find_if(routes().begin(), routes().end(), [&](const auto& each) {
            return each.key == M::api.key;
          })->versions;
      for (int version = versions.min; version <= versions.max; ++version) {
        SCOPED_TRACE(fmt::format("{} v{}", M::api.name, version));
        BlockingClient client(broker->address());
        M request;
        if constexpr (std::same_as<M, ProduceRequest>) request.acks = 1;
        client.send(request, version, 77);
        const ByteVec frame = client.receive_frame();
        ASSERT_GE(frame.size(), 4u);
        EXPECT_EQ(load_be<std::int32_t>(frame.data()), 77);
      }
      if (M::api.key == ApiKey::kApiVersions) return;
      BlockingClient client(broker->address());
      ByteVec above = encode_request(M{}, versions.max, 1, "test");
      store_be(above.data() + 6, static_cast<std::int16_t>(versions.max + 1));
      client.send(above);
      EXPECT_TRUE(client.closed_by_broker()) << M::api.name;
    }
  });
}

TEST_F(BrokerTest, TellsItsVersionsToAClientFromTheFuture) {
  const auto broker = start();
  BlockingClient client(broker->address());
  ByteVec request = encode_request(ApiVersionsRequest{}, 4, 1, "test");
  store_be(request.data() + 6, std::int16_t{9});
  client.send(request);
  const auto response = client.receive<ApiVersionsResponse>(0);
  EXPECT_EQ(response.error_code, KafkaError::kUnsupportedVersion);
  EXPECT_EQ(response.api_keys.size(), routes().size());
}

TEST_F(BrokerTest, RefusesInWords) {
  const auto refusal = [&](const BrokerSettings& with) {
    auto broker = Broker::start(with, files_, clock_, log_);
    EXPECT_FALSE(broker);
    return broker ? "" : broker.error().message;
  };
  auto open_to_all = settings();
  open_to_all.listen.host = "0.0.0.0";
  EXPECT_THAT(refusal(open_to_all), testing::HasSubstr("0.0.0.0"));
  {
    const auto broker = start();
    EXPECT_THAT(refusal(settings()), testing::HasSubstr(broker->address().to_string()))
        << "who holds the folder";
  }
  std::ofstream(folder_.path() + "/format") << "datastorm broker 9\ncluster x\n";
  EXPECT_THAT(refusal(settings()), testing::HasSubstr("version 9"));
  std::ofstream(folder_.path() + "/format") << "another program's\n";
  EXPECT_THAT(refusal(settings()), testing::HasSubstr("another program"));
  TempFolder foreign;
  std::ofstream(foreign.path() + "/letters.txt") << "dear";
  auto there = settings();
  there.data_dir = foreign.path();
  EXPECT_THAT(refusal(there), testing::HasSubstr("letters.txt"));
}

TEST_F(BrokerTest, KeepsADamagedPartitionOfflineAndServesTheOthers) {
  std::string segment;
  {
    const auto broker = start();
    BlockingClient client(broker->address());
    for (std::int32_t partition : {0, 1})
      client.ask<ProduceResponse>(produce(make_batch(), 1, partition), 7);
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path()))
    if (entry.path().parent_path().filename() == "0" && entry.path().extension() == ".log")
      segment = entry.path();
  std::fstream(segment, std::ios::in | std::ios::out).seekp(65).put('x');

  auto broker = start();
  EXPECT_EQ(broker->stats().partitions_offline, 1u);
  BlockingClient client(broker->address());
  EXPECT_EQ(produced(client.ask<ProduceResponse>(produce(make_batch(), 1, 0), 7)).error_code,
            KafkaError::kKafkaStorageError);
  EXPECT_EQ(fetched(client.ask<FetchResponse>(fetch(0), 11)).error_code,
            KafkaError::kKafkaStorageError);
  EXPECT_EQ(produced(client.ask<ProduceResponse>(produce(make_batch(), 1, 1), 7)).base_offset, 1);
  broker.reset();

  auto repairing = settings();
  repairing.repair = true;
  broker = Broker::start(repairing, files_, clock_, log_).value();
  EXPECT_EQ(broker->stats().partitions_offline, 0u);
}

TEST_F(BrokerTest, HoldsTheRetentionOfTheWholeBroker) {
  auto with = settings();
  with.retention_bytes = 4 << 20;
  const auto broker = Broker::start(with, files_, clock_, log_).value();
  BlockingClient client(broker->address());
  for (int i = 0; i < 40; ++i)
    client.ask<ProduceResponse>(
        produce(make_batch({.records = 1000, .value_bytes = 1000}), 1, i % 4), 7);
  const Nanos deadline = clock_.now() + 10 * kSecond;
  while (broker->stats().log_bytes > with.retention_bytes && clock_.now() < deadline)
    client.ask<FetchResponse>(fetch(10'000, 20), 11);  // waits for 20 ms, at the end of the log
  EXPECT_LE(broker->stats().log_bytes, with.retention_bytes);
  EXPECT_GT(broker->stats().log_bytes, 0u) << "no more than is needed";
}

}  // namespace
}  // namespace ds::kafka::broker
