// What records of several sizes cost, as a sum of a part for each record and a part for each byte.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

namespace ds {

struct SizeCost {
  double bytes = 0;  // of a record
  double cost = 0;   // of a record
};

struct SizeFit {
  double per_record = 0;
  double per_byte = 0;
  double worst = 0;  // the largest error, as a share of the cost measured
};

/// Least squares of the relative errors, so that small records count as much as large ones. At
/// least two sizes.
inline SizeFit fit_sizes(std::span<const SizeCost> costs) {
  // Minimises sum((a u + b v - 1)^2) with u = 1 / cost and v = bytes / cost.
  double uu = 0, uv = 0, vv = 0, u1 = 0, v1 = 0;
  for (const SizeCost& each : costs) {
    const double u = 1 / each.cost, v = each.bytes / each.cost;
    uu += u * u, uv += u * v, vv += v * v, u1 += u, v1 += v;
  }
  const double determinant = uu * vv - uv * uv;
  SizeFit fit;
  fit.per_record = (u1 * vv - v1 * uv) / determinant;
  fit.per_byte = (v1 * uu - u1 * uv) / determinant;
  for (const SizeCost& each : costs) {
    const double guess = fit.per_record + fit.per_byte * each.bytes;
    fit.worst = std::max(fit.worst, std::abs(guess - each.cost) / each.cost);
  }
  return fit;
}

}  // namespace ds
