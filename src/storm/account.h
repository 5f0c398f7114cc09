// The account of a run: the seven counters of the ledger's first half, and latency from the
// intended instant. Workers write theirs, anyone reads the sum.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

#include "base/clock.h"
#include "base/histogram.h"

namespace ds {

/// What an earlier process of this share made of its run.
struct EarlierRecords {
  std::uint64_t written = 0, acknowledged = 0, failed = 0, unknown = 0, aborted = 0;

  std::uint64_t enqueued() const { return written + failed; }
  void add(const EarlierRecords& other) {
    written += other.written, acknowledged += other.acknowledged;
    failed += other.failed, unknown += other.unknown, aborted += other.aborted;
  }
};

/// A moment's sum over all workers.
struct Account {
  std::uint64_t scheduled = 0;
  std::uint64_t enqueued = 0;
  std::uint64_t written = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t failed = 0;
  std::uint64_t unknown = 0;
  std::uint64_t aborted = 0;  // with their transaction, as asked
  std::uint64_t bytes = 0;    // of record batches, as sent
  EarlierRecords earlier;     // among those above; they have no bytes here, sentiment or latency
  std::array<std::uint64_t, 3> by_sentiment{};
  Nanos first_intended = 0;  // 0: nothing yet
  Nanos last_delivery = 0;   // the last acknowledgement (acks=0: write)
};

/// One worker's part. Threads: the worker writes; reading is for any thread.
/// Cost: a handful of relaxed stores and one short lock per batch.
class WorkerAccount {
 public:
  /// `waited`: since the intended instant.
  void enqueued(std::uint64_t records, const std::array<std::uint32_t, 3>& by_sentiment,
                Nanos intended, Nanos waited);
  /// `bytes` as they went out, compressed or not.
  void written(std::uint64_t records, std::uint64_t bytes);
  /// The batch is decided: acknowledged, or with acks=0 written, after `latency`.
  void delivered(std::uint64_t records, Nanos latency, Nanos at, bool acknowledged);
  /// Failures and unknowns count with the time they were given up after.
  void failed(std::uint64_t records, Nanos latency);
  void unknown(std::uint64_t records, Nanos latency);
  /// Before the worker runs.
  void take_up(const EarlierRecords& earlier) { earlier_ = earlier; }
  /// Aborted with their transaction, as asked: no failure, and no delivery.
  void aborted(std::uint64_t records);

  void add_to(Account& sum) const;
  void add_to(Histogram& latencies) const;
  void add_waits_to(Histogram& waits) const;
  /// Forgets latencies: the warm-up is over.
  void clear_latencies();

 private:
  struct alignas(64) {
    std::atomic<std::uint64_t> enqueued{0}, written{0}, acknowledged{0}, failed{0}, unknown{0};
    std::atomic<std::uint64_t> aborted{0};
    std::atomic<std::uint64_t> bytes{0};
    std::array<std::atomic<std::uint64_t>, 3> by_sentiment{};
    std::atomic<Nanos> first_intended{0}, last_delivery{0};
  } counts_;
  EarlierRecords earlier_;
  mutable std::mutex latency_mutex_;
  Histogram latency_us_;
  Histogram wait_us_;  // from the intended instant until the batch was made
};

}  // namespace ds
