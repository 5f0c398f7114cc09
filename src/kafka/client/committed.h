// What a reader of committed records may see of a fetch: everything but the batches of transactions
// that were aborted. Kafka keeps those in the log and leaves it to the client to pass them over:
// the answer names each aborted transaction's producer and first offset, and a control batch ends
// it.
#pragma once

#include <span>
#include <vector>

#include "base/bytes.h"
#include "kafka/wire/messages/01_fetch.h"

namespace ds::kafka {

/// The stretches of `bytes` (whole batches) that may be seen, in order; control batches are among
/// them, for they bring a reader forward. Points into `bytes`.
std::vector<ByteView> committed_stretches(
    ByteView bytes, std::span<const FetchResponse::AbortedTransaction> aborted);

}  // namespace ds::kafka
