// A topic in memory and a source that reads it: everything a broker does for the pipeline, at the
// test's own command.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <vector>

#include "kafka/client/source.h"
#include "kafka/wire/record_batch.h"
#include "ledger/tweets_for_test.h"

namespace ds {

/// Threads: any.
class LogForTest {
 public:
  /// Appends records of a stream to the partition with its number.
  void append(std::uint32_t stream, std::uint64_t count) {
    const std::lock_guard lock(mutex_);
    Partition& log = partitions_[static_cast<std::int32_t>(stream)];
    log.batches.push_back({log.end, std::make_shared<const ByteVec>(test_batch(
                                        log.end, stream, static_cast<std::uint64_t>(log.end),
                                        static_cast<std::uint64_t>(log.end) + count))});
    log.end += static_cast<std::int64_t>(count);
    grown_.notify_all();
  }
  std::map<kafka::TopicPartition, std::int64_t> ends() const {
    const std::lock_guard lock(mutex_);
    std::map<kafka::TopicPartition, std::int64_t> ends;
    for (const auto& [number, log] : partitions_) ends[{"tweets", number}] = log.end;
    return ends;
  }
  std::map<kafka::TopicPartition, std::int64_t> committed() const {
    const std::lock_guard lock(mutex_);
    return committed_;
  }
  /// The topic is another one from now on, of the same name.
  void set_topic_id(std::string id) {
    const std::lock_guard lock(mutex_);
    topic_id_ = std::move(id);
  }
  std::string topic_id() const {
    const std::lock_guard lock(mutex_);
    return topic_id_;
  }
  /// The group is as new.
  void forget_commits() {
    const std::lock_guard lock(mutex_);
    committed_.clear();
  }
  /// Another member gets this partition; given_up() once the pipeline has been told.
  void take_away(std::int32_t partition) {
    const std::lock_guard lock(mutex_);
    taken_ = partition;
    grown_.notify_all();
  }
  bool given_up() const {
    const std::lock_guard lock(mutex_);
    return given_up_;
  }
  void give_back() { take_away(-1); }
  /// Another member has read that far.
  void commit_as_another(std::int32_t partition, std::int64_t next_offset) {
    const std::lock_guard lock(mutex_);
    committed_[{"tweets", partition}] = next_offset;
  }
  /// Commits get lost from now on, as if the consumer had died before each.
  void lose_commits() {
    const std::lock_guard lock(mutex_);
    lose_commits_ = true;
  }

 private:
  friend class SourceForTest;
  struct Batch {
    std::int64_t base_offset;
    std::shared_ptr<const ByteVec> bytes;
  };
  struct Partition {
    std::int64_t end = 0;
    std::vector<Batch> batches;
  };
  mutable std::mutex mutex_;
  std::condition_variable grown_;
  std::map<std::int32_t, Partition> partitions_;
  std::map<kafka::TopicPartition, std::int64_t> committed_;
  bool lose_commits_ = false;
  std::int32_t taken_ = -1;
  bool given_up_ = false;
  std::string topic_id_;
};

/// Reads all partitions, a batch of each at a poll.
class SourceForTest final : public kafka::Source {
 public:
  SourceForTest(LogForTest& log, kafka::AssignmentListener& listener)
      : log_(log), listener_(listener) {}

  Status poll(Nanos timeout, std::vector<kafka::Fetched>& into) override {
    assign();
    give_up_what_is_taken();
    std::unique_lock lock(log_.mutex_);
    if (!read(into))
      if (log_.grown_.wait_for(lock, std::chrono::nanoseconds(timeout)) ==
          std::cv_status::no_timeout)
        read(into);
    return Done{};
  }
  void pause(bool paused) override { paused_ = paused; }
  void seek(const kafka::TopicPartition& partition, std::int64_t offset) override {
    next_[partition] = offset;
  }
  void commit(const std::map<kafka::TopicPartition, std::int64_t>& next_offsets) override {
    const std::lock_guard lock(log_.mutex_);
    if (log_.lose_commits_) return;
    for (const auto& [partition, offset] : next_offsets)
      if (next_.contains(partition)) log_.committed_[partition] = offset;
  }
  std::map<kafka::TopicPartition, std::int64_t> committed() const override {
    return log_.committed();
  }
  std::map<kafka::TopicPartition, std::int64_t> high_watermarks() const override {
    return log_.ends();
  }
  void close(Nanos) override {
    std::vector<kafka::TopicPartition> all;
    for (const auto& [partition, next] : next_) all.push_back(partition);
    listener_.on_revoked(all);
  }

 private:
  void assign() {
    std::vector<kafka::TopicPartition> fresh;
    for (const auto& [partition, end] : log_.ends())
      if (!next_.contains(partition) && partition.partition != taken()) fresh.push_back(partition);
    if (fresh.empty()) return;
    const auto starts = listener_.on_assigned({fresh, log_.topic_id()});
    const auto committed = log_.committed();
    for (const auto& partition : fresh) {
      const auto start = starts.find(partition), commit = committed.find(partition);
      next_[partition] = start != starts.end()       ? start->second
                         : commit != committed.end() ? commit->second
                                                     : 0;
    }
  }
  std::int32_t taken() const {
    const std::lock_guard lock(log_.mutex_);
    return log_.taken_;
  }
  void give_up_what_is_taken() {
    const kafka::TopicPartition partition{"tweets", taken()};
    if (next_.erase(partition) == 0) return;
    listener_.on_revoked({partition});
    const std::lock_guard lock(log_.mutex_);
    log_.given_up_ = true;
  }
  bool read(std::vector<kafka::Fetched>& into) {
    bool any = false;
    for (auto& [partition, next] : next_) {
      if (paused_) break;
      const LogForTest::Partition& log = log_.partitions_.at(partition.partition);
      for (std::size_t i = 0; i < log.batches.size(); ++i) {
        const std::int64_t end =
            i + 1 < log.batches.size() ? log.batches[i + 1].base_offset : log.end;
        if (end <= next) continue;
        into.push_back({.from = partition,
                        .first_offset = next,
                        .high_watermark = log.end,
                        .bytes = *log.batches[i].bytes,
                        .owner = log.batches[i].bytes,
                        .at = 1});
        next = end;
        any = true;
        break;
      }
    }
    return any;
  }

  LogForTest& log_;
  kafka::AssignmentListener& listener_;
  std::map<kafka::TopicPartition, std::int64_t> next_;
  bool paused_ = false;
};

}  // namespace ds
