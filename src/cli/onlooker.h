// What `serve` shows: a store that others fill, and where the broker's topics end. It only looks.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/client/admin.h"
#include "observe/snapshot.h"
#include "sink/store_watch.h"

namespace ds::cli {

/// A store's part of a snapshot. Counters are the sums of all runs that the store has claims of,
/// because `stored` counts them all too; the run named is the latest.
void show_store(const StoreSeen& seen, const ClaimBook& claims, Snapshot& into);
/// What can be said without looking at every record, as `verify` does.
BalanceShown claimed_and_stored(const Snapshot& shown, bool lag_is_known);

/// Threads:  its own, which looks four times a second; snapshot() is for any.
/// Lifetime: borrows clock and log.
class Onlooker {
 public:
  struct Settings {
    StoreShown store = {};  // its kind and where it is
    /// Looked at once this succeeds: a file may come later, and a server.
    std::function<Result<std::unique_ptr<Watch>>()> open;
    bool was_there = false;                        // what it holds at the start is no news then
    std::optional<kafka::ClientSettings> brokers;  // none: lag is not known
    /// Whose place and claims count where the store keeps none.
    std::string group, topic;
  };
  Onlooker(Settings settings, const Clock& clock, Log& log);

  Snapshot snapshot() const;

 private:
  void look_until(std::stop_token stop);
  void look();
  bool look_at_store(Snapshot& into);
  void look_at_broker(Snapshot& into);
  Status ask_for_lag();
  Result<Sink::Offsets> places();
  const ClaimBook& claims() const;
  void say(const std::string& what);

  const Settings settings_;
  const Clock& clock_;
  Log& log_;
  const Nanos started_;
  std::unique_ptr<Watch> watch_;  // null until it could be opened
  ClaimBook topics_claims_;       // of the cluster, for a store that keeps none
  std::optional<kafka::Admin> admin_;
  std::string cluster_;
  LagShown lag_;
  bool lag_is_known_ = false, broker_is_silent_ = false;
  Nanos ask_broker_at_ = 0, ask_claims_at_ = 0;
  std::uint64_t stored_before_ = 0;
  Nanos stored_at_ = 0;  // when it last grew
  std::string said_;

  mutable std::mutex mutex_;
  Snapshot latest_;

  std::jthread thread_;  // last: joins before what it uses goes
};

}  // namespace ds::cli
