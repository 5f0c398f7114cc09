// What one storm worker did, by stream: the side of the ledger that becomes claims.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "ledger/claim.h"

namespace ds {

/// Threads: the worker adds, the claimer takes. Cost: one short lock and one range per batch.
class ProducerLedger {
 public:
  void acknowledged(std::uint32_t stream, Interval range);
  void written(std::uint32_t stream, Interval range);
  void failed(std::uint32_t stream, Interval range);
  void unknown(std::uint32_t stream, Interval range);

  /// The claims of streams that changed since they were last taken; `run` and `partition` are the
  /// caller's to fill in.
  std::vector<StreamClaim> take_changed();
  /// These were not published after all: they count as changed again.
  void mark_changed(const std::vector<StreamClaim>& claims);
  std::vector<StreamClaim> all() const;

 private:
  struct Entry {
    StreamClaim claim;
    bool changed = false;
  };
  void add(std::uint32_t stream, IntervalSet StreamClaim::*set, Interval range);

  mutable std::mutex mutex_;
  std::map<std::uint32_t, Entry> streams_;
};

}  // namespace ds
