// Delays in milliseconds, of a producer or of all: exact while they are few, then in steps of at
// most 0.8 % (128 a power of two; below 256 ms each its own).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "report/summary.h"

namespace ds {

/// Memory: 4 bytes a delay for the first kExact, then some KiB, out of a budget that sketches
/// share. One for which nothing is left keeps mean, deviation and extremes, and has no quantiles.
class DelaySketch {
 public:
  struct Budget {
    std::size_t bytes_left;
  };
  static constexpr std::size_t kExact = 32;

  explicit DelaySketch(Budget& budget) : budget_(&budget) {}

  /// A negative delay is a clock's fault: it counts for mean and deviation as it is.
  void add(std::int64_t ms);

  const Moments& moments() const { return moments_; }
  std::uint64_t negative() const { return negative_; }
  /// Nothing when it had no room to count.
  std::optional<double> quantile(double share) const;

  struct Bar {
    std::int64_t from_ms, to_ms;  // half open
    std::uint64_t count;
  };
  /// In order; those without a delay left out.
  std::vector<Bar> bars() const;

 private:
  enum class Keeps { kAll, kSteps, kNothing };
  static std::size_t step_of(std::uint64_t ms);
  static std::int64_t begin_of(std::size_t step);
  void count(std::int64_t ms);
  void turn_into_steps();

  Budget* budget_;
  Moments moments_;
  std::uint64_t negative_ = 0;
  Keeps keeps_ = Keeps::kAll;
  std::vector<std::uint32_t> numbers_;  // the delays, or how many there are of each step
};

}  // namespace ds
