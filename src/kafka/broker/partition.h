// One partition: its log, its producers, and who waits for the next append, under one short lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/broker/partition_log.h"
#include "kafka/broker/producer_state.h"
#include "kafka/wire/error_codes.h"

namespace ds::kafka::broker {

/// A Fetch that waits for records. The first partition to get some calls wake(), once.
struct FetchWait {
  std::atomic<bool> done = false;
  std::function<void()> wake;  // any thread; must not block

  void finish() {
    if (!done.exchange(true)) wake();
  }
};

/// Threads: any.
class Partition {
 public:
  /// A partition that cannot be opened is offline: it answers KAFKA_STORAGE_ERROR, and `log` says
  /// why. `wait_for_sync`: the high watermark is what has been synced, not what has been written.
  static std::unique_ptr<Partition> open(Files& files, std::string name, const std::string& folder,
                                         const LogSettings& settings, bool wait_for_sync, Log& log);

  struct Appended {
    KafkaError error = KafkaError::kNone;
    std::int64_t base_offset = -1;
    std::int64_t start_offset = -1;
    std::int64_t end_offset = -1;      // what must be synced before the answer may say "stored"
    std::int64_t append_time_ms = -1;  // what its records bear; -1: their producer's
  };
  /// One batch, checked and with its checksum verified; its base offset is written into it, and the
  /// time when `append_time` is given: this clock's, read when its turn has come, so that times
  /// ascend with offsets.
  Appended append(const BatchHeader& header, ByteSpan batch, const Clock* append_time = nullptr);

  /// For a broker that is full: what can be said of the batch without appending it, as that it is
  /// in the log already. Nothing when it would have to be appended.
  std::optional<Appended> settle(const BatchHeader& header);
  /// settle(), or NOT_ENOUGH_REPLICAS; what its producer sends behind it then waits for it.
  Appended settle_or_refuse(const BatchHeader& header);

  struct Ends {
    KafkaError error = KafkaError::kNone;
    std::int64_t start = -1;
    std::int64_t high_watermark = -1;
  };
  Ends ends();

  struct Found {
    Ends ends;
    LogSlice slice;
  };
  Found find(std::int64_t offset, std::size_t bytes_max, bool at_least_one);
  Result<PartitionLog::TimedOffset> find_time(std::int64_t timestamp);
  /// The waiter is forgotten once it is done.
  void wait_for_append(const std::shared_ptr<FetchWait>& waiter);

  /// Brings all that was appended before the call to the disk. A failure takes the partition
  /// offline for good. Blocks: for the syncer's thread only.
  Status sync();
  bool has_unsynced();

  std::vector<std::shared_ptr<Segment>> drop_before(std::int64_t offset);
  struct Oldest {
    std::uint64_t bytes = 0;  // 0: nothing to drop
    std::int64_t max_timestamp = -1;
    std::int64_t next_offset = 0;
  };
  Oldest oldest();
  /// Only if all of it lies before `offset`.
  std::optional<std::vector<std::shared_ptr<Segment>>> drop_oldest(
      std::int64_t offset = std::numeric_limits<std::int64_t>::max());
  /// What is kept to be recycled, if anything is; its file is to be removed.
  std::shared_ptr<Segment> drop_spare();
  /// Of the records from `offset` on.
  std::uint64_t bytes_from(std::int64_t offset);
  Status sync_marks();
  std::uint64_t bytes();

  /// What compaction may make anew: no active segment, and with `only_synced` nothing that a power
  /// loss could take.
  std::vector<std::shared_ptr<Segment>> closed_segments(bool only_synced);
  bool replace(const std::vector<std::shared_ptr<Segment>>& old, std::shared_ptr<Segment> fresh);
  const std::string& folder() const { return log_->folder(); }  // of one that is online
  void set_segment_bytes(std::uint64_t bytes);
  std::uint64_t segment_bytes();

  /// Writes down what is known of producers, so that a start need not find their batches in the
  /// log: before some of these go. Blocks.
  Status save_producers(Files& files);
  /// The same, if any producer's last batch is below the log's start and was not saved yet.
  Status save_silent_producers(Files& files);
  void expire_producers(std::int64_t now_ms, std::int64_t lives_ms);

  const std::string& name() const { return name_; }
  bool online() const { return !offline_; }

 private:
  Partition(std::string name, bool wait_for_sync, Log& operator_log)
      : name_(std::move(name)), wait_for_sync_(wait_for_sync), operator_log_(operator_log) {}

  std::int64_t high_watermark() const {
    return wait_for_sync_ ? log_->synced_offset() : log_->end_offset();
  }
  Ends ends_locked() const;
  std::optional<Appended> settle_locked(const BatchHeader& header) const;
  std::int64_t append_time_of(std::int64_t offset) const;
  void go_offline(const Error& why);
  void wake_waiters(std::unique_lock<std::mutex>& lock);

  const std::string name_;
  const bool wait_for_sync_;
  Log& operator_log_;
  std::mutex mutex_;
  std::unique_ptr<PartitionLog> log_;
  ProducerState producers_;
  std::int64_t producers_saved_to_ = 0;  // batches below are in the file of producers
  std::vector<std::shared_ptr<FetchWait>> waiters_;
  std::atomic<bool> offline_ = false;
};

}  // namespace ds::kafka::broker
