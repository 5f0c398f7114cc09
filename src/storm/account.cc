#include "storm/account.h"

#include <algorithm>

namespace ds {
namespace {

/// The only writer is the worker, so a load and a store do for an add.
void bump(std::atomic<std::uint64_t>& counter, std::uint64_t by) {
  counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

}  // namespace

void WorkerAccount::enqueued(std::uint64_t records,
                             const std::array<std::uint32_t, 3>& by_sentiment, Nanos intended,
                             Nanos waited) {
  bump(counts_.enqueued, records);
  for (std::size_t i = 0; i < 3; ++i) bump(counts_.by_sentiment[i], by_sentiment[i]);
  if (counts_.first_intended.load(std::memory_order_relaxed) == 0)
    counts_.first_intended.store(intended, std::memory_order_relaxed);
  const std::lock_guard lock(latency_mutex_);
  wait_us_.record(waited / kMicrosecond, records);
}

void WorkerAccount::written(std::uint64_t records, std::uint64_t bytes) {
  bump(counts_.written, records);
  bump(counts_.bytes, bytes);
}

void WorkerAccount::delivered(std::uint64_t records, Nanos latency, Nanos at, bool acknowledged) {
  if (acknowledged) bump(counts_.acknowledged, records);
  counts_.last_delivery.store(at, std::memory_order_relaxed);
  const std::lock_guard lock(latency_mutex_);
  latency_us_.record(latency / kMicrosecond, records);
}

void WorkerAccount::failed(std::uint64_t records, Nanos latency) {
  bump(counts_.failed, records);
  const std::lock_guard lock(latency_mutex_);
  latency_us_.record(latency / kMicrosecond, records);
}

void WorkerAccount::unknown(std::uint64_t records, Nanos latency) {
  bump(counts_.unknown, records);
  const std::lock_guard lock(latency_mutex_);
  latency_us_.record(latency / kMicrosecond, records);
}

void WorkerAccount::aborted(std::uint64_t records) {
  bump(counts_.aborted, records);
}

void WorkerAccount::add_to(Account& sum) const {
  // Later stages first: a sum taken while batches move must not show more acknowledged than sent.
  const auto take = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
  sum.acknowledged += take(counts_.acknowledged);
  sum.failed += take(counts_.failed);
  sum.unknown += take(counts_.unknown);
  sum.aborted += take(counts_.aborted);
  sum.written += take(counts_.written);
  for (std::size_t i = 0; i < 3; ++i) sum.by_sentiment[i] += take(counts_.by_sentiment[i]);
  sum.bytes += take(counts_.bytes);
  sum.enqueued += take(counts_.enqueued);
  sum.earlier.add(earlier_);
  sum.acknowledged += earlier_.acknowledged;
  sum.failed += earlier_.failed;
  sum.unknown += earlier_.unknown;
  sum.aborted += earlier_.aborted;
  sum.written += earlier_.written;
  sum.enqueued += earlier_.enqueued();
  const Nanos first = take(counts_.first_intended);
  if (first != 0)
    sum.first_intended = sum.first_intended == 0 ? first : std::min(sum.first_intended, first);
  sum.last_delivery = std::max(sum.last_delivery, take(counts_.last_delivery));
}

void WorkerAccount::add_to(Histogram& latencies) const {
  const std::lock_guard lock(latency_mutex_);
  latencies.merge(latency_us_);
}

void WorkerAccount::add_waits_to(Histogram& waits) const {
  const std::lock_guard lock(latency_mutex_);
  waits.merge(wait_us_);
}

void WorkerAccount::clear_latencies() {
  const std::lock_guard lock(latency_mutex_);
  latency_us_ = wait_us_ = Histogram();
}

}  // namespace ds
