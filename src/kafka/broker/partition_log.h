// The log of one partition: segments in Kafka's own format, recovered, appended to and read.
//
//   auto log = PartitionLog::open(files, folder, settings, each, log);
//   Result<std::int64_t> base = log->append(header, batch);     // patches the base offset
//   Result<LogSlice> found = log->find(offset, bytes_max, true);  // then, without any lock:
//   found->segment->file().read_at(into, found->position);
//
// docs/formats/log.md says what lies on the disk and how recovery judges it.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "kafka/broker/marks.h"
#include "kafka/broker/segment.h"

namespace ds::kafka::broker {

/// Whole batches of one segment; it keeps the bytes alive.
struct LogSlice {
  std::shared_ptr<Segment> segment;  // null: empty
  std::uint64_t position = 0;
  std::size_t size = 0;
};

/// A segment that compaction is writing, until it has its name; worth nothing after a crash.
constexpr std::string_view kCompactingSuffix = ".compacting";

struct LogSettings {
  std::uint64_t segment_bytes = 128u << 20;
  /// A segment that is dropped becomes the next one, its pages still warm: fresh ones cost several
  /// times as much. Not where the log must survive a power loss.
  bool recycle = false;
  bool repair = false;
  std::array<std::uint8_t, 16> boot_id{};  // of the machine's present boot
};

/// Threads:  none of its own: Partition's lock guards it. A LogSlice is read without the lock.
/// Cost:     an append is one copy of the batch into the page cache and 68 bytes of marks.
class PartitionLog {
 public:
  /// Recovers what is in `folder` (made when missing), calling `each` with every batch's header in
  /// order. kCorrupt: damage where there must be none; nothing has been changed then.
  static Result<std::unique_ptr<PartitionLog>> open(
      Files& files, const std::string& folder, const LogSettings& settings,
      const std::function<void(const BatchHeader&)>& each, Log& log);

  /// Writes one verified batch; returns the offset of its first record, which it has written into
  /// the batch. After an error the log is as before, and the next append may succeed.
  Result<std::int64_t> append(BatchHeader header, ByteSpan batch);

  std::int64_t start_offset() const { return start_offset_; }
  std::int64_t end_offset() const { return end_offset_; }
  std::int64_t synced_offset() const { return synced_offset_; }
  /// On the disk, with what is kept to be recycled.
  std::uint64_t bytes() const { return bytes_ + (spare_ ? spare_->end() : 0); }

  /// Whole batches from the one that holds `offset` on, up to `bytes_max` and `offset_end`; with
  /// `at_least_one`, one batch even if it is larger. `offset` must lie in [start, end].
  Result<LogSlice> find(std::int64_t offset, std::int64_t offset_end, std::size_t bytes_max,
                        bool at_least_one) const;

  struct TimedOffset {
    std::int64_t offset = -1;
    std::int64_t timestamp = -1;
  };
  /// The first record at or after `timestamp`; -1 when there is none.
  Result<TimedOffset> find_time(std::int64_t timestamp) const;

  /// What a sync has to write; the caller syncs without the lock and then reports.
  struct Unsynced {
    std::vector<std::shared_ptr<Segment>> segments;
    bool folder = false;
    std::int64_t end_offset = 0;
  };
  Unsynced unsynced() const;
  Status note_synced(const Unsynced& synced);

  /// Forgets records below `offset`. Segments without any others are returned; their files may be
  /// removed once the marks are synced.
  std::vector<std::shared_ptr<Segment>> drop_before(std::int64_t offset);
  /// What drop_oldest() would drop, the active segment too; null when there is nothing.
  const Segment* oldest() const {
    return segments_.front()->end() > 0 ? segments_.front().get() : nullptr;
  }
  /// Nothing when nothing could be dropped.
  std::optional<std::vector<std::shared_ptr<Segment>>> drop_oldest();

  /// What is kept to be recycled, if anything; its file is to be removed.
  std::shared_ptr<Segment> drop_spare() { return std::exchange(spare_, nullptr); }
  /// Of the records from `offset` on, to the nearest batch that the index knows.
  std::uint64_t bytes_from(std::int64_t offset) const;

  /// The closed segments up to `offset_end`, oldest first: what compaction may make anew.
  std::vector<std::shared_ptr<Segment>> closed(std::int64_t offset_end) const;
  /// Puts `fresh`, which is on the disk, in the place of neighbours that closed() gave. False when
  /// some of them have been dropped meanwhile.
  bool replace(const std::vector<std::shared_ptr<Segment>>& old, std::shared_ptr<Segment> fresh);
  void set_segment_bytes(std::uint64_t bytes) { settings_.segment_bytes = bytes; }
  std::uint64_t segment_bytes() const { return settings_.segment_bytes; }

  /// Writes the marks' copy, which no append touches; sync_marks() then has it on the disk.
  Status copy_marks() { return write_marks(segments_.back()->end(), end_offset_, kMarksCopyAt); }
  Status sync_marks() { return marks_->sync(); }
  /// A sync on the way of an append has failed: whoever owns this must let it go.
  bool sync_failed() const { return sync_failed_; }
  Status sync_folder() { return files_.sync_folder(folder_); }
  const std::string& folder() const { return folder_; }

 private:
  PartitionLog(Files& files, std::string folder, const LogSettings& settings)
      : files_(files), folder_(std::move(folder)), settings_(settings) {}

  struct Found {  // a segment's file
    std::string path;
    Segment::Name name;
  };
  Status recover(const std::function<void(const BatchHeader&)>& each, Log& log);
  Result<std::vector<Found>> find_files();
  Status cut(std::size_t segment, std::uint64_t at, const std::vector<Found>& found);
  Status roll();
  Status write_marks() { return write_marks(segments_.back()->end(), end_offset_); }
  Status write_marks(std::uint64_t end, std::int64_t end_offset, std::uint64_t at = 0);
  Result<std::optional<Marks>> read_marks();
  std::string path_of(std::int64_t base_offset) const;
  Result<std::shared_ptr<Segment>> open_segment(const std::string& path, std::int64_t base_offset);
  /// Keeps one dropped segment for roll(), in place of what it kept.
  void keep_spare(std::vector<std::shared_ptr<Segment>>& dropped);

  Files& files_;
  std::string folder_;
  LogSettings settings_;
  std::unique_ptr<File> marks_;
  std::deque<std::shared_ptr<Segment>> segments_;  // ascending, the last one is active
  std::shared_ptr<Segment> spare_;                 // below the log's start; to be recycled
  std::int64_t start_offset_ = 0;
  std::int64_t end_offset_ = 0;
  std::int64_t synced_offset_ = 0;
  std::uint64_t bytes_ = 0;
  bool folder_unsynced_ = false;
  bool sync_failed_ = false;
  bool torn_ = false;  // behind the active segment's end lies what an append that failed has left
};

/// The kernel's boot id; zeros where there is none (then every start is judged as after a boot).
std::array<std::uint8_t, 16> read_boot_id();

}  // namespace ds::kafka::broker
