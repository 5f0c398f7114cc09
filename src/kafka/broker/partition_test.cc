#include "kafka/broker/partition.h"

#include <gmock/gmock.h>

#include "kafka/broker/memory_files.h"
#include "kafka/broker/test_support.h"

namespace ds::kafka::broker {
namespace {

class PartitionTest : public testing::Test {
 protected:
  std::unique_ptr<Partition> open(bool wait_for_sync = false) {
    return Partition::open(disk_, "t-0", "/p", {.boot_id = {1}}, wait_for_sync, log_);
  }
  static Partition::Appended append(Partition& partition, std::int32_t sequence) {
    ByteVec batch = make_batch({.producer_id = 1, .producer_epoch = 0, .base_sequence = sequence});
    return partition.append(*BatchHeader::read(batch), batch);
  }

  MemoryFiles files_;
  BadDisk disk_{files_};
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

TEST_F(PartitionTest, TakesNothingBehindANewProducersFirstBatchThatItCouldNotWrite) {
  const auto partition = open();
  disk_.writes_fail = true;
  EXPECT_EQ(append(*partition, 0).error, KafkaError::kKafkaStorageError);
  disk_.writes_fail = false;
  EXPECT_EQ(append(*partition, 1).error, KafkaError::kNotEnoughReplicas) << "it was under way";
  EXPECT_EQ(append(*partition, 0).base_offset, 0) << "else it could never be stored any more";
  EXPECT_EQ(append(*partition, 1).base_offset, 1);
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
