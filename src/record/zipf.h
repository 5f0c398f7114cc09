// Ranks 1 … n where rank k is drawn with a weight of 1 / k^s: how words, users and keys are spread.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/random.h"

namespace ds {

/// Rejection-inversion by Hörmann and Derflinger (1996): no table, whatever n is.
/// A value after construction. Cost: some 30 ns; nearly every draw is taken.
class Zipf {
 public:
  /// s > 0, n >= 1.
  Zipf(double s, std::uint64_t n)
      : s_(s),
        n_(n),
        first_(integral(1.5) - 1),
        last_(integral(static_cast<double>(n) + 0.5)),
        near_(2 - inverse(integral(2.5) - weight(2))) {}

  std::uint64_t draw(Random& random) const {
    for (;;) {
      const double u = last_ + random.unit() * (first_ - last_);
      const double x = inverse(u);
      const double k = std::clamp(std::floor(x + 0.5), 1.0, static_cast<double>(n_));
      if (k - x <= near_ || u >= integral(k + 0.5) - weight(k))
        return static_cast<std::uint64_t>(k);
    }
  }

 private:
  double weight(double x) const { return std::exp(-s_ * std::log(x)); }
  /// Of weight(), from 1 to x; near s = 1 by its series.
  double integral(double x) const {
    const double log_x = std::log(x), t = (1 - s_) * log_x;
    return (std::abs(t) > 1e-8 ? std::expm1(t) / t : 1 + t / 2) * log_x;
  }
  double inverse(double y) const {
    const double t = std::max(-1.0, y * (1 - s_));
    return std::exp((std::abs(t) > 1e-8 ? std::log1p(t) / t : 1 - t / 2) * y);
  }

  double s_;
  std::uint64_t n_;
  double first_, last_, near_;
};

}  // namespace ds
