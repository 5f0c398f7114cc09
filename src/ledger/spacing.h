// How evenly a shard began its generator batches: the histogram of the time from one batch's begin
// to the next one's. It is claimed once, at the run's end, so that a report can show it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/histogram.h"

namespace ds {

struct SpacingClaim {
  std::uint64_t run = 0;
  std::uint32_t shard = 0;
  double wanted_us = 0;                   // of an even rate; 0: none is wanted
  std::vector<Histogram::Bar> bars = {};  // nanoseconds
  bool operator==(const SpacingClaim&) const = default;
};

/// Bars of 3 %, so that the claim stays below kClaimBytesMax whatever was measured.
inline std::vector<Histogram::Bar> spacing_bars(const Histogram& spacing_ns) {
  return spacing_ns.bars(2);
}

}  // namespace ds
