// Whether a running pipeline balances: what was in the topic and not stored when it began, plus
// what has been acknowledged since, must be stored or on its way.
#pragma once

#include <cstdint>

#include "observe/snapshot.h"

namespace ds::cli {

class LiveBalance {
 public:
  /// `backlog`: records in the topic that were not stored at the start.
  explicit LiveBalance(std::uint64_t backlog) : backlog_(backlog) {}

  /// Looks at counters, stored and lag of a snapshot; call it once a second. Counters are read one
  /// after the other, so only what stays missing while nothing moves counts as missing.
  BalanceShown look(const Snapshot& snapshot);
  /// At the end, when everything has come to rest.
  BalanceShown settle(const Snapshot& snapshot) const;

 private:
  std::uint64_t backlog_;
  std::uint64_t acknowledged_before_ = 0;
  std::uint64_t stored_before_ = 0;
  int quiet_ticks_ = 0;
};

}  // namespace ds::cli
