// The sequence numbers of a stream that were seen, in bounded memory: ranges while there are few
// gaps, a bit for each number where there are many. Counts are exact in both; ranges of a set of
// bits are told by chunk, with how many of it they cover.
#pragma once

#include <bitset>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "base/interval_set.h"

namespace ds {

/// Memory: up to Budget's ranges 64 bytes each, over all sets that share it; past that the set that
/// wants one more turns its numbers into bits, which is 2 KiB for each chunk of 16,384 that has
/// gaps: at the worst 128 MB for 1 G numbers.
class SequenceSet {
 public:
  static constexpr std::size_t kRangesMax = 1'000'000;
  static constexpr std::uint64_t kChunk = 16'384;

  /// Lifetime: longer than its sets. Threads: those of its sets, one.
  struct Budget {
    explicit Budget(std::size_t most) : ranges_max(most) {}
    const std::size_t ranges_max;
    std::size_t ranges = 0;
  };
  explicit SequenceSet(Budget& budget) : budget_(&budget) {}

  /// Returns how many of them were in the set already.
  std::uint64_t add(Interval range);
  std::uint64_t count() const { return ranges_.count() + in_bits_; }
  bool contains(std::uint64_t value) const;
  /// How many of `range` are in the set.
  std::uint64_t count_in(Interval range) const;
  bool is_bits() const { return bits_used_; }

  /// Calls `visit(range, count)` for what of `wanted` is missing (or with `there`: is there), in
  /// order. For a set of bits that are parts of chunks, count of their numbers.
  void each_missing(const IntervalSet& wanted,
                    const std::function<void(Interval, std::uint64_t)>& visit) const;
  void each_there(const std::function<void(Interval, std::uint64_t)>& visit) const;

 private:
  using Bits = std::bitset<kChunk>;
  void turn_into_bits();
  std::uint64_t add_bits(Interval range);

  Budget* budget_;
  IntervalSet ranges_;  // of bits: the chunks that are full
  bool bits_used_ = false;
  std::map<std::uint64_t, std::unique_ptr<Bits>> bits_;  // by chunk: neither empty nor full
  std::uint64_t in_bits_ = 0;
};

}  // namespace ds
