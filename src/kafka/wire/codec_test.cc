#include "kafka/wire/codec.h"

#include <gtest/gtest.h>

#include <set>

#include "kafka/wire/messages/all.h"
#include "kafka/wire/random_message.h"

namespace ds::kafka {
namespace {

template <Message M>
struct Golden {
  const char* what;
  int version;
  M message;
  const char* bytes;
};

template <Message M>
void expect_golden(std::initializer_list<Golden<M>> cases) {
  for (const auto& [what, version, message, bytes] : cases) {
    SCOPED_TRACE(what);
    EXPECT_EQ(to_hex(encode(message, version)), to_hex(from_hex(bytes)));
    const ByteVec body = from_hex(bytes);
    const auto decoded = decode<M>(body, version);
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    EXPECT_TRUE(*decoded == message) << log_line(*decoded, version);
  }
}

TEST(HeartbeatRequest, HasKafkasBytesInEveryLayout) {
  expect_golden<HeartbeatRequest>({
      {"before static membership", 0, {"g", 7, "m", {}}, "0001 67 00000007 0001 6d"},
      {"null instance id", 3, {"g", 7, "m", {}}, "0001 67 00000007 0001 6d ffff"},
      {"instance id", 3, {"g", 7, "m", "i"}, "0001 67 00000007 0001 6d 0001 69"},
  });
}

TEST(MetadataRequest, HasKafkasBytesInEveryLayout) {
  MetadataRequest by_id;
  by_id.topics.emplace().push_back({.topic_id = {}, .name = "t1"});
  by_id.allow_auto_topic_creation = false;
  MetadataRequest none, all;
  none.topics.emplace();
  expect_golden<MetadataRequest>({
      {"v0: an empty list asks for all", 0, none, "00000000"},
      {"v1: null asks for all", 1, all, "ffffffff"},
      {"v4: auto creation", 4, all, "ffffffff 01"},
      {"v9: compact", 9, all, "00 01 00 00 00"},
      {"v10: topic ids", 10, by_id, "02 00000000000000000000000000000000 03 7431 00 00 00 00 00"},
  });
  EXPECT_EQ(to_hex(encode(all, 0)), "00000000") << "where null cannot be said, empty is";
}

TEST(ApiVersionsResponse, HasKafkasBytesInEveryLayout) {
  ApiVersionsResponse plain;
  plain.api_keys = {{.api_key = 18, .min_version = 0, .max_version = 4}};
  ApiVersionsResponse tagged = plain;
  tagged.finalized_features_epoch = 5;
  tagged.zk_migration_ready = true;
  expect_golden<ApiVersionsResponse>({
      {"v0", 0, plain, "0000 00000001 0012 0000 0004"},
      {"v1: throttle", 1, plain, "0000 00000001 0012 0000 0004 00000000"},
      {"v3: no tags", 3, plain, "0000 02 0012 0000 0004 00 00000000 00"},
      {"v3: two tags", 3, tagged,
       "0000 02 0012 0000 0004 00 00000000 02 01 08 0000000000000005 03 01 01"},
  });
}

TEST(ProduceRequest, HasKafkasBytesInEveryLayout) {
  const ByteVec batch = {0xab, 0xcd};
  ProduceRequest request;
  request.acks = -1;
  request.timeout_ms = 1000;
  request.topic_data = {{.name = "t", .partition_data = {{.index = 3, .records = Records{batch}}}}};
  ProduceRequest null = request;
  null.topic_data[0].partition_data[0].records.reset();
  expect_golden<ProduceRequest>({
      {"v3", 3, request, "ffff ffff 000003e8 00000001 0001 74 00000001 00000003 00000002 abcd"},
      {"v7, null", 7, null, "ffff ffff 000003e8 00000001 0001 74 00000001 00000003 ffffffff"},
      {"v9", 9, request, "00 ffff 000003e8 02 02 74 02 00000003 03 abcd 00 00 00"},
  });
}

TEST(Records, PointIntoTheDecodedBytes) {
  const ByteVec body =
      from_hex("ffff ffff 000003e8 00000001 0001 74 00000001 00000003 00000002 abcd");
  const auto request = decode<ProduceRequest>(body, 3);
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->topic_data[0].partition_data[0].records->bytes.data(), &body[body.size() - 2]);
}

TEST(AnyMessage, ComesBackAsItWas) {
  for_each_message([]<class M>() {
    for (int version = M::api.versions.min; version <= M::api.versions.max; ++version) {
      Random random(20'000 + static_cast<std::uint64_t>(version));
      for (int i = 0; i < 200; ++i) {
        const M message = random_message<M>(random, version);
        const ByteVec bytes = encode(message, version);
        ASSERT_EQ(encoded_size(message, version), bytes.size()) << log_line(message, version);
        const auto decoded = decode<M>(bytes, version);
        ASSERT_TRUE(decoded.ok()) << decoded.error().message;
        ASSERT_TRUE(*decoded == message) << log_line(message, version);
      }
    }
  });
}

TEST(AnyMessage, RefusesEveryPrefixAndEveryExtraByte) {
  for_each_message([]<class M>() {
    for (int version = M::api.versions.min; version <= M::api.versions.max; ++version) {
      Random random(30'000 + static_cast<std::uint64_t>(version));
      for (int i = 0; i < 10; ++i) {
        ByteVec bytes = encode(random_message<M>(random, version), version);
        for (std::size_t size = 0; size < bytes.size(); ++size)
          ASSERT_FALSE(decode<M>(ByteView(bytes).first(size), version).ok())
              << M::api.name << direction_name(M::direction) << " v" << version << ": " << size
              << " of " << bytes.size();
        bytes.push_back(0);
        ASSERT_FALSE(decode<M>(bytes, version).ok());
      }
    }
  });
}

TEST(AnyMessage, SurvivesDamagedBytes) {
  for_each_message([]<class M>() {
    for (int version = M::api.versions.min; version <= M::api.versions.max; ++version) {
      Random random(40'000 + static_cast<std::uint64_t>(version));
      for (int i = 0; i < 100; ++i) {
        ByteVec bytes = encode(random_message<M>(random, version), version);
        if (bytes.empty()) continue;
        bytes[random.below(bytes.size())] = static_cast<std::uint8_t>(random());
        // Whatever it still decodes to can be written again.
        if (const auto decoded = decode<M>(bytes, version); decoded.ok()) {
          ASSERT_EQ(encode(*decoded, version).size(), encoded_size(*decoded, version));
        }
      }
    }
  });
}

TEST(Decoder, RefusesWhatCannotBeThere) {
  struct Case {
    const char* what;
    const char* bytes;
    int version;
    const char* says;
  };
  const Case cases[] = {
      {"two thousand million topics", "7fffffff 0000", 1, "counts 2147483647 elements"},
      {"a count below null", "fffffffe", 1, "impossible length -2"},
      {"null where it may not be", "ffffffff", 0, "Topics is null"},
      {"a string longer than the rest", "00000001 7fff 61", 1, "wants 32767 bytes, 1 are left"},
      {"a compact count without end", "ffffffffffffffffffff01", 9, "is cut short, or is no number"},
      {"a compact count of 2^31", "8080808008", 9, "impossible length 2147483647"},
      {"more tags than bytes", "00 01 00 00 05", 9, "is cut short"},
      {"a tag longer than the rest", "00 01 00 00 01 00 7f", 9, "wants 127 bytes, 0 are left"},
  };
  for (const auto& [what, bytes, version, says] : cases) {
    SCOPED_TRACE(what);
    const ByteVec body = from_hex(bytes);
    const auto decoded = decode<MetadataRequest>(body, version);
    ASSERT_FALSE(decoded.ok());
    EXPECT_NE(decoded.error().message.find(says), std::string::npos) << decoded.error().message;
  }
}

TEST(Decoder, SkipsTagsThatItDoesNotKnow) {
  const ByteVec body = from_hex("00 01 00 00 02 05 03 aabbcc 07 00");
  const auto decoded = decode<MetadataRequest>(body, 9);
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_TRUE(*decoded == MetadataRequest{});
}

TEST(Frame, RequestHasLengthAndHeader) {
  const HeartbeatRequest heartbeat{"g", 7, "m", {}};
  EXPECT_EQ(to_hex(encode_request(heartbeat, 0, 9, "me")),
            to_hex(from_hex("00000016 000c 0000 00000009 0002 6d65 0001 67 00000007 0001 6d")));
  const ByteVec flexible = encode_request(MetadataRequest{}, 9, 9, "me");
  EXPECT_EQ(to_hex(flexible),
            to_hex(from_hex("00000012 0003 0009 00000009 0002 6d65 00 00 01 00 00 00")));

  ByteView body = ByteView(flexible).subspan(4);
  const auto header = take_request_header(body);
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(*header, (RequestHeader{3, 9, 9, "me"}));
  EXPECT_TRUE(decode<MetadataRequest>(body, 9).ok());
}

TEST(Frame, ResponseHeaderFollowsTheVersion) {
  EXPECT_EQ(to_hex(encode_response(HeartbeatResponse{}, 1, 5)),
            to_hex(from_hex("0000000a 00000005 00000000 0000")));
  EXPECT_EQ(to_hex(encode_response(InitProducerIdResponse{}, 2, 5)).substr(0, 18),
            to_hex(from_hex("00000016 00000005 00")).substr(0, 18))
      << "a flexible answer's header has a tag section";
  const ByteVec versions = encode_response(ApiVersionsResponse{}, 3, 5);
  EXPECT_EQ(to_hex(versions), to_hex(from_hex("0000000c 00000005 0000 01 00000000 00")))
      << "but for ApiVersions";
  ByteView body = ByteView(versions).subspan(4);
  ASSERT_TRUE(take_response_header(body, ApiVersionsResponse::api, 3).ok());
  EXPECT_TRUE(decode<ApiVersionsResponse>(body, 3).ok());
}

TEST(Frame, HeaderOfAnUnknownRequestIsStillRead) {
  struct Case {
    const char* what;
    const char* bytes;
    RequestHeader header;
  };
  const Case cases[] = {
      {"an API without layout", "03e7 0000 00000001 ffff 1234", {999, 0, 1, {}}},
      {"a version to come", "0012 0063 00000002 0001 61 00 1234", {18, 99, 2, "a"}},
  };
  for (const auto& [what, bytes, header] : cases) {
    SCOPED_TRACE(what);
    const ByteVec frame = from_hex(bytes);
    ByteView rest = frame;
    const auto read = take_request_header(rest);
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(*read, header);
    EXPECT_EQ(to_hex(rest), "1234");
  }
}

TEST(Frame, HeaderThatIsCutShortIsRefused) {
  const ByteVec whole = from_hex("0003 0009 00000009 0002 6d65 01 05 01 aa");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ByteView frame = ByteView(whole).first(size);
    EXPECT_FALSE(take_request_header(frame).ok()) << size;
  }
  ByteView frame = whole;
  EXPECT_TRUE(take_request_header(frame).ok());
}

TEST(Frame, SizeIsToldOnceItsFourBytesAreThere) {
  EXPECT_FALSE(frame_size(from_hex("000000"))->has_value());
  EXPECT_EQ(**frame_size(from_hex("00000010")), 20u);
  EXPECT_FALSE(frame_size(from_hex("ffffffff")).ok());
  EXPECT_FALSE(frame_size(from_hex("00000011"), 16).ok());
  EXPECT_FALSE(frame_size(from_hex("16030100")).ok()) << "a TLS greeting";
}

TEST(Gathered, PiecesAreTheFrameWithoutCopyingRecords) {
  Gathered gathered;
  for_each_message([&]<class M>() {
    if constexpr (M::direction != Direction::kEmbedded) {
      for (int version = M::api.versions.min; version <= M::api.versions.max; ++version) {
        Random random(50'000 + static_cast<std::uint64_t>(version));
        for (int i = 0; i < 20; ++i) {
          const M message = random_message<M>(random, version);
          ByteVec whole, joined;
          if constexpr (M::direction == Direction::kRequest) {
            whole = encode_request(message, version, 7, "client");
            gather_request(message, version, 7, "client", gathered);
          } else {
            whole = encode_response(message, version, 7);
            gather_response(message, version, 7, gathered);
          }
          gathered.for_each_piece(
              [&](ByteView piece) { joined.insert(joined.end(), piece.begin(), piece.end()); });
          ASSERT_EQ(joined, whole) << log_line(message, version);
          ASSERT_EQ(gathered.size(), whole.size());
        }
      }
    }
  });

  const ByteVec batch(1000, 0x55);
  ProduceRequest request;
  request.topic_data = {
      {.name = "t", .partition_data = {{0, Records{batch}}, {1, Records{batch}}}}};
  gather_request(request, 7, 1, "c", gathered);
  std::vector<const std::uint8_t*> starts;
  gathered.for_each_piece([&](ByteView piece) { starts.push_back(piece.data()); });
  ASSERT_EQ(starts.size(), 4u);
  EXPECT_EQ(starts[1], batch.data());
  EXPECT_EQ(starts[3], batch.data());
}

TEST(LogLine, ShowsNoPasswords) {
  SaslAuthenticateRequest login;
  login.auth_bytes = {'s', 'e', 'c', 'r', 'e', 't'};
  EXPECT_EQ(log_line(login, 1), R"(SaslAuthenticate request v1 {"authBytes":"6 bytes"})");
}

TEST(ConsumerProtocol, ReadsNewerVersionsAsItsOwn) {
  ConsumerProtocolSubscription wish;
  wish.topics = {"tweets"};
  wish.owned_partitions = {{.topic = "tweets", .partitions = {1, 2}}};
  ByteVec bytes = encode_embedded(wish, 1);
  EXPECT_TRUE(*decode_embedded<ConsumerProtocolSubscription>(bytes) == wish);

  bytes = encode_embedded(wish, 3);
  store_be(bytes.data(), std::int16_t{9});
  bytes.push_back(0x77);
  EXPECT_TRUE(*decode_embedded<ConsumerProtocolSubscription>(bytes) == wish);
  EXPECT_FALSE(decode_embedded<ConsumerProtocolAssignment>(from_hex("00")).ok());
  EXPECT_FALSE(decode_embedded<ConsumerProtocolAssignment>(from_hex("ffff")).ok());
}

TEST(Apis, AscendAndEachHasBothDirections) {
  std::set<std::pair<ApiKey, Direction>> seen;
  for_each_message([&]<class M>() { seen.insert({M::api.key, M::direction}); });
  int last = -1;
  for (const Api& api : kApis) {
    EXPECT_LT(last, static_cast<int>(api.key));
    last = static_cast<int>(api.key);
    EXPECT_TRUE(seen.contains({api.key, Direction::kRequest})) << api.name;
    EXPECT_TRUE(seen.contains({api.key, Direction::kResponse})) << api.name;
  }
}

TEST(KafkaErrors, AscendAndSpeakInSentences) {
  int last = -2;
  for (const KafkaErrorInfo& info : kafka_errors()) {
    EXPECT_LT(last, static_cast<int>(info.code));
    last = static_cast<int>(info.code);
    EXPECT_FALSE(info.sentence.empty());
    EXPECT_NE(info.sentence.back(), '.') << info.name;
  }
  EXPECT_TRUE(is_retriable(KafkaError::kNotLeaderOrFollower));
  EXPECT_FALSE(is_retriable(KafkaError::kTopicAuthorizationFailed));
  EXPECT_EQ(to_error(KafkaError::kUnknownTopicOrPartition, "topic tweets").message,
            "topic tweets: the broker has no such topic or partition "
            "(UNKNOWN_TOPIC_OR_PARTITION, 3)");
  EXPECT_EQ(describe(static_cast<KafkaError>(12345)).name, "UNNAMED");
}

}  // namespace
}  // namespace ds::kafka
