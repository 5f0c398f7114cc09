#include "ledger/producer_ledger.h"

#include <utility>

namespace ds {

void ProducerLedger::add(std::uint32_t stream, IntervalSet StreamClaim::*set, Interval range) {
  const std::lock_guard lock(mutex_);
  Entry& entry = streams_[stream];
  entry.claim.stream = stream;
  (entry.claim.*set).add(range);
  entry.changed = true;
}

void ProducerLedger::acknowledged(std::uint32_t stream, Interval range) {
  add(stream, &StreamClaim::acknowledged, range);
}
void ProducerLedger::written(std::uint32_t stream, Interval range) {
  add(stream, &StreamClaim::written, range);
}
void ProducerLedger::failed(std::uint32_t stream, Interval range) {
  add(stream, &StreamClaim::failed, range);
}
void ProducerLedger::unknown(std::uint32_t stream, Interval range) {
  add(stream, &StreamClaim::unknown, range);
}

std::vector<StreamClaim> ProducerLedger::take_changed() {
  const std::lock_guard lock(mutex_);
  std::vector<StreamClaim> changed;
  for (auto& [stream, entry] : streams_)
    if (std::exchange(entry.changed, false)) changed.push_back(entry.claim);
  return changed;
}

void ProducerLedger::mark_changed(const std::vector<StreamClaim>& claims) {
  const std::lock_guard lock(mutex_);
  for (const StreamClaim& claim : claims)
    if (const auto found = streams_.find(claim.stream); found != streams_.end())
      found->second.changed = true;
}

std::vector<StreamClaim> ProducerLedger::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<StreamClaim> claims;
  for (const auto& [stream, entry] : streams_) claims.push_back(entry.claim);
  return claims;
}

}  // namespace ds
