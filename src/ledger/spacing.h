// How evenly a shard began its generator batches: the histogram of the time from one batch's begin
// to the next one's. It is claimed once, at the run's end, so that a report can show it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/histogram.h"

namespace ds {

struct SpacingClaim {
  struct Bar {
    std::int64_t from_ns = 0, to_ns = 0;  // half open
    std::uint64_t count = 0;
    bool operator==(const Bar&) const = default;
  };
  std::uint64_t run = 0;
  std::uint32_t shard = 0;
  double wanted_us = 0;  // of an even rate; 0: none is wanted
  std::vector<Bar> bars = {};
  bool operator==(const SpacingClaim&) const = default;
};

/// Bars of 3 %, so that the claim stays below kClaimBytesMax whatever was measured.
inline std::vector<SpacingClaim::Bar> spacing_bars(const Histogram& spacing_ns) {
  std::vector<SpacingClaim::Bar> bars;
  for (const Histogram::Bar& bar : spacing_ns.bars(2))
    bars.push_back({bar.from, bar.to, bar.count});
  return bars;
}

}  // namespace ds
