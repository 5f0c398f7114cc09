// One file of a partition's log: record batches one after the other, and their index in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "kafka/wire/record_batch.h"
#include "net/files.h"

namespace ds::kafka::broker {

constexpr std::int32_t kLeaderEpoch = 0;  // of every batch: one broker, never replaced

/// Threads:  none of its own: the partition's lock guards everything but read_at() of bytes below
///           end(), which nobody changes any more.
/// Lifetime: shared, so that a reader keeps a deleted segment's bytes until it is done.
class Segment {
 public:
  Segment(std::unique_ptr<File> file, std::int64_t base_offset)
      : file_(std::move(file)), base_offset_(base_offset), next_offset_(base_offset) {}

  static std::string file_name(std::int64_t base_offset);
  /// Of one that compaction made out of all that lay in [base_offset, end_offset).
  static std::string compacted_name(std::int64_t base_offset, std::int64_t end_offset);
  struct Name {
    std::int64_t base_offset = 0;
    std::optional<std::int64_t> end_offset;  // of a compacted one
  };
  /// What a segment's file name says; nothing for any other name.
  static std::optional<Name> parse_file_name(std::string_view name);

  std::int64_t base_offset() const { return base_offset_; }
  std::int64_t next_offset() const { return next_offset_; }
  std::uint64_t end() const { return end_; }
  std::int64_t max_timestamp() const { return max_timestamp_; }
  File& file() const { return *file_; }
  /// After its file was renamed: the same bytes by their new name. Before it is shared only.
  void reopen(std::unique_ptr<File> file) { file_ = std::move(file); }

  /// Writes a batch behind the last one, where it counts for nothing until accept() is called.
  Status write(ByteView batch) { return file_->write_at(batch, end_); }
  void accept(const BatchHeader& header);

  /// What ends a walk before the end of the file.
  struct Bad {
    std::uint64_t at;
    std::string why;
    bool unused;  // zeros, or what a recycled file held before: nothing was torn here
  };
  /// Reads the batches from the start of the file up to `limit` into the index, each checked whole,
  /// and calls `each` with its header. Stops at the first that is not sound.
  /// Cost: reads the file once, a MiB at a time.
  Result<std::optional<Bad>> walk(std::uint64_t limit,
                                  const std::function<void(const BatchHeader&)>& each);

  /// Reads the batches from the start to end(), each held against its checksum, for as long as
  /// `each` returns true. An error: the file could not be read, or a batch is not sound any more.
  Status read_batches(const std::function<bool(const BatchView&)>& each) const;

  /// Where to start looking for the batch with `offset`, or for the first with a record at or after
  /// `timestamp`: the start of a batch, at most an index interval before it.
  std::uint64_t position_before(std::int64_t offset) const;
  std::uint64_t position_before_time(std::int64_t timestamp) const;
  /// The last batch end known to lie in (from, limit]; `from` when there is none.
  std::uint64_t boundary_before(std::uint64_t from, std::uint64_t limit) const;

 private:
  struct IndexEntry {
    std::int64_t offset;
    std::uint64_t position;
    std::int64_t max_timestamp;  // of all before
  };
  static constexpr std::uint64_t kIndexInterval = 32 * 1024;

  std::unique_ptr<File> file_;
  std::int64_t base_offset_;
  std::int64_t next_offset_;
  std::uint64_t end_ = 0;
  std::int64_t max_timestamp_ = -1;
  std::vector<IndexEntry> index_;
};

/// Reads the header at `position` of a segment's file.
Result<BatchHeader> read_header(File& file, std::uint64_t position);

}  // namespace ds::kafka::broker
