// N sensors on one thread, in an open loop: readings are due by the plan, whatever becomes of those
// before them, and latency counts from that instant.
//
//   auto sensors = Sensors::start(settings, via_hook, clock, log);
//   while (!(*sensors)->finished()) show((*sensors)->account());
//   (*sensors)->stop();
//
// They send through a webhook (signed, keep-alive, one reading or many lines a request, again after
// 429, 503 and lost connections: the hook knows copies) or straight into Kafka.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "base/log.h"
#include "kafka/client/topic_feed.h"
#include "net/socket.h"
#include "storm/account.h"
#include "storm/sensor_ledger.h"
#include "storm/sensor_plan.h"

namespace ds {

struct SensorsViaHook {
  Address address;
  std::string path = "/hook";
  std::string secret;
  std::string topic;
  std::size_t connections = 16;
  std::size_t lines = 1;  // readings a request at most; above 1 as NDJSON
  Nanos give_up = 30 * kSecond;
};

struct SensorsViaKafka {
  kafka::TopicFeed::Settings feed;
};

/// Threads:  its own; start, ask and stop from any other.
/// Lifetime: the destructor stops.
class Sensors {
 public:
  virtual ~Sensors() = default;
  /// Reaches the hook once, so that a wrong address is told here. What becomes of each reading goes
  /// to the ledger, where there is one; it is borrowed.
  static Result<std::unique_ptr<Sensors>> start(const SensorSettings& settings,
                                                const SensorsViaHook& via, const Clock& clock,
                                                Log& log, SensorLedger* ledger = nullptr);
  static Result<std::unique_ptr<Sensors>> start(const SensorSettings& settings,
                                                const SensorsViaKafka& via, const Clock& clock,
                                                Log& log, SensorLedger* ledger = nullptr);

  bool finished() const { return finished_.load(); }
  /// No new readings; waits for the outcome of those that were sent.
  void stop();

  Account account() const;
  Histogram latency_us() const;
  /// Requests sent again.
  std::uint64_t retries() const { return retries_.load(std::memory_order_relaxed); }
  /// Why the first one failed; empty when none has. After the end.
  const std::string& first_failure() const { return first_failure_; }
  const SensorSettings& settings() const { return settings_; }
  Nanos started() const { return started_; }
  Nanos ended() const { return ended_.load(); }

 protected:
  Sensors(const SensorSettings& settings, const Clock& clock, Log& log, SensorLedger* ledger);
  virtual void run(std::stop_token stop) = 0;
  virtual void wake() = 0;
  void begin();
  void set_due(std::uint64_t count) {
    scheduled_ = count;
    if (ledger_ != nullptr) ledger_->due(count);
  }
  void settle(std::uint64_t first, std::uint64_t count, SensorLedger::Outcome outcome) {
    if (ledger_ != nullptr) ledger_->settle(first, count, outcome);
  }

  const SensorSettings settings_;
  const Clock& clock_;
  Log& log_;
  SensorLedger* const ledger_;
  const Nanos started_;
  const std::int64_t started_wall_ms_;
  const SensorPlan plan_;
  WorkerAccount counts_;
  std::atomic<std::uint64_t> scheduled_{0}, retries_{0};
  std::string first_failure_;

 private:
  std::atomic<bool> finished_{false};
  std::atomic<Nanos> ended_{0};

 protected:
  std::jthread thread_;  // the derived class's destructor ends it
};

}  // namespace ds
