// The values of readings: their moments by all of them, their shape by a sample that is drawn
// evenly from the whole (Vitter's algorithm R; all of them while they are few enough).
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "base/random.h"
#include "report/summary.h"

namespace ds {

struct SampledValue {
  double value;
  std::int64_t sequence;
};

class ValueSample {
 public:
  static constexpr std::size_t kMost = 2'000'000;

  void add(double value, std::int64_t sequence) {
    if (!std::isfinite(value)) {
      ++not_finite_;
      return;
    }
    moments_.add(value);
    if (sample_.size() < kMost) {
      sample_.push_back({value, sequence});
      return;
    }
    const std::uint64_t place = random_.below(moments_.count());
    if (place < kMost) sample_[place] = {value, sequence};
  }

  const Moments& moments() const { return moments_; }
  const std::vector<SampledValue>& sample() const { return sample_; }
  bool is_whole() const { return sample_.size() == moments_.count(); }
  std::uint64_t not_finite() const { return not_finite_; }
  /// Quartiles by the sample, the rest by all.
  Summary summary() const;

 private:
  Moments moments_;
  std::vector<SampledValue> sample_;
  std::uint64_t not_finite_ = 0;
  Random random_{20'26};
};

}  // namespace ds
