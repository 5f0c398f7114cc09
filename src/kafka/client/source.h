// Where record batches enter the pipeline: the narrow interface that both engines implement.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace ds::kafka {

struct TopicPartition {
  std::string topic;
  std::int32_t partition = 0;
  bool operator==(const TopicPartition&) const = default;
  auto operator<=>(const TopicPartition&) const = default;
};

/// Whole record batches of one partition, as the broker sent them; `bytes` points into `owner`.
struct Fetched {
  TopicPartition from;
  std::int64_t first_offset = 0;    // the first wanted: a batch may begin below it
  std::int64_t high_watermark = 0;  // of the partition when it was fetched
  ByteView bytes;
  std::shared_ptr<const void> owner;
  Nanos at = 0;
};

/// Partitions that are ours from now on, besides those that were.
struct Assigned {
  std::vector<TopicPartition> partitions;
  /// 32 hex digits; a topic that is deleted and made anew gets another. Empty: the broker has none.
  std::string topic_id;
};

/// Told on the source's thread when partitions come and go.
class AssignmentListener {
 public:
  virtual ~AssignmentListener() = default;
  /// Returns where to start each; a partition left out starts at the group's committed offset,
  /// and without one at the log's start.
  virtual std::map<TopicPartition, std::int64_t> on_assigned(const Assigned& assigned) = 0;
  /// After it returns they are somebody else's: what is stored by then must have been given to
  /// commit(), which the source then brings to the broker.
  virtual void on_revoked(const std::vector<TopicPartition>& partitions) = 0;
  /// They are somebody else's already: the group has gone on without us. Nothing of them may be
  /// stored or committed any more.
  virtual void on_lost(const std::vector<TopicPartition>& partitions) { on_revoked(partitions); }
};

/// Threads: one.
class Source {
 public:
  virtual ~Source() = default;
  /// Waits up to `timeout`, appends what came. An error is one that polling again will not mend.
  virtual Status poll(Nanos timeout, std::vector<Fetched>& into) = 0;
  /// Stops and resumes fetching of all partitions; membership goes on.
  virtual void pause(bool paused) = 0;
  /// Starts `partition` again at `offset` (what was fetched and not yet returned is dropped).
  virtual void seek(const TopicPartition& partition, std::int64_t offset) = 0;
  /// Tells the group that everything below these offsets is stored. Best effort and in the
  /// background; the last one wins, close() waits for it.
  virtual void commit(const std::map<TopicPartition, std::int64_t>& next_offsets) = 0;
  virtual std::map<TopicPartition, std::int64_t> committed() const = 0;
  /// High watermarks as last seen.
  virtual std::map<TopicPartition, std::int64_t> high_watermarks() const = 0;
  /// Nobody else has been given what the listener was told is ours. False for a moment after a long
  /// halt of the process, until the group has been heard.
  virtual bool sure() const { return true; }
  /// Leaves the group, after a last on_revoked() for all that is ours.
  virtual void close(Nanos deadline) = 0;
};

struct ConsumerSettings {
  std::string topic;
  std::string group;
  bool join = false;     // be a member of the group; else read all partitions, see fetcher.h
  std::string instance;  // static member id; empty: a dynamic member
  /// Kafka's names, the preferred first. With cooperative-sticky alone partitions move one by one;
  /// with another beside it all are given up before each rebalance.
  std::vector<std::string> assignors = {"cooperative-sticky"};
  /// Records of transactions only when they are committed; those of aborted ones never.
  bool read_committed = true;
  bool reset_offsets = false;  // start at the log's start whatever was committed
  Nanos session_timeout = 30 * kSecond;
  Nanos heartbeat_interval = 3 * kSecond;
  Nanos rebalance_timeout = 60 * kSecond;  // how long the group waits for what we give up
  std::int32_t fetch_bytes_max = 4 << 20;  // of an answer: small enough to be read from a cache
  std::int32_t partition_bytes_max = 1 << 20;
  Nanos fetch_wait = 100 * kMillisecond;
  std::size_t buffer_memory = 64u << 20;  // held by answers that are not yet let go
  int connections_per_broker = 2;
};

}  // namespace ds::kafka
