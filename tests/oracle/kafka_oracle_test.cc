// Our bytes before Apache Kafka's own classes (KafkaOracle.java): random values of every message,
// version and direction, record batches of every codec both ways, and the error codes.
//
// KAFKA_LIBS names a folder with Kafka's jars. Without it, or without java, the tests are skipped
// and say so; where CI is set they fail instead. SEED=… repeats a run.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "kafka/wire/messages/all.h"
#include "kafka/wire/murmur2.h"
#include "kafka/wire/random_message.h"
#include "kafka/wire/record_batch.h"

namespace ds::kafka {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::uint64_t seed() {
  const std::string text = environment("SEED");
  return text.empty() ? 1 : std::stoull(text);
}

/// Why the oracle cannot be asked; empty when it can.
std::string why_not() {
  if (environment("KAFKA_LIBS").empty()) return "KAFKA_LIBS does not name a folder of Kafka's jars";
  if (std::system("java -version >/dev/null 2>&1") != 0) return "there is no java";
  return "";
}

/// Collects questions, asks them all of one Java process, and has each answer judged.
class Oracle {
 public:
  using Judge = std::function<void(const std::string& answer)>;

  void ask(std::string command, Judge judge) {
    commands_ += std::move(command) + '\n';
    judges_.push_back(std::move(judge));
  }

  void answer() {
    char folder[] = "/tmp/datastorm-oracle-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    const std::filesystem::path at = folder;
    std::ofstream(at / "questions") << commands_;
    const std::string command = fmt::format(
        "cd {} && java -XX:TieredStopAtLevel=1 -cp \"$KAFKA_LIBS/*\" '{}' <questions >answers "
        "2>trouble",
        folder, DATASTORM_ORACLE);
    const int status = std::system(command.c_str());
    std::stringstream trouble;
    trouble << std::ifstream(at / "trouble").rdbuf();
    std::ifstream answers(at / "answers");
    EXPECT_EQ(status, 0) << trouble.str();
    std::size_t count = 0;
    for (std::string line; std::getline(answers, line) && count < judges_.size(); ++count)
      judges_[count](line);
    EXPECT_EQ(count, judges_.size()) << "answers for questions\n" << trouble.str();
    std::filesystem::remove_all(at);
  }

 private:
  std::string commands_;
  std::vector<Judge> judges_;
};

class KafkaItself : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = why_not();
    if (why.empty()) return;
    if (!environment("CI").empty()) FAIL() << why;
    GTEST_SKIP() << "not compared with Apache Kafka: " << why;
  }
  Oracle oracle_;
};

template <Message M>
std::string java_class() {
  const char* suffix = M::direction == Direction::kRequest    ? "RequestData"
                       : M::direction == Direction::kResponse ? "ResponseData"
                                                              : "";
  return std::string(M::api.name) + suffix;
}

/// Kafka's JSON form of records is always empty, so records are compared by their bytes alone.
TEST_F(KafkaItself, ReadsAndWritesEveryMessageAsWeDo) {
  Random random(seed());
  std::size_t asked = 0;
  for_each_message([&]<class M>() {
    for (int version = M::api.versions.min; version <= M::api.versions.max; ++version) {
      for (int i = 0; i < 60; ++i, ++asked) {
        const M message = i == 0 ? M{} : random_message<M>(random, version);
        const std::string what = log_line(message, version);
        oracle_.ask(fmt::format("message {} {} x{} {}", java_class<M>(), version,
                                to_hex(encode(message, version)), to_kafka_json(message, version)),
                    [what](const std::string& answer) { EXPECT_EQ(answer, "ok") << what; });
      }
    }
  });
  oracle_.answer();
  EXPECT_GT(asked, 8'000u);
}

TEST_F(KafkaItself, NamesErrorsAsWeDo) {
  oracle_.ask("errors", [](const std::string& answer) {
    for (const KafkaErrorInfo& info : kafka_errors()) {
      const std::string entry =
          fmt::format(" {}|{}|{} ", static_cast<int>(info.code), info.name, info.retriable ? 1 : 0);
      EXPECT_NE((" " + answer + " ").find(entry), std::string::npos) << entry;
    }
  });
  oracle_.answer();
}

TEST_F(KafkaItself, SendsKeysWhereWeDo) {
  Random random(seed() + 3);
  for (int i = 0; i < 20'000; ++i) {
    ByteVec key(random.below(i % 2 == 0 ? 24 : 300));
    for (std::uint8_t& byte : key) byte = static_cast<std::uint8_t>(random());
    const auto partitions = static_cast<std::int32_t>(1 + random.below(2000));
    const std::string ours = fmt::format("{} {}", static_cast<std::int32_t>(murmur2(key)),
                                         partition_of_key(key, partitions));
    oracle_.ask(fmt::format("partition {} x{}", partitions, to_hex(key)),
                [ours, key](const std::string& answer) { EXPECT_EQ(answer, ours) << to_hex(key); });
  }
  oracle_.answer();
}

/// One record, as the oracle prints it and as it takes it.
struct PlainRecord {
  std::int64_t timestamp;
  std::optional<ByteVec> key, value;
  std::vector<std::pair<std::string, std::optional<ByteVec>>> headers;
};

std::string hex_or_null(const std::optional<ByteVec>& bytes) {
  return bytes ? '"' + to_hex(*bytes) + '"' : "null";
}

std::string headers_and_rest(const PlainRecord& record) {
  std::string headers;
  for (const auto& [key, value] : record.headers)
    headers += fmt::format("{}[\"{}\",{}]", headers.empty() ? "" : ",", key, hex_or_null(value));
  return fmt::format("\"t\":{},\"k\":{},\"v\":{},\"h\":[{}]", record.timestamp,
                     hex_or_null(record.key), hex_or_null(record.value), headers);
}

std::vector<PlainRecord> random_records(Random& random) {
  const auto bytes = [&](std::size_t most) {
    ByteVec made(random.below(most));
    // Some of it repeats, so that compression has something to do.
    for (auto& byte : made) byte = static_cast<std::uint8_t>(random.below(4) == 0 ? random() : 'a');
    return made;
  };
  const auto maybe = [&](std::size_t most) -> std::optional<ByteVec> {
    if (random.below(4) == 0) return std::nullopt;
    return bytes(most);
  };
  std::vector<PlainRecord> records(1 + random.below(random.below(8) == 0 ? 300 : 5));
  for (PlainRecord& record : records) {
    record.timestamp =
        1'700'000'000'000 + static_cast<std::int64_t>(random.below(1'000'000)) - 500'000;
    record.key = maybe(20);
    record.value = maybe(random.below(16) == 0 ? 40'000 : 100);
    for (auto left = random.below(3); left > 0; --left)
      record.headers.emplace_back("h" + std::to_string(left), maybe(10));
  }
  return records;
}

std::string expected_json(const std::vector<PlainRecord>& records, const BatchHeader& header) {
  std::string all;
  for (std::size_t i = 0; i < records.size(); ++i)
    all += fmt::format("{}{{\"o\":{},{}}}", i == 0 ? "" : ",",
                       header.base_offset + static_cast<std::int64_t>(i),
                       headers_and_rest(records[i]));
  return fmt::format(
      "[{{\"base\":{},\"last\":{},\"codec\":\"{}\",\"pid\":{},\"epoch\":{},\"seq\":{},"
      "\"maxTs\":{},\"records\":[{}]}}]",
      header.base_offset, header.last_offset(), name_of(header.codec()), header.producer_id,
      header.producer_epoch, header.base_sequence, header.max_timestamp, all);
}

ByteVec build(const std::vector<PlainRecord>& records,
              const RecordBatchBuilder::Settings& settings) {
  const auto view = [](const std::optional<ByteVec>& bytes) {
    return bytes ? std::optional<ByteView>(*bytes) : std::nullopt;
  };
  RecordBatchBuilder batch(settings);
  for (const PlainRecord& record : records) {
    std::vector<RecordBatchBuilder::Header> headers;
    for (const auto& [key, value] : record.headers) headers.push_back({key, view(value)});
    batch.add({record.timestamp, view(record.key), view(record.value), headers});
  }
  return *batch.build();
}

TEST_F(KafkaItself, ReadsOurBatchesOfEveryCodec) {
  Random random(seed() + 1);
  for (int codec = 0; codec <= 4; ++codec) {
    for (int i = 0; i < 40; ++i) {
      const auto records = random_records(random);
      ByteVec bytes = build(records, {.codec = static_cast<Compression>(codec),
                                      .producer_id = 77,
                                      .producer_epoch = 3,
                                      .base_sequence = 1000});
      assign_base_offset(bytes, static_cast<std::int64_t>(random.below(1ull << 40)), 5);
      const std::string expected = expected_json(records, *BatchHeader::read(bytes));
      oracle_.ask("records " + to_hex(bytes),
                  [expected](const std::string& answer) { EXPECT_EQ(answer, expected); });
    }
  }
  oracle_.answer();
}

/// Our own reading of a batch, in the oracle's words.
std::string read_as_json(ByteView bytes) {
  BatchCursor batches(bytes);
  const auto batch = batches.next();
  if (!batch) return "no batch";
  if (const Status sound = batch->header.verify(batch->bytes); !sound) return sound.error().message;
  const auto copy = [](const std::optional<ByteView>& view) {
    return view ? std::optional<ByteVec>({view->begin(), view->end()}) : std::nullopt;
  };
  std::vector<PlainRecord> records;
  ByteVec scratch;
  RecordReader reader(*batch, scratch);
  while (const auto record = reader.next()) {
    PlainRecord plain{record->timestamp, copy(record->key), copy(record->value), {}};
    for (HeaderReader headers(*record); const auto header = headers.next();)
      plain.headers.emplace_back(header->key, copy(header->value));
    records.push_back(std::move(plain));
  }
  if (!reader.status().ok()) return reader.status().error().message;
  return expected_json(records, batch->header);
}

TEST_F(KafkaItself, WritesBatchesOfEveryCodecThatWeRead) {
  Random random(seed() + 2);
  for (int codec = 0; codec <= 4; ++codec) {
    for (int i = 0; i < 40; ++i) {
      const auto records = random_records(random);
      std::string json;
      BatchHeader header;
      header.attributes = static_cast<std::int16_t>(codec);
      header.last_offset_delta = static_cast<std::int32_t>(records.size()) - 1;
      for (const PlainRecord& record : records) {
        json += fmt::format("{}{{{}}}", json.empty() ? "" : ",", headers_and_rest(record));
        header.max_timestamp = std::max(header.max_timestamp, record.timestamp);
      }
      const std::string expected = expected_json(records, header);
      const ByteVec ours = build(records, {});
      oracle_.ask(fmt::format("batch {} [{}]", name_of(static_cast<Compression>(codec)), json),
                  [=](const std::string& answer) {
                    ASSERT_NE(answer.substr(0, 5), "error") << answer;
                    const ByteVec theirs = from_hex(answer);
                    EXPECT_EQ(read_as_json(theirs), expected);
                    if (codec == 0) {
                      EXPECT_EQ(theirs, ours) << "uncompressed, to the byte";
                    }
                  });
    }
  }
  oracle_.answer();
}

}  // namespace
}  // namespace ds::kafka
