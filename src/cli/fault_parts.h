// What faults are played on: a clock, a sink and a source that make trouble while they are told to.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "kafka/client/source.h"
#include "sink/wrapped_sink.h"

namespace ds::cli {

/// Another one's time, with a wall clock that is off.
class SkewedClock final : public Clock {
 public:
  explicit SkewedClock(const Clock& right) : right_(right) {}
  Nanos now() const override { return right_.now(); }
  std::int64_t wall_ms() const override {
    const std::int64_t by = by_ms_.load(std::memory_order_relaxed);
    if (by != 0) asked_.fetch_add(1, std::memory_order_relaxed);
    return right_.wall_ms() + by;
  }
  void skew(std::int64_t by_ms) { by_ms_ = by_ms; }
  /// How often the wrong time was told.
  std::uint64_t asked() const { return asked_; }

 private:
  const Clock& right_;
  std::atomic<std::int64_t> by_ms_{0};
  mutable std::atomic<std::uint64_t> asked_{0};
};

/// Trouble between a topic and a store. Threads: any.
class IntakeTrouble {
 public:
  static constexpr std::int32_t kNone = -1;

  explicit IntakeTrouble(const Clock& clock) : clock_(clock) {}

  void freeze(bool frozen) {
    const std::lock_guard lock(mutex_);
    frozen_ = frozen;
    changed_.notify_all();
  }
  void slow(Nanos each_store) {
    const std::lock_guard lock(mutex_);
    slow_ = each_store;
  }
  void hold(std::int32_t partition) { held_ = partition; }
  std::int32_t held() const { return held_; }

  /// Of a store(): returns when it may go on; false when its caller can wait no longer.
  bool let_pass(const Patience* patience);
  void count_held() { ++batches_; }
  /// Stores that were kept waiting, batches that were held back.
  std::uint64_t stores() const { return stores_; }
  std::uint64_t batches() const { return batches_; }

 private:
  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool frozen_ = false;
  Nanos slow_ = 0;
  std::atomic<std::int32_t> held_{kNone};
  std::atomic<std::uint64_t> stores_{0}, batches_{0};
};

class TroubledSink final : public WrappedSink {
 public:
  TroubledSink(std::unique_ptr<Sink> sink, IntakeTrouble& trouble)
      : WrappedSink(std::move(sink)), trouble_(trouble) {}
  void be_patient_with(Patience& patience) override {
    patience_ = &patience;
    WrappedSink::be_patient_with(patience);
  }
  Result<Stored> store(std::span<const kafka::Fetched> batches) override {
    if (!trouble_.let_pass(patience_))
      return Error{.code = ErrorCode::kTimeout, .message = "the scenario holds the sink back"};
    return WrappedSink::store(batches);
  }

 private:
  IntakeTrouble& trouble_;
  Patience* patience_ = nullptr;
};

/// Of the partition that is held it returns nothing, and afterwards begins again where it was: in
/// between nothing is kept, so that the others have all the memory.
class HoldingSource final : public kafka::Source {
 public:
  HoldingSource(std::unique_ptr<kafka::Source> source, IntakeTrouble& trouble)
      : source_(std::move(source)), trouble_(trouble) {}
  Status poll(Nanos timeout, std::vector<kafka::Fetched>& into) override;
  void pause(bool paused) override { source_->pause(paused); }
  void seek(const kafka::TopicPartition& partition, std::int64_t offset) override {
    left_at_.erase(partition);
    source_->seek(partition, offset);
  }
  void commit(const std::map<kafka::TopicPartition, std::int64_t>& next_offsets) override {
    source_->commit(next_offsets);
  }
  std::map<kafka::TopicPartition, std::int64_t> committed() const override {
    return source_->committed();
  }
  std::map<kafka::TopicPartition, std::int64_t> high_watermarks() const override {
    return source_->high_watermarks();
  }
  bool sure() const override { return source_->sure(); }
  void close(Nanos deadline) override { source_->close(deadline); }

 private:
  const std::unique_ptr<kafka::Source> source_;
  IntakeTrouble& trouble_;
  std::map<kafka::TopicPartition, std::int64_t> left_at_;
};

}  // namespace ds::cli
