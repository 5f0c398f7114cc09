#include "report/summary.h"

#include <algorithm>
#include <cmath>

namespace ds {
namespace {

/// Where `zeros` zeros stand before the sorted values, which are not negative.
double quantile_behind(const std::vector<double>& sorted, std::uint64_t zeros, double share) {
  const std::uint64_t count = zeros + sorted.size();
  const auto at = [&](std::uint64_t i) { return i < zeros ? 0 : sorted[i - zeros]; };
  const double place = share * static_cast<double>(count - 1);
  const auto below = static_cast<std::uint64_t>(place);
  const double part = place - static_cast<double>(below);
  const double low = at(below);
  return part == 0 ? low : low + part * (at(below + 1) - low);
}

}  // namespace

double quantile_of(const std::vector<double>& sorted, double share) {
  return sorted.empty() ? 0 : quantile_behind(sorted, 0, share);
}

double Moments::sd() const {
  return count_ < 2 ? 0 : std::sqrt(squares_ / static_cast<double>(count_ - 1));
}

Summary summarize(std::vector<double> values, std::uint64_t zeros) {
  Summary sum;
  sum.count = zeros + values.size();
  if (sum.count == 0) return sum;
  std::ranges::sort(values);
  const auto n = static_cast<double>(sum.count);
  for (const double value : values) sum.mean += value / n;
  double squares = static_cast<double>(zeros) * sum.mean * sum.mean;
  for (const double value : values) squares += (value - sum.mean) * (value - sum.mean);
  sum.sd = sum.count < 2 ? 0 : std::sqrt(squares / (n - 1));
  const auto quantile = [&](double share) { return quantile_behind(values, zeros, share); };
  sum.min = quantile(0);
  sum.q1 = quantile(0.25);
  sum.median = quantile(0.5);
  sum.q3 = quantile(0.75);
  sum.max = quantile(1);
  return sum;
}

}  // namespace ds
