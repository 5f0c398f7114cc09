// A set of whole numbers kept as half-open ranges: a billion sequence numbers without gaps are
// one range. The ledger counts loss and duplicates with it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace ds {

struct Interval {
  std::uint64_t begin;
  std::uint64_t end;  // one past the last

  std::uint64_t size() const { return end - begin; }
  bool operator==(const Interval&) const = default;
};

/// Cost: appending at the end of the last range is O(1); anything else O(log ranges).
class IntervalSet {
 public:
  /// Adds [begin, end) and returns how many of them were in the set already.
  std::uint64_t add(std::uint64_t begin, std::uint64_t end);
  std::uint64_t add(Interval range) { return add(range.begin, range.end); }
  void add(const IntervalSet& other);

  bool contains(std::uint64_t value) const;
  bool contains(std::uint64_t begin, std::uint64_t end) const;
  std::uint64_t count() const { return count_; }
  std::size_t ranges() const { return ranges_.size(); }
  bool empty() const { return ranges_.empty(); }
  std::vector<Interval> intervals() const;

  /// Calls `visit(Interval)` for each range, in order.
  template <typename Visit>
  void each(Visit&& visit) const {
    for (const auto& [begin, end] : ranges_) visit(Interval{begin, end});
  }
  /// What is in this set but not in `other`; each_minus() visits it without keeping it.
  IntervalSet minus(const IntervalSet& other) const;
  template <typename Visit>
  void each_minus(const IntervalSet& other, Visit&& visit) const {
    for (const auto& [begin, end] : ranges_) {
      std::uint64_t at = begin;
      auto it = other.ranges_.upper_bound(begin);
      if (it != other.ranges_.begin()) --it;
      for (; it != other.ranges_.end() && it->first < end; ++it) {
        if (it->second <= at) continue;
        if (at < it->first) visit(Interval{at, it->first});
        at = it->second;
      }
      if (at < end) visit(Interval{at, end});
    }
  }
  /// How many numbers of `range` are in the set.
  std::uint64_t count_in(Interval range) const;
  /// The range with `value` in it, or else the first behind it; nothing when there is none.
  std::optional<Interval> at_or_after(std::uint64_t value) const;

  bool operator==(const IntervalSet& other) const { return ranges_ == other.ranges_; }

 private:
  std::map<std::uint64_t, std::uint64_t> ranges_;  // begin -> end; never touching or overlapping
  std::uint64_t count_ = 0;
};

}  // namespace ds
