// Poisson arrivals laid over a schedule: the rate says how many, chance says when. Arrivals are
// drawn in blocks of kBlock, each of which takes exactly the room on the schedule's area that its
// records have: gaps within a block are random (exponential for single records, Gamma for a batch's
// worth of them), and no total is off by more than a block, however long it runs.
#pragma once

#include <array>
#include <cstdint>
#include <limits>

namespace ds {

/// Threads: one at a time, const or not: blocks are remembered.
/// Cost: some 30 ns a gap, once; then a lookup.
class Arrivals {
 public:
  static constexpr std::size_t kBlock = 256;

  /// Arrivals come `grain` records at once; there are `records` of them (infinity: no end).
  Arrivals(std::uint64_t seed, double grain, double records)
      : seed_(seed), grain_(grain), records_(records) {}

  /// The place on the schedule's area, in records, at which `record` arrives.
  double place(double record) const;
  /// How many records have arrived by that place: the inverse.
  double arrived(double place) const;

  double grain() const { return grain_; }

 private:
  struct Block {
    std::uint64_t number = std::numeric_limits<std::uint64_t>::max();
    double units = 0;                       // less than kBlock in the last one
    std::array<double, kBlock + 1> ends{};  // of the first k gaps, in records
  };
  const Block& block(std::uint64_t number) const;

  std::uint64_t seed_;
  double grain_;
  double records_;
  mutable std::array<Block, 4> blocks_;  // by number: workers ask for neighbours
};

}  // namespace ds
