#include "kafka/broker/partition.h"

#include <gmock/gmock.h>

#include "kafka/broker/memory_files.h"
#include "kafka/broker/test_support.h"

namespace ds::kafka::broker {
namespace {

/// A disk whose next writes or syncs fail as long as it is told so.
class BadDisk final : public Files {
 public:
  bool writes_fail = false;
  bool syncs_fail = false;

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    auto file = files_.open(path, mode);
    if (!file) return file;
    return std::unique_ptr<File>(std::make_unique<BadFile>(*this, std::move(*file)));
  }
  Status rename(const std::string& from, const std::string& to) override {
    return files_.rename(from, to);
  }
  Status remove(const std::string& path) override { return files_.remove(path); }
  Status make_folder(const std::string& path) override { return files_.make_folder(path); }
  Result<std::vector<std::string>> list(const std::string& folder) override {
    return files_.list(folder);
  }
  Result<bool> exists(const std::string& path) override { return files_.exists(path); }
  Status sync_folder(const std::string& folder) override { return files_.sync_folder(folder); }

 private:
  class BadFile final : public File {
   public:
    BadFile(BadDisk& disk, std::unique_ptr<File> file) : disk_(disk), file_(std::move(file)) {}
    const std::string& path() const override { return file_->path(); }
    Result<std::uint64_t> size() override { return file_->size(); }
    Result<std::size_t> read_at(ByteSpan into, std::uint64_t at) override {
      return file_->read_at(into, at);
    }
    Status write_at(ByteView bytes, std::uint64_t at) override {
      if (!disk_.writes_fail) return file_->write_at(bytes, at);
      (void)file_->write_at(bytes.first(bytes.size() / 2), at);  // a part of it came through
      return Error{ErrorCode::kStorage, "no space left"};
    }
    Status sync() override {
      if (disk_.syncs_fail) return Error{ErrorCode::kStorage, "input/output error"};
      return file_->sync();
    }
    Status truncate(std::uint64_t size) override { return file_->truncate(size); }
    Status reserve(std::uint64_t size) override { return file_->reserve(size); }

   private:
    BadDisk& disk_;
    std::unique_ptr<File> file_;
  };

  MemoryFiles files_;
};

class PartitionTest : public testing::Test {
 protected:
  std::unique_ptr<Partition> open(bool wait_for_sync = false) {
    return Partition::open(disk_, "t-0", "/p", {.boot_id = {1}}, wait_for_sync, log_);
  }
  static Partition::Appended append(Partition& partition, std::int32_t sequence) {
    ByteVec batch = make_batch({.producer_id = 1, .producer_epoch = 0, .base_sequence = sequence});
    return partition.append(*BatchHeader::read(batch), batch);
  }

  BadDisk disk_;
  NoLog log_;
};

TEST_F(PartitionTest, GoesOnAfterAFullDiskAsIfNothingHadBeenSent) {
  {
    const auto partition = open();
    EXPECT_EQ(append(*partition, 0).base_offset, 0);
    disk_.writes_fail = true;
    EXPECT_EQ(append(*partition, 1).error, KafkaError::kKafkaStorageError);
    EXPECT_EQ(partition->ends().high_watermark, 1);
    disk_.writes_fail = false;
    EXPECT_EQ(append(*partition, 1).base_offset, 1) << "the same batch, sent again";
    disk_.writes_fail = true;
    EXPECT_EQ(append(*partition, 2).error, KafkaError::kKafkaStorageError);
    disk_.writes_fail = false;
  }
  const auto partition = open();  // the half-written batch lies behind the end and is cut
  EXPECT_TRUE(partition->online());
  EXPECT_EQ(partition->ends().high_watermark, 2);
  EXPECT_EQ(append(*partition, 1).base_offset, 1) << "still known to be a duplicate";
}

TEST_F(PartitionTest, IsOfflineForGoodAfterAFailedSync) {
  const auto partition = open(true);
  append(*partition, 0);
  EXPECT_EQ(partition->ends().high_watermark, 0) << "not yet on the disk";
  ASSERT_TRUE(partition->sync());
  EXPECT_EQ(partition->ends().high_watermark, 1);
  append(*partition, 1);
  disk_.syncs_fail = true;
  EXPECT_FALSE(partition->sync());
  disk_.syncs_fail = false;
  EXPECT_FALSE(partition->sync()) << "a second try would succeed and mean nothing";
  EXPECT_FALSE(partition->online());
  EXPECT_EQ(append(*partition, 2).error, KafkaError::kKafkaStorageError);
  EXPECT_EQ(partition->find(0, 1000, true).ends.error, KafkaError::kKafkaStorageError);
}

TEST_F(PartitionTest, WakesEachWaitOnce) {
  const auto partition = open();
  int woken = 0;
  auto wait = std::make_shared<FetchWait>();
  wait->wake = [&] { ++woken; };
  partition->wait_for_append(wait);
  append(*partition, 0);
  append(*partition, 1);
  EXPECT_EQ(woken, 1);
}

}  // namespace
}  // namespace ds::kafka::broker
