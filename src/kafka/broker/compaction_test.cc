#include "kafka/broker/compaction.h"

#include <gmock/gmock.h>

#include <random>
#include <thread>

#include "kafka/broker/broker.h"
#include "kafka/broker/memory_files.h"
#include "kafka/broker/test_support.h"
#include "kafka/wire/messages/all.h"

namespace ds::kafka::broker {
namespace {

constexpr std::array<std::uint8_t, 16> kBoot{1};
constexpr std::int64_t kNow = 1'700'000'000'000;
constexpr std::int64_t kRetention = 1000;

struct Kept {
  std::string key;
  std::optional<std::string> value;
  bool operator==(const Kept&) const = default;
};

/// Files of which the operation number `left` and all after it fail: a process that was killed.
class KilledFiles final : public Files {
 public:
  KilledFiles(Files& files, int left) : files_(files), left_(left) {}
  bool killed() const { return left_ < 0; }
  int left() const { return left_; }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    if (mode != OpenMode::kRead && dies()) return dead();
    auto file = files_.open(path, mode);
    if (!file) return file;
    return std::unique_ptr<File>(std::make_unique<KilledFile>(*this, std::move(*file)));
  }
  Status rename(const std::string& from, const std::string& to) override {
    return dies() ? Status(dead()) : files_.rename(from, to);
  }
  Status remove(const std::string& path) override {
    return dies() ? Status(dead()) : files_.remove(path);
  }
  Status make_folder(const std::string& path) override { return files_.make_folder(path); }
  Result<std::vector<std::string>> list(const std::string& folder) override {
    return files_.list(folder);
  }
  Result<bool> exists(const std::string& path) override { return files_.exists(path); }
  Status sync_folder(const std::string& folder) override {
    return dies() ? Status(dead()) : files_.sync_folder(folder);
  }

 private:
  class KilledFile final : public File {
   public:
    KilledFile(KilledFiles& all, std::unique_ptr<File> file) : all_(all), file_(std::move(file)) {}
    const std::string& path() const override { return file_->path(); }
    Result<std::uint64_t> size() override { return file_->size(); }
    Result<std::size_t> read_at(ByteSpan into, std::uint64_t at) override {
      return file_->read_at(into, at);
    }
    Status write_at(ByteView bytes, std::uint64_t at) override {
      if (!all_.dies()) return file_->write_at(bytes, at);
      (void)file_->write_at(bytes.first(bytes.size() / 2), at);  // it was at work
      return dead();
    }
    Status sync() override { return all_.dies() ? Status(dead()) : file_->sync(); }
    Status truncate(std::uint64_t size) override {
      return all_.dies() ? Status(dead()) : file_->truncate(size);
    }
    Status reserve(std::uint64_t size) override { return file_->reserve(size); }

   private:
    KilledFiles& all_;
    std::unique_ptr<File> file_;
  };

  static Error dead() { return {.code = ErrorCode::kStorage, .message = "killed"}; }
  bool dies() {
    if (left_ >= 0) --left_;
    return left_ < 0;
  }

  Files& files_;
  int left_;
};

class CompactionTest : public testing::Test {
 protected:
  std::unique_ptr<Partition> open(Files& files) {
    auto partition =
        Partition::open(files, "t-0", "/p", {.segment_bytes = 2000, .boot_id = kBoot}, false, log_);
    EXPECT_TRUE(partition->online());
    return partition;
  }
  std::unique_ptr<Partition> open() { return open(files_); }

  struct Item {
    std::string key;
    std::optional<std::string> value;
  };
  void append(Partition& partition, const std::vector<Item>& items,
              const RecordBatchBuilder::Settings& settings = {}) {
    RecordBatchBuilder builder(settings);
    for (const auto& [key, value] : items) {
      const RecordBatchBuilder::Header header{"h", as_bytes("x")};
      builder.add({.timestamp = kNow + static_cast<std::int64_t>(written_.size()),
                   .key = as_bytes(key),
                   .value = value ? std::optional(as_bytes(*value)) : std::nullopt,
                   .headers = {&header, 1}});
      written_.push_back({key, value});
    }
    ByteVec batch = builder.build().value();
    ASSERT_EQ(partition.append(*BatchHeader::read(batch), batch).error, KafkaError::kNone);
  }

  /// What a reader gets who starts at `from`, and goes on as clients do: behind the last batch.
  std::map<std::int64_t, Kept> read(Partition& partition, std::int64_t from = 0) {
    std::map<std::int64_t, Kept> all;
    const std::int64_t end = partition.ends().high_watermark;
    for (std::int64_t at = from; at < end;) {
      const auto found = partition.find(at, 1500, true);
      EXPECT_EQ(found.ends.error, KafkaError::kNone);
      ByteVec bytes(found.slice.size);
      EXPECT_EQ(*found.slice.segment->file().read_at(bytes, found.slice.position), bytes.size());
      BatchCursor batches(bytes);
      const std::int64_t before = at;
      while (const auto batch = batches.next()) {
        EXPECT_TRUE(batch->header.verify(batch->bytes));
        ByteVec scratch;
        RecordReader records(*batch, scratch);
        while (const auto record = records.next()) {
          if (record->offset < from) continue;
          EXPECT_TRUE(all.empty() || all.rbegin()->first < record->offset);
          EXPECT_EQ(record->timestamp, kNow + record->offset);
          EXPECT_EQ(record->header_count, 1);
          all[record->offset] = {
              std::string(as_text(*record->key)),
              record->value ? std::optional(std::string(as_text(*record->value))) : std::nullopt};
        }
        EXPECT_TRUE(records.status()) << records.status().error().message;
        at = batch->header.next_offset();
      }
      EXPECT_TRUE(batches.status() && batches.rest().empty());
      if (at == before) return ADD_FAILURE() << "stuck at " << at, all;
    }
    return all;
  }

  /// What a log of everything comes to, by key; without those that were deleted.
  static std::map<std::string, std::string> by_key(const std::map<std::int64_t, Kept>& records) {
    std::map<std::string, std::string> latest;
    for (const auto& [offset, record] : records)
      if (record.value)
        latest[record.key] = *record.value;
      else
        latest.erase(record.key);
    return latest;
  }
  std::map<std::int64_t, Kept> all_written() const {
    std::map<std::int64_t, Kept> all;
    for (std::size_t i = 0; i < written_.size(); ++i)
      all[static_cast<std::int64_t>(i)] = written_[i];
    return all;
  }
  void expect_a_part_of_what_was_written(const std::map<std::int64_t, Kept>& records) const {
    for (const auto& [offset, record] : records)
      EXPECT_EQ(record, written_.at(static_cast<std::size_t>(offset))) << offset;
  }

  Result<Compacted> run(Partition& partition, std::int64_t now_ms = kNow,
                        std::size_t keys_bytes_max = 32u << 20, Files* files = nullptr) {
    return compact(files ? *files : files_, partition,
                   {.now_ms = now_ms,
                    .delete_retention_ms = kRetention,
                    .dirty_ratio = 0.01,
                    .keys_bytes_max = keys_bytes_max},
                   state_, [] { return false; });
  }

  MemoryFiles files_;
  NoLog log_;
  CompactionState state_;
  std::vector<Kept> written_;  // the record of offset i
};

std::uint64_t seed_of_test() {
  const char* given = std::getenv("SEED");
  return given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

TEST_F(CompactionTest, KeepsTheLastValueOfEachKeyWhateverWasWritten) {
  const std::uint64_t seed = seed_of_test();
  std::mt19937_64 random(seed);
  const auto pick = [&](int from, int to) {
    return std::uniform_int_distribution<int>(from, to)(random);
  };
  int rounds = 0, restarts = 0;
  std::size_t gone = 0, total = 0;
  for (int run_number = 0; run_number < 30; ++run_number) {
    files_.~MemoryFiles();
    new (&files_) MemoryFiles();
    written_.clear();
    state_ = {};
    auto partition = open();
    const int keys = pick(1, 40);
    std::int64_t now = kNow;
    for (int step = 0; step < 200; ++step) {
      std::vector<Item> items;
      for (int i = pick(1, 8); i > 0; --i) {
        std::optional<std::string> value;
        if (pick(0, 9) > 0)
          value = std::string(static_cast<std::size_t>(pick(0, 60)), 'v') +
                  std::to_string(random() % 1000);
        items.push_back({fmt::format("key-{}", pick(1, keys)), value});
      }
      append(*partition, items, {.codec = static_cast<Compression>(pick(0, 4))});
      now += pick(0, 100);
      if (pick(0, 9) == 0) {
        // Sometimes with room for a few keys only, so that it takes several rounds.
        ASSERT_TRUE(run(*partition, now, pick(0, 1) ? 32u << 20 : 500));
        ++rounds;
      }
      if (pick(0, 30) == 0) {
        partition = open();
        state_ = {};
        ++restarts;
      }
    }
    ASSERT_TRUE(run(*partition, now));
    const auto kept = read(*partition);
    expect_a_part_of_what_was_written(kept);
    EXPECT_EQ(by_key(kept), by_key(all_written()));
    // Below the active segment each key is there once.
    std::map<std::string, int> times;
    for (const auto& [offset, record] : kept)
      if (offset < state_.cleaned_to) ++times[record.key];
    for (const auto& [key, count] : times) EXPECT_EQ(count, 1) << key;
    EXPECT_GT(state_.cleaned_to, 0);
    for (int i = 0; i < 20; ++i) {
      const auto from = static_cast<std::int64_t>(random() % written_.size());
      const auto tail = read(*partition, from);
      EXPECT_EQ(tail, (std::map(kept.lower_bound(from), kept.end()))) << "from " << from;
    }
    EXPECT_EQ(read(*open()), kept) << "after a restart";
    gone += written_.size() - kept.size();
    total += written_.size();
  }
  fmt::print("seed {}: {} rounds, {} restarts, {} of {} records went\n", seed, rounds, restarts,
             gone, total);
  EXPECT_GT(gone, total / 2);
}

TEST_F(CompactionTest, SurvivesAKillAtEveryStep) {
  int steps = 0;
  for (int until = 0;; ++until) {
    files_.~MemoryFiles();
    new (&files_) MemoryFiles();
    written_.clear();
    state_ = {};
    bool killed = false;
    {
      KilledFiles mortal(files_, 1 << 30);
      auto partition = open(mortal);
      for (int i = 0; i < 120; ++i)
        append(*partition,
               {{fmt::format("key-{}", i % 7), std::to_string(i)},
                {fmt::format("gone-{}", i % 3), i < 100 ? std::optional("x") : std::nullopt}},
               {.producer_id = 5, .producer_epoch = 0, .base_sequence = 2 * i});
      ASSERT_TRUE(run(*partition, kNow));  // so that the next one meets compacted segments too
      for (int i = 120; i < 200; ++i)
        append(*partition, {{fmt::format("key-{}", i % 7), std::to_string(i)}});
      KilledFiles dying(files_, until);
      const auto done = run(*partition, kNow + 10 * kRetention, 32u << 20, &dying);
      killed = dying.killed();
      EXPECT_EQ(done.ok(), !killed);
      if (killed) ++steps;
    }
    SCOPED_TRACE(fmt::format("killed at step {}", until));
    auto partition = open();
    expect_a_part_of_what_was_written(read(*partition));
    EXPECT_EQ(by_key(read(*partition)), by_key(all_written()));
    EXPECT_EQ(partition->ends().high_watermark, 320);
    ByteVec again = [] {
      RecordBatchBuilder builder({.producer_id = 5, .producer_epoch = 0, .base_sequence = 238});
      for (int i = 0; i < 2; ++i) builder.add({.timestamp = kNow, .key = as_bytes("k")});
      return builder.build().value();
    }();
    EXPECT_EQ(partition->append(*BatchHeader::read(again), again).base_offset, 238)
        << "a batch that is sent again is known, though it was compacted away";
    state_ = {};
    ASSERT_TRUE(run(*partition, kNow + 10 * kRetention));
    EXPECT_EQ(by_key(read(*partition)), by_key(all_written()));
    const auto names = files_.list("/p").value();
    EXPECT_THAT(names, testing::Not(testing::Contains(testing::HasSubstr(".compacting"))));
    if (!killed) break;
  }
  fmt::print("{} steps\n", steps);
  EXPECT_GE(steps, 15);
}

TEST_F(CompactionTest, KeepsTombstonesForTheirTime) {
  auto partition = open();
  const auto fill = [&](int from) {
    for (int i = from; i < from + 60; ++i) append(*partition, {{"filler", std::string(100, 'f')}});
  };
  append(*partition, {{"a", "1"}, {"b", "1"}});
  append(*partition, {{"a", std::nullopt}});
  fill(0);
  ASSERT_TRUE(run(*partition, kNow));
  EXPECT_EQ(read(*partition).at(2).value, std::nullopt);
  EXPECT_FALSE(read(*partition).contains(0));
  EXPECT_TRUE(read(*partition).contains(1));
  ASSERT_EQ(state_.tombstones_at, kNow + kRetention);

  state_ = {};
  partition = open();  // the time to go is in the batch
  ASSERT_TRUE(run(*partition, kNow + kRetention - 1));
  EXPECT_TRUE(read(*partition).contains(2));
  ASSERT_EQ(run(*partition, kNow + kRetention - 1)->bytes_before, 0u) << "nothing is due";
  ASSERT_GT(run(*partition, kNow + kRetention)->bytes_before, 0u);
  EXPECT_FALSE(read(*partition).contains(2));
  EXPECT_TRUE(read(*partition).contains(1));
}

TEST_F(CompactionTest, LeavesWhatItCannotReadAndTheTombstonesWithIt) {
  auto partition = open();
  append(*partition, {{"a", "1"}});
  ByteVec junk = make_batch();  // a good checksum over records that are none
  junk[kBatchHeaderBytes] ^= 0x55;
  seal(junk);
  written_.push_back({});
  ASSERT_EQ(partition->append(*BatchHeader::read(junk), junk).error, KafkaError::kNone);
  append(*partition, {{"a", std::nullopt}});
  for (int i = 0; i < 60; ++i) append(*partition, {{"filler", std::string(100, 'f')}});
  ASSERT_TRUE(run(*partition, kNow));
  ASSERT_TRUE(run(*partition, kNow + 100 * kRetention));
  const auto found = partition->find(0, 1 << 20, true);
  ByteVec bytes(found.slice.size);
  ASSERT_TRUE(found.slice.segment->file().read_at(bytes, found.slice.position));
  BatchCursor batches(bytes);
  std::vector<std::pair<std::int64_t, int>> seen;
  while (const auto batch = batches.next())
    seen.emplace_back(batch->header.base_offset, batch->header.record_count);
  EXPECT_THAT(seen, testing::ElementsAre(std::pair(0, 0), std::pair(1, 1), std::pair(2, 1)));
}

TEST_F(CompactionTest, RefusesToPassDamageOn) {
  auto partition = open();
  for (int i = 0; i < 60; ++i) append(*partition, {{"filler", std::string(100, 'f')}});
  auto file = files_.open("/p/" + Segment::file_name(0), OpenMode::kWrite).value();
  const std::uint8_t bit[] = {0x11};
  ASSERT_TRUE(file->write_at(bit, 300));
  const auto done = run(*partition);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(files_.list("/p")->front(), Segment::file_name(0)) << "nothing has been changed";
}

// The whole broker, while it compacts all the time: a reader who follows sees every offset once at
// most and in order, every record is what was written there, and at the end all keys are right.
TEST(CompactingBroker, IsReadWhileItCompacts) {
  TempFolder folder;
  RealFiles files;
  SystemClock clock;
  NoLog log;
  const auto broker =
      Broker::start(
          {.listen = {"127.0.0.1", 0}, .data_dir = folder.path(), .compact_every = kMillisecond},
          files, clock, log)
          .value();
  BlockingClient admin(broker->address());
  CreateTopicsRequest create{
      .topics = {{.name = "t", .num_partitions = 1, .replication_factor = 1}}};
  create.topics[0].configs = {{"cleanup.policy", "compact"},
                              {"segment.bytes", "16384"},
                              {"min.cleanable.dirty.ratio", "0.01"}};
  ASSERT_EQ(admin.ask<CreateTopicsResponse>(create, 3).topics.at(0).error_code, KafkaError::kNone);
  constexpr int kBatches = 3000, kKeys = 20;
  const auto value_of = [](std::int64_t offset) { return fmt::format("{:0100}", offset); };
  std::jthread writer([&] {
    BlockingClient client(broker->address());
    for (std::int64_t i = 0; i < kBatches; ++i) {
      RecordBatchBuilder builder({});
      const std::string key = std::to_string(i % kKeys), value = value_of(i);
      builder.add({.timestamp = kNow, .key = as_bytes(key), .value = as_bytes(value)});
      const ByteVec batch = builder.build().value();
      const ProduceRequest produce{
          .acks = 1, .timeout_ms = 1000, .topic_data = {{"t", {{0, Records{batch}}}}}};
      ASSERT_EQ(
          client.ask<ProduceResponse>(produce, 7).responses[0].partition_responses[0].base_offset,
          i);
    }
  });
  const auto read_from_start = [&](std::int64_t until) {
    std::map<std::string, std::int64_t> latest;
    BlockingClient client(broker->address());
    std::size_t count = 0;
    for (std::int64_t at = 0; at < until;) {
      const FetchRequest fetch{
          .max_wait_ms = 500,
          .min_bytes = 1,
          .topics = {{"t", {{.partition = 0, .fetch_offset = at, .partition_max_bytes = 5000}}}}};
      const auto response = client.ask<FetchResponse>(fetch, 11);
      const auto& told = response.responses.at(0).partitions.at(0);
      if (told.error_code != KafkaError::kNone) return ADD_FAILURE() << "at " << at, latest;
      BatchCursor batches(told.records->bytes);
      while (const auto batch = batches.next()) {
        EXPECT_TRUE(batch->header.verify(batch->bytes));
        ByteVec scratch;
        RecordReader records(*batch, scratch);
        while (const auto record = records.next()) {
          if (record->offset < at) continue;
          EXPECT_EQ(as_text(*record->value), value_of(record->offset));
          EXPECT_EQ(as_text(*record->key), std::to_string(record->offset % kKeys));
          latest[std::string(as_text(*record->key))] = record->offset;
          ++count;
        }
        at = batch->header.next_offset();
      }
    }
    fmt::print("a reader got {} records of {}\n", count, until);
    return latest;
  };
  for (std::int64_t until = kBatches / 5; until <= kBatches; until += kBatches / 5)
    read_from_start(until);
  writer.join();
  const auto latest = read_from_start(kBatches);
  ASSERT_EQ(latest.size(), static_cast<std::size_t>(kKeys));
  for (const auto& [key, offset] : latest) EXPECT_GE(offset, kBatches - kKeys);
  for (int i = 0; i < 2000 && broker->stats().log_bytes >= 60'000; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_LT(broker->stats().log_bytes, 60'000u) << "of some 550,000 written";
  fmt::print("{} rounds, {} bytes went, {} are left\n", broker->stats().compactions,
             broker->stats().compacted_away, broker->stats().log_bytes);
}

}  // namespace
}  // namespace ds::kafka::broker
