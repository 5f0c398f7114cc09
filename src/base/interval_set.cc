#include "base/interval_set.h"

#include <algorithm>

namespace ds {

std::uint64_t IntervalSet::add(std::uint64_t begin, std::uint64_t end) {
  if (begin >= end) return 0;
  // The common case: a stream grows at its end.
  if (!ranges_.empty()) {
    auto last = std::prev(ranges_.end());
    if (last->second == begin) {
      last->second = end;
      count_ += end - begin;
      return 0;
    }
  }
  // Swallow every range that overlaps or touches [begin, end).
  std::uint64_t overlap = 0;
  const Interval added{begin, end};
  auto it = ranges_.upper_bound(begin);
  if (it != ranges_.begin() && std::prev(it)->second >= begin) --it;
  while (it != ranges_.end() && it->first <= end) {
    const std::uint64_t shared_begin = std::max(added.begin, it->first);
    const std::uint64_t shared_end = std::min(added.end, it->second);
    if (shared_begin < shared_end) overlap += shared_end - shared_begin;
    begin = std::min(begin, it->first);
    end = std::max(end, it->second);
    it = ranges_.erase(it);
  }
  ranges_.emplace(begin, end);
  count_ += added.size() - overlap;
  return overlap;
}

void IntervalSet::add(const IntervalSet& other) {
  for (const auto& [begin, end] : other.ranges_) add(begin, end);
}

bool IntervalSet::contains(std::uint64_t value) const {
  return contains(value, value + 1);
}

bool IntervalSet::contains(std::uint64_t begin, std::uint64_t end) const {
  auto it = ranges_.upper_bound(begin);
  return it != ranges_.begin() && std::prev(it)->second >= end;
}

std::vector<Interval> IntervalSet::intervals() const {
  std::vector<Interval> all;
  all.reserve(ranges_.size());
  for (const auto& [begin, end] : ranges_) all.push_back({begin, end});
  return all;
}

IntervalSet IntervalSet::minus(const IntervalSet& other) const {
  IntervalSet left;
  each_minus(other, [&](Interval range) { left.add(range); });
  return left;
}

std::uint64_t IntervalSet::count_in(Interval range) const {
  std::uint64_t count = 0;
  auto it = ranges_.upper_bound(range.begin);
  if (it != ranges_.begin()) --it;
  for (; it != ranges_.end() && it->first < range.end; ++it) {
    const std::uint64_t begin = std::max(range.begin, it->first);
    const std::uint64_t end = std::min(range.end, it->second);
    if (begin < end) count += end - begin;
  }
  return count;
}

std::optional<Interval> IntervalSet::at_or_after(std::uint64_t value) const {
  auto it = ranges_.upper_bound(value);
  if (it != ranges_.begin() && std::prev(it)->second > value) --it;
  if (it == ranges_.end()) return std::nullopt;
  return Interval{it->first, it->second};
}

}  // namespace ds
