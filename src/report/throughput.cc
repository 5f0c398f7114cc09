#include "report/throughput.h"

#include <algorithm>

namespace ds {

void Throughput::look_up(std::int64_t interval) {
  last_ = interval;
  count_ = &counts_[interval];
  if (counts_.size() <= kIntervalsMax) return;
  widen();
  last_ = (interval >= 0 ? interval : interval - 1) / 2;
  count_ = &counts_[last_];
}

void Throughput::widen() {
  std::unordered_map<std::int64_t, std::uint64_t> wider;
  for (const auto& [interval, count] : counts_)
    wider[(interval >= 0 ? interval : interval - 1) / 2] += count;
  counts_ = std::move(wider);
  width_ms_ *= 2;
}

std::vector<Throughput::Point> Throughput::points() const {
  std::vector<Point> points;
  for (const auto& [interval, count] : counts_)
    if (count > 0) points.push_back({interval * width_ms_, count});
  std::ranges::sort(points, {}, &Point::at_ms);
  return points;
}

Summary Throughput::per_second() const {
  const std::vector<Point> all = points();
  if (all.empty()) return {};
  const double a_second = 1000.0 / static_cast<double>(width_ms_);
  auto intervals =
      static_cast<std::uint64_t>((all.back().at_ms - all.front().at_ms) / width_ms_) + 1;
  const bool cut = intervals >= 3;
  std::vector<double> rates;
  for (std::size_t i = cut ? 1 : 0; i < all.size() - (cut ? 1 : 0); ++i)
    rates.push_back(static_cast<double>(all[i].count) * a_second);
  if (cut) intervals -= 2;
  const std::uint64_t zeros = intervals - rates.size();
  return summarize(std::move(rates), zeros);
}

}  // namespace ds
