#include "kafka/client/committed.h"

#include <algorithm>
#include <set>

#include "kafka/wire/record_batch.h"

namespace ds::kafka {
namespace {

/// A control record's key is its version and its type, two bytes each; type 0 aborts.
bool is_abort(const BatchView& control) {
  ByteVec scratch;
  RecordReader records(control, scratch);
  const auto marker = records.next();
  return marker && marker->key && marker->key->size() >= 4 && (*marker->key)[2] == 0 &&
         (*marker->key)[3] == 0;
}

}  // namespace

std::vector<ByteView> committed_stretches(
    ByteView bytes, std::span<const FetchResponse::AbortedTransaction> aborted) {
  if (aborted.empty()) return {bytes};
  std::vector<FetchResponse::AbortedTransaction> to_come(aborted.begin(), aborted.end());
  std::ranges::sort(to_come, {}, &FetchResponse::AbortedTransaction::first_offset);
  auto next = to_come.begin();
  std::set<std::int64_t> open;  // producers whose transaction, at this place, will be aborted
  std::vector<ByteView> seen;
  bool skipped = true;
  BatchCursor batches(bytes);
  while (const auto batch = batches.next()) {
    const BatchHeader& header = batch->header;
    for (; next != to_come.end() && next->first_offset <= header.last_offset(); ++next)
      open.insert(next->producer_id);
    const bool hidden =
        !header.control() && header.transactional() && open.contains(header.producer_id);
    if (header.control() && is_abort(*batch)) open.erase(header.producer_id);
    if (hidden)
      skipped = true;
    else if (std::exchange(skipped, false))
      seen.push_back(batch->bytes);
    else
      seen.back() = ByteView(seen.back().data(), seen.back().size() + batch->bytes.size());
  }
  return seen;
}

}  // namespace ds::kafka
