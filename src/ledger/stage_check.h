// Holding one stage against the claims: who is there (balance.h), and what they say (sums by
// second, stream, brand and sentiment). Where a sum is wrong the stage is read a second time and
// each record of those seconds is held against what the generator says of its number, so that the
// very records are named.
#pragma once

#include <memory>

#include "ledger/balance.h"
#include "ledger/stage.h"

namespace ds {

/// `book`: all claims, `claimed` one of its runs. Memory: the claims, and gaps as in balance.h.
/// Cost: a hash of each record's text beside the reading.
Result<Verdict> verify_stage(StageReader& reader, const ClaimBook& book, const ClaimedRun& claimed);

/// What the stage holds by identity alone, of all runs.
Result<Holdings> hold_stage(StageReader& reader);
/// The same where `claimed` may be a run of sensors: then of its readings alone.
Result<Holdings> hold_stage(StageReader& reader, const ClaimedRun& claimed);

/// For each loss in `store` whether the topic still has it: its finding then names the stage where
/// it went. `topic`: what the topic holds.
void name_stages(Verdict& store, const ClaimedRun& claimed, const Holdings& topic);
/// For each loss that `letters`, the dead letters of that topic, account for.
void name_dead_letters(Verdict& store, const ClaimedRun& claimed, const Holdings& letters,
                       const std::string& topic);

}  // namespace ds
