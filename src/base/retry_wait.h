// How long to wait before trying again what somebody else refused.
#pragma once

#include <algorithm>

#include "base/clock.h"
#include "base/random.h"

namespace ds {

inline constexpr Nanos kRetryFloor = 500 * kMillisecond;
inline constexpr Nanos kRetryMax = 5 * kSecond;

/// Before try number `attempt` (from 0): at least half a second, so that nobody is hammered, and
/// from there anywhere up to 1, 2, 4 and then 5 s, so that many clients spread out.
inline Nanos retry_wait(int attempt, Random& random) {
  const Nanos ceiling = std::min(kRetryMax, kRetryFloor << std::clamp(attempt + 1, 1, 10));
  return kRetryFloor +
         static_cast<Nanos>(random.below(static_cast<std::uint64_t>(ceiling - kRetryFloor + 1)));
}

}  // namespace ds
