#include "kafka/broker/partition_log.h"

#include <gmock/gmock.h>

#include <cerrno>
#include <fstream>

#include "kafka/broker/marks.h"
#include "kafka/broker/memory_files.h"
#include "kafka/broker/test_support.h"
#include "net/sim/disk.h"

namespace ds::kafka::broker {
namespace {

constexpr std::array<std::uint8_t, 16> kBoot{1};
constexpr std::array<std::uint8_t, 16> kNextBoot{2};

/// Remembers what the operator was told.
class Told final : public Log {
 public:
  void write(LogLevel, std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

class PartitionLogTest : public testing::Test {
 protected:
  Result<std::unique_ptr<PartitionLog>> open(const LogSettings& settings = {.boot_id = kBoot}) {
    return PartitionLog::open(
        files_, "/p", settings, [this](const BatchHeader& header) { walked_.push_back(header); },
        told_);
  }
  static std::int64_t append(PartitionLog& log, const BatchSpec& spec = {}) {
    ByteVec batch = make_batch(spec);
    return log.append(*BatchHeader::read(batch), batch).value();
  }
  static ByteVec read(const LogSlice& slice) {
    ByteVec bytes(slice.size);
    if (slice.size == 0) return bytes;
    EXPECT_EQ(*slice.segment->file().read_at(bytes, slice.position), slice.size);
    return bytes;
  }
  std::unique_ptr<File> file(const std::string& name) {
    return *files_.open("/p/" + name, OpenMode::kWrite);
  }
  ByteVec content(const std::string& name) {
    auto opened = file(name);
    ByteVec bytes(*opened->size());
    EXPECT_EQ(*opened->read_at(bytes, 0), bytes.size());
    return bytes;
  }
  void set_content(const std::string& name, ByteView bytes) {
    auto opened = *files_.open("/p/" + name, OpenMode::kCreate);
    EXPECT_TRUE(opened->truncate(0));
    EXPECT_TRUE(opened->write_at(bytes, 0));
  }

  MemoryFiles files_;
  Told told_;
  std::vector<BatchHeader> walked_;
};

const std::string kFirst = Segment::file_name(0);

TEST_F(PartitionLogTest, StoresBatchesAsTheyCameButForBaseOffsetAndEpoch) {
  auto log = open().value();
  ByteVec expected;
  for (std::int64_t offset : {0, 3, 6}) {
    ByteVec batch = make_batch({.records = 3});
    EXPECT_EQ(*log->append(*BatchHeader::read(batch), batch), offset);
    ByteVec sent = make_batch({.records = 3});
    assign_base_offset(sent, offset, 0);
    expected.insert(expected.end(), sent.begin(), sent.end());
  }
  EXPECT_EQ(content(kFirst), expected);
  EXPECT_EQ(log->end_offset(), 9);
  EXPECT_EQ(log->bytes(), expected.size());
}

TEST_F(PartitionLogTest, FindsWholeBatchesFromTheOneThatHoldsTheOffset) {
  auto log = open({.segment_bytes = 1000, .boot_id = kBoot}).value();
  const std::size_t size = make_batch({.records = 2, .value_bytes = 100}).size();  // ~280
  for (int i = 0; i < 9; ++i) append(*log, {.records = 2, .value_bytes = 100});    // 3 a segment
  struct Case {
    const char* what;
    std::int64_t offset;
    std::size_t bytes_max;
    bool at_least_one;
    std::int64_t first;
    std::size_t batches;
  };
  const Case cases[] = {
      {"a segment at most", 0, 100'000, true, 0, 3},
      {"from within a batch", 3, 100'000, true, 2, 2},
      {"no part of a batch", 0, 2 * size + 1, true, 0, 2},
      {"exactly two", 0, 2 * size, true, 0, 2},
      {"one even if it is larger", 4, 1, true, 4, 1},
      {"none when it is larger and need not be", 4, 1, false, 0, 0},
      {"the last one", 17, 100'000, true, 16, 1},
      {"nothing at the end", 18, 100'000, true, 0, 0},
  };
  for (const auto& [what, offset, bytes_max, at_least_one, first, batches] : cases) {
    SCOPED_TRACE(what);
    const auto slice = log->find(offset, log->end_offset(), bytes_max, at_least_one).value();
    ASSERT_EQ(slice.size, batches * size);
    if (batches == 0) continue;
    EXPECT_EQ(BatchHeader::read(read(slice))->base_offset, first);
  }
  EXPECT_EQ(log->find(0, 2, 100'000, true)->size, size) << "nothing above the high watermark";
}

TEST_F(PartitionLogTest, FindsTheFirstRecordOfATime) {
  auto log = open({.segment_bytes = 300, .boot_id = kBoot}).value();
  for (int i = 0; i < 10; ++i) append(*log, {.records = 5, .timestamp = 1000 + 10 * i});
  struct Case {
    std::int64_t time, offset, timestamp;
  };
  for (const auto& [time, offset, timestamp] :
       {Case{0, 0, 1000}, Case{1003, 3, 1003}, Case{1005, 5, 1010}, Case{1094, 49, 1094},
        Case{1095, -1, -1}}) {
    const auto found = log->find_time(time).value();
    EXPECT_EQ(found.offset, offset) << time;
    EXPECT_EQ(found.timestamp, timestamp) << time;
  }
}

TEST_F(PartitionLogTest, MissesNothingOfWhatWasDeleted) {
  ByteVec old_bytes;
  std::int64_t end = 0;
  {
    auto log = open().value();
    for (int i = 0; i < 5; ++i) append(*log, {.records = 2});
    end = log->end_offset();
    old_bytes = content(kFirst);
    ASSERT_TRUE(log->drop_oldest());  // all of it, so a new segment was begun
    ASSERT_EQ(log->start_offset(), end);
    ASSERT_TRUE(log->sync_marks());
  }
  // The power went before the folder was synced: the new file is gone, the old one has come back
  // without its end.
  ASSERT_TRUE(files_.remove("/p/" + Segment::file_name(end)));
  auto file = files_.open("/p/" + kFirst, OpenMode::kCreate);
  ASSERT_TRUE(file && (*file)->write_at(ByteView(old_bytes).first(old_bytes.size() / 2), 0));
  auto log = open();
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_EQ((*log)->start_offset(), end);
  EXPECT_EQ((*log)->end_offset(), end);
}

TEST_F(PartitionLogTest, ComesBackAsItWas) {
  {
    auto log = open({.segment_bytes = 500, .boot_id = kBoot}).value();
    for (int i = 0; i < 20; ++i) append(*log, {.records = 2});
    log->drop_before(7);
  }
  auto log = open({.segment_bytes = 500, .boot_id = kBoot}).value();
  EXPECT_EQ(log->start_offset(), 7);
  EXPECT_EQ(log->end_offset(), 40);
  EXPECT_EQ(append(*log), 40);
  EXPECT_THAT(told_.lines, testing::IsEmpty());
  EXPECT_EQ(walked_.back().base_offset, 38);
}

// Every length of the last three batches, after a power loss: what is whole stays, the rest is cut.
TEST_F(PartitionLogTest, CutsATornTailAtAnyByte) {
  std::vector<std::size_t> ends{0};
  {
    auto log = open().value();
    for (int i = 0; i < 4; ++i) {
      append(*log, {.records = 2, .value_bytes = 20});
      ends.push_back(log->bytes());
    }
  }
  const ByteVec whole = content(kFirst);
  const ByteVec marks = content("marks");
  for (std::size_t length = ends[1]; length <= whole.size(); ++length) {
    SCOPED_TRACE(length);
    set_content(kFirst, ByteView(whole).first(length));
    set_content("marks", marks);
    told_.lines.clear();
    auto log = open({.boot_id = kNextBoot});
    ASSERT_TRUE(log);
    std::size_t kept = 0;
    while (kept + 1 < ends.size() && ends[kept + 1] <= length) ++kept;
    EXPECT_EQ((*log)->end_offset(), static_cast<std::int64_t>(2 * kept));
    EXPECT_EQ(content(kFirst).size(), ends[kept]);
    EXPECT_EQ(told_.lines.size(), length == ends[kept] ? 0u : 1u) << "a cut is said";
  }
}

TEST_F(PartitionLogTest, RefusesDamageBelowTheTrustedOffset) {
  {
    auto log = open().value();
    for (int i = 0; i < 4; ++i) append(*log, {.records = 2});
  }
  const ByteVec whole = content(kFirst);
  for (std::size_t byte = 0; byte < whole.size(); ++byte) {
    if (byte % (whole.size() / 4) >= 12 && byte % (whole.size() / 4) < 16) continue;  // epoch: free
    SCOPED_TRACE(byte);
    ByteVec damaged = whole;
    damaged[byte] ^= 0x10;
    set_content(kFirst, damaged);
    const auto log = open();
    ASSERT_FALSE(log);
    EXPECT_EQ(log.error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(content(kFirst), damaged) << "nothing was changed";
  }
}

TEST_F(PartitionLogTest, TellsMissingRecordsFromATornTail) {
  {
    auto log = open().value();
    append(*log);
    append(*log);
  }
  const ByteVec whole = content(kFirst);
  set_content(kFirst, ByteView(whole).first(whole.size() / 2));
  EXPECT_FALSE(open()) << "same boot: the page cache had it all";
  ASSERT_TRUE(open({.repair = true, .boot_id = kBoot}));
  EXPECT_THAT(told_.lines, testing::Contains(testing::HasSubstr("lost")));
  EXPECT_EQ(open().value()->end_offset(), 1);
}

TEST_F(PartitionLogTest, TrustsAfterABootWhatWasSynced) {
  {
    auto log = open().value();
    append(*log);
    ASSERT_TRUE(log->note_synced(log->unsynced()));
    append(*log);
  }
  const ByteVec whole = content(kFirst);
  set_content(kFirst, ByteView(whole).first(whole.size() - 1));
  EXPECT_EQ(open({.boot_id = kNextBoot}).value()->end_offset(), 1) << "a torn tail";
  set_content(kFirst, ByteView(whole).first(whole.size() / 2 - 1));
  EXPECT_FALSE(open({.boot_id = kNextBoot})) << "synced records are missing";
}

TEST_F(PartitionLogTest, CutsWhatWasWrittenButNeverMarked) {
  ByteVec marks;
  {
    auto log = open().value();
    append(*log);
    marks = content("marks");
    append(*log);
  }
  set_content("marks", marks);  // killed between the batch and its mark: never acknowledged
  auto log = open().value();
  EXPECT_EQ(log->end_offset(), 1);
  EXPECT_EQ(content(kFirst).size(), log->bytes());
}

TEST_F(PartitionLogTest, RecyclesADroppedSegmentWhoseOldBatchesNeverComeBack) {
  const LogSettings settings{.segment_bytes = 400, .recycle = true, .boot_id = kBoot};
  std::int64_t end = 0;
  {
    auto log = open(settings).value();
    for (int i = 0; i < 12; ++i) append(*log, {.value_bytes = 50});
    ASSERT_TRUE(log->drop_oldest().value().empty()) << "it is kept to be written over";
    const std::int64_t segment_start = log->end_offset();
    while (log->end_offset() < segment_start + 2) append(*log, {.value_bytes = 50});
    end = log->end_offset();
    EXPECT_EQ(files_.list("/p")->size(), 5u) << "marks and four segments, none besides";
  }
  for (const auto& boot : {kBoot, kNextBoot}) {
    told_.lines.clear();
    auto log = open({.segment_bytes = 400, .recycle = true, .boot_id = boot});
    ASSERT_TRUE(log) << log.error().message;
    EXPECT_EQ((*log)->end_offset(), end);
    EXPECT_THAT(told_.lines, testing::IsEmpty());
  }
}

// The marks went with the kill. Only they knew that the first file was kept to be recycled.
TEST_F(PartitionLogTest, BeginsBehindAFileThatWasKeptToBeRecycled) {
  const LogSettings settings{.segment_bytes = 400, .recycle = true, .boot_id = kBoot};
  {
    auto log = open(settings).value();
    for (int i = 0; i < 4; ++i) append(*log, {.value_bytes = 50});  // three fill a segment
    ASSERT_EQ(append(*log, {.value_bytes = 250}), 4);               // the third one begins
    ASSERT_TRUE(log->drop_before(3).empty()) << "it is kept";
    const auto dropped = log->drop_before(4);
    ASSERT_EQ(dropped.size(), 1u) << "too small to be kept";
    ASSERT_TRUE(files_.remove(dropped[0]->file().path()));
  }
  ASSERT_EQ(files_.list("/p")->size(), 3u);
  ASSERT_TRUE(file("marks")->truncate(30));
  auto log = open(settings);
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_EQ((*log)->start_offset(), 4);
  EXPECT_EQ((*log)->end_offset(), 5);
}

// The next segment is made, but not emptied; a smaller batch still goes into the one before.
TEST(PartitionLogOnABadDisk, GoesOnAfterASegmentThatCouldNotBeBegun) {
  const std::size_t large = make_batch({.value_bytes = 100}).size();
  const std::size_t small = make_batch({.value_bytes = 1}).size();
  for (const bool removal_fails : {false, true})
    for (const bool recycle : {false, true}) {
      SCOPED_TRACE(fmt::format("removal fails {}, recycle {}", removal_fails, recycle));
      SimDisk disk;
      NoLog quiet;
      const auto open = [&](SimDisk& on) {
        return PartitionLog::open(
            on, "/p", {.segment_bytes = 3 * large + small, .recycle = recycle, .boot_id = kBoot},
            [](const BatchHeader&) {}, quiet);
      };
      auto log = open(disk).value();
      const auto append = [&](std::size_t value_bytes) {
        ByteVec batch = make_batch({.value_bytes = value_bytes});
        return log->append(*BatchHeader::read(batch), batch);
      };
      for (int i = 0; i < 3; ++i) ASSERT_TRUE(append(100));
      disk.on_change([&](const SimDisk::Change& change) {
        const bool next = change.path.ends_with(Segment::file_name(3));
        const bool fails = change.kind == SimDisk::Change::Kind::kTruncate ||
                           (removal_fails && change.kind == SimDisk::Change::Kind::kRemove);
        return next && fails ? ENOSPC : 0;
      });
      ASSERT_FALSE(append(100));
      disk.on_change(nullptr);
      ASSERT_TRUE(append(1));
      ASSERT_TRUE(append(100));
      EXPECT_EQ(disk.list("/p")->size(), removal_fails ? 4u : 3u);
      const auto found = disk.after_kill();
      const auto again = open(*found);
      ASSERT_TRUE(again) << again.error().message;
      EXPECT_EQ((*again)->end_offset(), 5);
      EXPECT_EQ(found->list("/p")->size(), 3u) << "marks and two segments";
    }
}

TEST_F(PartitionLogTest, DropsOldSegmentsAndKeepsReadersReading) {
  auto log = open({.segment_bytes = 300, .boot_id = kBoot}).value();
  for (int i = 0; i < 12; ++i) append(*log, {.value_bytes = 50});
  const auto slice = log->find(0, log->end_offset(), 100'000, true).value();
  const ByteVec before = read(slice);
  const auto dropped = log->drop_oldest().value();
  for (const auto& segment : dropped) ASSERT_TRUE(files_.remove(segment->file().path()));
  EXPECT_GT(log->start_offset(), 0);
  EXPECT_EQ(read(slice), before);
  while (log->oldest()) ASSERT_TRUE(log->drop_oldest());
  EXPECT_EQ(log->start_offset(), log->end_offset());
  EXPECT_EQ(log->bytes(), 0u);
}

TEST(Marks, HaveTheBytesOfTheDocument) {
  const Marks marks{.active_segment = 0, .end = 0x46, .end_offset = 2, .boot_id = kBoot};
  const auto bytes = encode_marks(marks);
  EXPECT_THAT(ByteVec(bytes.begin(), bytes.begin() + 32),
              testing::ElementsAreArray(from_hex("44534d4b 00000001 0000000000000000"
                                                 "0000000000000046 0000000000000002")));
  EXPECT_EQ(decode_marks(bytes), marks);
  for (std::size_t byte = 0; byte < kMarksBytes; ++byte) {
    auto damaged = bytes;
    damaged[byte] ^= 1;
    EXPECT_EQ(decode_marks(damaged), std::nullopt) << byte;
    EXPECT_EQ(decode_marks(ByteView(bytes).first(byte)), std::nullopt) << byte;
  }
}

}  // namespace
}  // namespace ds::kafka::broker
