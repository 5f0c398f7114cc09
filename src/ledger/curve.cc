#include "ledger/curve.h"

namespace ds {

void CurveKeeper::push(std::int64_t t_ms, std::uint64_t scheduled, std::uint64_t delivered) {
  if (parts_.empty() || parts_.back().t_ms.size() == CurveClaim::kSamplesMax)
    parts_.push_back({.run = run_,
                      .shard = shard_,
                      .part = static_cast<std::uint32_t>(parts_.size()),
                      .t_ms = {},
                      .scheduled = {},
                      .delivered = {}});
  CurveClaim& part = parts_.back();
  part.t_ms.push_back(t_ms);
  part.scheduled.push_back(scheduled);
  part.delivered.push_back(delivered);
  changed_ = true;
}

void CurveKeeper::sample(std::int64_t t_ms, std::uint64_t scheduled, std::uint64_t delivered) {
  if (!parts_.empty()) {
    const CurveClaim& last = parts_.back();
    const std::int64_t last_ms = last.t_ms.back();
    const std::uint64_t was_scheduled = last.scheduled.back(),
                        was_delivered = last.delivered.back();
    if (scheduled == was_scheduled && delivered == was_delivered) {
      seen_ms_ = t_ms;
      return;  // a curve may rest for hours
    }
    if (seen_ms_ > last_ms) push(seen_ms_, was_scheduled, was_delivered);  // where it rested until
  }
  push(t_ms, scheduled, delivered);
  seen_ms_ = t_ms;
}

std::vector<CurveClaim> CurveKeeper::changed() const {
  if (!changed_) return {};
  return {parts_.begin() + static_cast<std::ptrdiff_t>(first_changed_), parts_.end()};
}

void CurveKeeper::published() {
  changed_ = false;
  // Only the last one grows on.
  if (!parts_.empty()) first_changed_ = parts_.size() - 1;
}

}  // namespace ds
