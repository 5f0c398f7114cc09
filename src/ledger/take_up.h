// A process of a run that ended in the middle, and comes back: what it had claimed, and what its
// topic holds beyond that. The claims lag behind the acknowledgements by up to a second, so a
// killed producer has delivered more than it says; whoever goes on finds that first and claims it.
//
//   auto claims = read_claims(admin);
//   if (const ClaimedRun* begun = claims->find(run.run)) {
//     if (auto same = same_run(begun->run, run); !same) return same;      // other settings
//     auto taken = take_up(*begun, ours, topic_since(unclaimed_since_ms(*begun, ours)));
//   }
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "ledger/claim.h"
#include "ledger/producer_ledger.h"
#include "ledger/stage.h"

namespace ds {

struct TakenUp {
  std::vector<StreamClaim> streams;
  std::vector<WindowClaim> windows;  // seconds before hours; kinds by the run's own numbers
  std::vector<SentPiece> found;      // in the topic and not claimed
};

/// Whether a stream is this process's.
using Ours = std::function<bool(std::uint32_t stream)>;

/// Refuses to go on with a run under other settings; all that differs is told at once.
Status same_run(const RunClaim& begun, const RunClaim& again);

/// No record that is ours and not claimed has an older timestamp (but for a clock that was set
/// back by more than kClockMargin).
std::int64_t unclaimed_since_ms(const ClaimedRun& begun, const Ours& ours);
constexpr std::int64_t kClockMarginMs = 10'000;

/// `topic`: what the topic holds from there on. Memory: the claims, and a range for each gap.
Result<TakenUp> take_up(const ClaimedRun& begun, const Ours& ours, StageReader& topic);

}  // namespace ds
