// Whether a running pipeline balances: what was in the topic and not stored when it began, plus
// what has been acknowledged since, must be stored or on its way.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "ledger/balance.h"
#include "observe/snapshot.h"

namespace ds::cli {

class LiveBalance {
 public:
  /// `backlog`: records in the topic that were not stored at the start.
  explicit LiveBalance(std::uint64_t backlog) : backlog_(backlog) {}

  /// Looks at counters, stored and lag of a snapshot, as often as one likes. Counters are read one
  /// after the other, so only what stays missing for some seconds, while nothing moves and nothing
  /// is under way, counts as missing. What is stored beyond that may be others' or doubled: counts
  /// cannot tell, so nobody is accused.
  BalanceShown look(const Snapshot& snapshot, Nanos now);
  /// At the end, when everything has come to rest. Whatever is too much counts as doubled.
  BalanceShown settle(const Snapshot& snapshot) const;
  /// The same when the store's rows were looked at one by one, and too much may be others'.
  BalanceShown settle(const Snapshot& snapshot, const Verdict& of_this_run) const;

 private:
  BalanceShown shown(const Snapshot& s, std::uint64_t missing, std::uint64_t doubled) const;
  std::uint64_t surplus(const Snapshot& s) const;

  std::uint64_t backlog_;
  std::uint64_t delivered_before_ = 0;
  std::uint64_t stored_before_ = 0;
  Nanos moved_at_ = 0;
};

}  // namespace ds::cli
