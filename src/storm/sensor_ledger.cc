#include "storm/sensor_ledger.h"

#include <condition_variable>

#include "base/thread_name.h"
#include "ledger/reading_numbers.h"
#include "record/identity.h"

namespace ds {

Status SensorLedger::announce(const SensorSettings& settings) {
  ReadingRun{.producers = settings.producers,
             .first_producer = settings.first_producer,
             .rate = settings.rate,
             .distribution = settings.distribution,
             .seed = settings.seed,
             .started_ms = clock_.wall_ms()}
      .put_into(claim_);
  if (auto published = publish_(claim_, {}); !published)
    return std::move(published).error().while_trying("claim the run");
  announced_ = true;
  thread_ = std::jthread([this](std::stop_token stop) {
    name_thread("claims");
    std::mutex sleeping;
    std::condition_variable_any wake;
    std::unique_lock lock(sleeping);
    while (!stop.stop_requested()) {
      wake.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; });
      if (!stop.stop_requested()) publish(false);
    }
  });
  return Done{};
}

void SensorLedger::began(std::int64_t started_ms) {
  const std::lock_guard lock(mutex_);
  claim_.started_ms = started_ms;
  curve_.sample(started_ms, 0, 0);
  changed_ = true;
}

void SensorLedger::settle(std::uint64_t first, std::uint64_t count, Outcome outcome) {
  const std::lock_guard lock(mutex_);
  IntervalSet& into = outcome == Outcome::kAcknowledged ? outcomes_.acknowledged
                      : outcome == Outcome::kFailed     ? outcomes_.failed
                                                        : outcomes_.unknown;
  into.add(first, first + count);
  changed_ = true;
}

void SensorLedger::close() {
  if (!announced_) return;
  announced_ = false;
  thread_.request_stop();
  thread_.join();
  publish(true);
}

void SensorLedger::publish(bool last) {
  RunClaim run;
  ClaimChanges changes;
  {
    const std::lock_guard lock(mutex_);
    curve_.sample(clock_.wall_ms(), due_, outcomes_.acknowledged.count());
    if (!changed_ && !last) return;
    changed_ = false;
    if (last) claim_.ended_ms = clock_.wall_ms();
    run = claim_;
    changes.streams.push_back(outcomes_);
    changes.curves = curve_.changed();
  }
  const auto published = publish_(run, changes);
  if (published) {
    failed_ = false;
    const std::lock_guard lock(mutex_);
    curve_.published();
    return;
  }
  if (!failed_ || last)
    log_.warn("claims of run {} could not be published: {}", run_name(run.run),
              published.error().message);
  failed_ = true;
  const std::lock_guard lock(mutex_);
  changed_ = true;  // they go with the next ones
}

}  // namespace ds
