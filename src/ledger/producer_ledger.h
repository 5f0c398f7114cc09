// What one storm worker did, by stream and by second: the side of the ledger that becomes claims.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <vector>

#include "ledger/claim.h"

namespace ds {

/// What the ledger keeps of a record batch until it is decided.
struct SentPiece {
  std::uint32_t stream = 0;
  Interval range{};         // of sequence numbers
  std::int64_t window = 0;  // the second of its intended time
  std::vector<KindTotal> kinds;
};

/// Threads: the worker adds, the claimer takes. Cost: one short lock, a range and a few sums per
/// batch. Memory: seconds of the last kOpenSeconds by stream, and what their hours come to.
class ProducerLedger {
 public:
  /// A second that nothing was heard of for so long is closed: its claim goes into its hour's.
  static constexpr std::int64_t kOpenSeconds = 180;
  /// How long after its end an hour's claim takes the place of its seconds'.
  static constexpr std::int64_t kFoldAfterSeconds = 3600;

  void acknowledged(const SentPiece& piece);
  void written(const SentPiece& piece);
  void failed(const SentPiece& piece);
  void unknown(const SentPiece& piece);
  void aborted(const SentPiece& piece);

  /// An earlier process's claims of streams that are ours now: they are claimed on, and what is
  /// added goes into new parts of their windows. Before anything else is added; windows as they lie
  /// in ClaimedRun, seconds before hours, with the run's own numbers for kinds.
  void take_up(const StreamClaim& claim);
  void take_up(const WindowClaim& claim);

  /// The claims that changed since they were last taken; `run` and `partition` are the caller's to
  /// fill in. `now_s` tells which hours are over.
  ClaimChanges take_changed(std::int64_t now_s);
  /// These were not published after all: they count as changed again.
  void mark_changed(const ClaimChanges& changes);
  std::vector<StreamClaim> all() const;

 private:
  struct Window {
    WindowClaim claim;
    bool changed = false;
    std::int64_t heard_s = 0;  // now_s when it was last taken
  };
  struct Hour {
    WindowClaim claim;
    std::vector<ClosedWindow> closed;  // what is in it
    bool folded = false;
    bool changed = false;
  };
  struct Entry {
    StreamClaim claim;
    bool changed = false;
    std::map<std::int64_t, Window> windows;
    std::map<std::int64_t, Hour> hours;
  };
  void add(const SentPiece& piece, IntervalSet StreamClaim::*set);
  /// Where a second's claim is kept; a closed one goes on in a new part.
  WindowClaim& window_of_piece(Entry& entry, const SentPiece& piece);
  void close_old(Entry& entry, std::int64_t now_s);
  void fold_old(Entry& entry, std::int64_t now_s, ClaimChanges& into);

  mutable std::mutex mutex_;
  std::map<std::uint32_t, Entry> streams_;
};

}  // namespace ds
