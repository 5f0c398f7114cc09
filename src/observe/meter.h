// A rate as people expect it: over the last five seconds, from a total that only grows.
#pragma once

#include <cstdint>
#include <deque>

#include "base/clock.h"

namespace ds {

class Meter {
 public:
  explicit Meter(Nanos window = 5 * kSecond) : window_(window) {}

  void add(Nanos at, std::uint64_t total) {
    if (!samples_.empty() && total < samples_.back().total) samples_.clear();  // a new run
    samples_.push_back({at, total});
    // One sample at or before the window's begin is kept: it is what the window counts from.
    while (samples_.size() > 2 && samples_[1].at <= at - window_) samples_.pop_front();
  }

  double per_second() const {
    if (samples_.size() < 2) return 0;
    const auto& [begin, before] = samples_.front();
    const auto& [end, after] = samples_.back();
    if (end <= begin) return 0;
    return static_cast<double>(after - before) * 1e9 / static_cast<double>(end - begin);
  }

 private:
  struct Sample {
    Nanos at;
    std::uint64_t total;
  };
  Nanos window_;
  std::deque<Sample> samples_;
};

}  // namespace ds
