#include "cli/fault_parts.h"

#include <algorithm>
#include <chrono>

namespace ds::cli {
namespace {

constexpr std::chrono::milliseconds kLook{5};  // whether the caller can still wait

}  // namespace

bool IntakeTrouble::let_pass(const Patience* patience) {
  std::unique_lock lock(mutex_);
  if (!frozen_ && slow_ == 0) return true;
  ++stores_;
  const Nanos until = clock_.now() + slow_;
  while (frozen_ || (slow_ > 0 && clock_.now() < until)) {
    if (patience != nullptr && patience->over()) return false;
    changed_.wait_for(lock, kLook);
  }
  return true;
}

Status HoldingSource::poll(Nanos timeout, std::vector<kafka::Fetched>& into) {
  const std::int32_t held = trouble_.held();
  for (auto left = left_at_.begin(); left != left_at_.end();) {
    if (left->first.partition == held) {
      ++left;
      continue;
    }
    source_->seek(left->first, left->second);
    left = left_at_.erase(left);
  }
  const std::size_t before = into.size();
  Status polled = source_->poll(timeout, into);
  if (held == IntakeTrouble::kNone) return polled;
  const auto first = into.begin() + static_cast<std::ptrdiff_t>(before);
  into.erase(std::remove_if(first, into.end(),
                            [&](const kafka::Fetched& batch) {
                              if (batch.from.partition != held) return false;
                              left_at_.try_emplace(batch.from, batch.first_offset);
                              trouble_.count_held();
                              return true;
                            }),
             into.end());
  return polled;
}

}  // namespace ds::cli
