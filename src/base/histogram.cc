#include "base/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace ds {

int Histogram::bucket_of(std::uint64_t value) {
  if (value < kSteps) return static_cast<int>(value);
  const int shift = std::bit_width(value) - 1 - kStepBits;
  return (shift << kStepBits) + static_cast<int>(value >> shift);
}

std::int64_t Histogram::top_of(int bucket) {
  if (bucket < kSteps) return bucket;
  const int shift = (bucket >> kStepBits) - 1;
  const std::uint64_t step = static_cast<std::uint64_t>(bucket & (kSteps - 1)) + kSteps;
  return static_cast<std::int64_t>(((step + 1) << shift) - 1);
}

void Histogram::record(std::int64_t value, std::uint64_t times) {
  if (times == 0) return;
  count_ += times;
  min_ = std::min(min_, value);
  if (value < 0) [[unlikely]] {
    negatives_ += times;
    return;
  }
  buckets_[static_cast<std::size_t>(bucket_of(static_cast<std::uint64_t>(value)))] += times;
  max_ = std::max(max_, value);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  negatives_ += other.negatives_;
  max_ = std::max(max_, other.max_);
  min_ = std::min(min_, other.min_);
}

std::int64_t Histogram::quantile(double share) const {
  const std::uint64_t measured = count_ - negatives_;
  if (measured == 0) return 0;
  const double rank = std::ceil(share * static_cast<double>(measured));
  const auto wanted =
      static_cast<std::uint64_t>(std::clamp(rank, 1.0, static_cast<double>(measured)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= wanted) return std::min(top_of(static_cast<int>(i)), max_);
  }
  return max_;
}

std::vector<Histogram::Bar> Histogram::bars(int together) const {
  std::vector<Bar> bars;
  for (int first = 0; first < kBuckets; first += together) {
    std::uint64_t count = 0;
    for (int i = first; i < first + together; ++i) count += buckets_[static_cast<std::size_t>(i)];
    if (count == 0) continue;
    const std::int64_t from = first == 0 ? 0 : top_of(first - 1) + 1;
    bars.push_back({from, top_of(first + together - 1) + 1, count});
  }
  return bars;
}

}  // namespace ds
