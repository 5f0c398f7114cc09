// What a run of sensors claims: which of its readings were acknowledged, so that a report and
// verify can tell what is missing, also behind the last one that was stored.
//
//   SensorLedger ledger(claim, publish, clock, log);
//   auto sensors = Sensors::start(settings, via, clock, log, &ledger);   // announces, then settles
//   (*sensors)->stop();
//   ledger.close();
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "ledger/claim.h"
#include "storm/sensor_plan.h"

namespace ds {

/// Threads:  settle() from any; it takes a lock and no more. Claims go out on a thread of its own,
///           once a second as long as they change.
/// Lifetime: longer than the sensors that settle with it. The destructor closes.
class SensorLedger {
 public:
  using Publish = std::function<Status(const RunClaim&, const ClaimChanges&)>;

  /// `claim`: run, topic, partitions, engine and acks; the sensors fill in the rest.
  SensorLedger(RunClaim claim, Publish publish, const Clock& clock, Log& log)
      : claim_(std::move(claim)),
        curve_(claim_.run, 0),
        publish_(std::move(publish)),
        clock_(clock),
        log_(log) {
    outcomes_.run = claim_.run;
  }
  ~SensorLedger() { close(); }
  SensorLedger(const SensorLedger&) = delete;

  std::uint64_t run() const { return claim_.run; }
  /// Claims the run before its first reading, so that whatever is found can be told apart.
  Status announce(const SensorSettings& settings);
  /// When exactly the plan began.
  void began(std::int64_t started_ms);
  /// How many readings were due so far.
  void due(std::uint64_t count) { due_.store(count, std::memory_order_relaxed); }
  enum class Outcome { kAcknowledged, kFailed, kUnknown };
  /// Readings by their numbers in the plan.
  void settle(std::uint64_t first, std::uint64_t count, Outcome outcome);
  /// Claims the rest, and that the run has ended. A second call does nothing.
  void close();

 private:
  void publish(bool last);

  std::mutex mutex_;
  RunClaim claim_;
  StreamClaim outcomes_;
  CurveKeeper curve_;
  std::atomic<std::uint64_t> due_{0};
  bool changed_ = false, failed_ = false, announced_ = false;
  const Publish publish_;
  const Clock& clock_;
  Log& log_;
  std::jthread thread_;
};

}  // namespace ds
