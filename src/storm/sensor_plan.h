// Which reading is due when. Reading i of N producers is producer i mod N's, number i / N, and due
// i / rate after the start: each producer sends in even steps, and they are spread over a step.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"
#include "record/distribution.h"
#include "record/reading.h"

namespace ds {

struct SensorSettings {
  std::uint32_t producers = 100;
  std::int64_t first_producer = 1;  // and so on upwards
  double rate = 1000;               // readings a second, of all producers together
  std::uint64_t total = 0;          // 0: no end
  Nanos duration = 0;               // 0: no end
  Distribution distribution;
  std::uint64_t seed = 1;
};

/// A value after construction. Threads: any.
class SensorPlan {
 public:
  SensorPlan(const SensorSettings& settings, Nanos start, std::int64_t start_wall_ms)
      : settings_(settings), start_(start), start_wall_ms_(start_wall_ms) {
    if (settings.total > 0) end_ = settings.total;
    if (settings.duration > 0)
      end_ = std::min(end_, static_cast<std::uint64_t>(static_cast<double>(settings.duration) *
                                                       settings.rate / 1e9));
  }

  /// How many there are in all.
  std::uint64_t end() const { return end_; }
  Nanos due(std::uint64_t i) const {
    return start_ + static_cast<Nanos>(static_cast<double>(i) * 1e9 / settings_.rate);
  }
  /// How many are due by then.
  std::uint64_t due_by(Nanos now) const {
    if (now < start_) return 0;
    const double passed = static_cast<double>(now - start_) * settings_.rate / 1e9;
    auto count = static_cast<std::uint64_t>(passed) + 1;
    if (due(count - 1) > now) --count;
    return std::min(count, end_);
  }
  Reading reading(std::uint64_t i) const {
    const std::int64_t producer =
        settings_.first_producer + static_cast<std::int64_t>(i % settings_.producers);
    const auto sequence = static_cast<std::int64_t>(i / settings_.producers);
    return {settings_.distribution.at(settings_.seed, producer, sequence),
            start_wall_ms_ + (due(i) - start_) / kMillisecond, producer, sequence};
  }

 private:
  SensorSettings settings_;
  Nanos start_;
  std::int64_t start_wall_ms_;
  std::uint64_t end_ = ~std::uint64_t{0};
};

}  // namespace ds
