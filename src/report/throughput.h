// How many records a stage saw in each interval of time, whatever times the rows name.
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "report/summary.h"

namespace ds {

/// Counts by interval. Memory: at most kIntervalsMax of them; past that intervals become twice as
/// long. Cost: an increment while a row falls into the interval of the row before it.
class Throughput {
 public:
  static constexpr std::size_t kIntervalsMax = 100'000;

  explicit Throughput(std::int64_t width_ms) : width_ms_(width_ms) {}

  void add(std::int64_t ms) {
    const std::int64_t interval = interval_of(ms);
    if (interval != last_ || count_ == nullptr) look_up(interval);
    ++*count_;
  }

  std::int64_t width_ms() const { return width_ms_; }
  struct Point {
    std::int64_t at_ms;  // where it begins
    std::uint64_t count;
  };
  /// In order of time, those without a record left out.
  std::vector<Point> points() const;
  /// Records a second in each whole interval from the first to the last, empty ones among them. The
  /// first and the last are cut somewhere, so they are left out where there are others.
  Summary per_second() const;

 private:
  std::int64_t interval_of(std::int64_t ms) const {
    constexpr std::int64_t kSane = std::int64_t{1} << 53;  // 285,000 years
    ms = std::clamp(ms, -kSane, kSane);
    return (ms >= 0 ? ms : ms - width_ms_ + 1) / width_ms_;
  }
  void look_up(std::int64_t interval);
  void widen();

  std::int64_t width_ms_;
  std::unordered_map<std::int64_t, std::uint64_t> counts_;
  std::int64_t last_ = 0;
  std::uint64_t* count_ = nullptr;
};

}  // namespace ds
