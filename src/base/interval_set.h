// A set of whole numbers kept as half-open ranges: a billion sequence numbers without gaps are
// one range. The ledger counts loss and duplicates with it.
#pragma once

#include <cstdint>
#include <map>
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

  /// What is in this set but not in `other`.
  IntervalSet minus(const IntervalSet& other) const;

  bool operator==(const IntervalSet& other) const { return ranges_ == other.ranges_; }

 private:
  std::map<std::uint64_t, std::uint64_t> ranges_;  // begin -> end; never touching or overlapping
  std::uint64_t count_ = 0;
};

}  // namespace ds
