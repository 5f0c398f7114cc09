// Holding a stage's readings against what their sensors claim. A reading carries no run: it belongs
// to the one whose producers and time it has, and its value and time are made again from its
// number, so that what was altered is named one by one, without sums.
#pragma once

#include "ledger/balance.h"
#include "ledger/reading_numbers.h"
#include "ledger/stage.h"

namespace ds {

/// In the verdict a finding's stream is the producer's id.
Result<Verdict> verify_readings(StageReader& reader, const ClaimedRun& claimed,
                                const ReadingRun& run);
/// What the stage holds of the run, by producer.
Result<Holdings> hold_readings(StageReader& reader, const ClaimedRun& claimed,
                               const ReadingRun& run);
/// The same claims with a stream for each producer.
ClaimedRun by_producer(const ClaimedRun& claimed, const ReadingRun& run);

}  // namespace ds
