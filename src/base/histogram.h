// A log-linear histogram of latencies: 64 steps in every power of two (error below 1.6 %), merged
// over workers by adding. The idea is HdrHistogram's (hdrhistogram.org): values below 64 are exact,
// above that the top 7 bits of a value choose its bucket.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

namespace ds {

/// Threads: one writer; merge copies when the writer is done, or keep one per thread.
/// Cost: record() is a count-leading-zeros, a shift and an increment. 15 KiB each.
class Histogram {
 public:
  /// Negative values are a clock's fault: they are counted apart and never clipped to zero.
  void record(std::int64_t value, std::uint64_t times = 1);
  void merge(const Histogram& other);

  std::uint64_t count() const { return count_; }
  std::uint64_t negatives() const { return negatives_; }
  std::int64_t max() const { return max_; }
  /// The smallest value, negative ones among them; 0 when empty.
  std::int64_t min() const { return count_ == 0 ? 0 : min_; }
  /// The smallest bucket's upper edge below or at which `share` (0…1) of the values lie; 0 when
  /// empty.
  std::int64_t quantile(double share) const;
  struct Bar {
    std::int64_t from, to;  // half open
    std::uint64_t count;
    bool operator==(const Bar&) const = default;
  };
  /// What is not negative, `together` steps (a power of two, 64 at most) as one bar; none is empty.
  std::vector<Bar> bars(int together = 1) const;

 private:
  static constexpr int kStepBits = 6;
  static constexpr int kSteps = 1 << kStepBits;
  static constexpr int kBuckets = (64 - kStepBits) * kSteps;
  static int bucket_of(std::uint64_t value);
  static std::int64_t top_of(int bucket);

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t negatives_ = 0;
  std::int64_t max_ = 0;
  std::int64_t min_ = std::numeric_limits<std::int64_t>::max();
};

}  // namespace ds
