// Holding a topic against the ledger; the store's side is sink/sqlite_reader.h.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "base/clock.h"
#include "kafka/client/source.h"
#include "ledger/balance.h"

namespace ds {

/// The run that a person names: "latest", or its twelve hex digits.
Result<const ClaimedRun*> choose_run(const ClaimBook& book, const std::string& name);

/// Counts what fetched batches hold; what has no identity is counted as foreign.
void hold(const kafka::Fetched& fetched, ByteVec& scratch, Holdings& into);

using MakeSource =
    std::function<Result<std::unique_ptr<kafka::Source>>(kafka::AssignmentListener&)>;

/// Reads a topic from `starts` to `ends` through a source of its own (one without a group) and
/// balances. Offsets by partition, as the cluster tells them when the reading begins.
/// Fails when nothing came for `patience`.
Result<Verdict> verify_topic(const ClaimedRun& claimed, const MakeSource& make_source,
                             const std::map<kafka::TopicPartition, std::int64_t>& starts,
                             const std::map<kafka::TopicPartition, std::int64_t>& ends,
                             Nanos patience, const Clock& clock);

}  // namespace ds
