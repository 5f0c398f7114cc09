// Compaction of one partition: of each key the last value stays, the rest goes.
//
// The closed segments are read in order. Their batches are written anew without the records that a
// later one of the same key has replaced. Offsets stay: a record keeps its own, and a batch reaches
// to where the next one begins (its last offset delta grows over what has gone), so that offsets
// still follow each other without a gap and recovery can still tell a lost batch from a dropped
// record. A record without a value, a tombstone, stays until every reader of the last
// delete.retention.ms has had the chance to see it: when it is met first, its batch gets Kafka's
// own mark (attribute bit 6, and the time to go in place of the base timestamp).
//
// Steps, and what a crash leaves:
//   1. the producers' state is saved: batches that carry it may go         nothing
//   2. 00…b.compacting is written and synced                               a file that is removed
//   3. renamed to 00…b.00…e.log, the folder synced                         it and the originals:
//   the
//   4. it takes the originals' place under the partition's lock            name says what it
//   5. the originals are removed                                           replaces, they are
//   removed
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "kafka/broker/partition.h"

namespace ds::kafka::broker {

/// The last offset of each key, in bounded memory.
class LastOffsets {
 public:
  explicit LastOffsets(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  void note(std::string_view key, std::int64_t offset);
  /// Some later record of this key is known.
  bool replaced(std::string_view key, std::int64_t offset) const;
  bool full() const { return bytes_ >= bytes_max_; }
  bool empty() const { return offsets_.empty(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  static constexpr std::size_t kEntryBytes = 96;  // a node, its string, its share of the buckets

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::unordered_map<std::string, std::int64_t, Hash, std::equal_to<>> offsets_;
};

struct CompactionSettings {
  std::int64_t now_ms = 0;
  std::int64_t delete_retention_ms = 86'400'000;
  double dirty_ratio = 0.5;  // begin when so much of what may be compacted is new
  bool only_synced = false;
  std::size_t keys_bytes_max = 32u << 20;  // for more keys than that it takes several rounds
};

/// What is remembered between two rounds; a new one only costs a round.
struct CompactionState {
  std::int64_t cleaned_to = 0;      // every key's last value below this is its only one
  std::int64_t tombstones_at = -1;  // when the first of them may go, in ms; -1: there are none
  bool opaque = false;  // a batch below cleaned_to could not be read: tombstones stay, lest an
                        // older value in it come back
};

struct Compacted {
  std::uint64_t bytes_before = 0;  // both 0: there was nothing to do
  std::uint64_t bytes_after = 0;
};

/// One round, if it is time for one. Threads: one at a time for a partition; readers and writers go
/// on. Cost: reads all closed segments once and what is new in them twice, writes them once;
/// memory for the keys and for one batch.
Result<Compacted> compact(Files& files, Partition& partition, const CompactionSettings& settings,
                          CompactionState& state, const std::function<bool()>& stopped);

}  // namespace ds::kafka::broker
