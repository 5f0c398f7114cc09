// What `serve` shows: a store that others fill, and where the broker's topics end. It only looks.
#pragma once

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
    std::string store;                             // the SQLite file; it may come later
    std::optional<kafka::ClientSettings> brokers;  // none: lag is not known
  };
  Onlooker(Settings settings, const Clock& clock, Log& log);

  Snapshot snapshot() const;

 private:
  void look_until(std::stop_token stop);
  void look();
  bool look_at_store(Snapshot& into);
  void look_at_broker(Snapshot& into);
  Status ask_for_lag();
  void say(const std::string& what);

  const Settings settings_;
  const Clock& clock_;
  Log& log_;
  const Nanos started_;
  const bool was_there_;  // the store, at the start: what it held then has not happened now
  std::optional<StoreWatch> watch_;
  std::optional<kafka::Admin> admin_;
  std::string cluster_;
  LagShown lag_;
  bool lag_is_known_ = false, broker_is_silent_ = false;
  Nanos ask_broker_at_ = 0;
  std::uint64_t stored_before_ = 0;
  Nanos stored_at_ = 0;  // when it last grew
  std::string said_;

  mutable std::mutex mutex_;
  Snapshot latest_;

  std::jthread thread_;  // last: joins before what it uses goes
};

}  // namespace ds::cli
