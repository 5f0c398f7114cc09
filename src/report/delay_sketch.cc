#include "report/delay_sketch.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

namespace ds {
namespace {

constexpr int kStepBits = 7;
constexpr std::uint64_t kSteps = 1 << kStepBits;
constexpr std::int64_t kLongest = std::numeric_limits<std::uint32_t>::max();  // 49 days

}  // namespace

std::size_t DelaySketch::step_of(std::uint64_t ms) {
  if (ms < 2 * kSteps) return ms;
  const int shift = std::bit_width(ms) - 1 - kStepBits;
  return static_cast<std::size_t>(static_cast<std::uint64_t>(shift + 1) * kSteps + (ms >> shift) -
                                  kSteps);
}

std::int64_t DelaySketch::begin_of(std::size_t step) {
  if (step < 2 * kSteps) return static_cast<std::int64_t>(step);
  const std::uint64_t shift = step / kSteps - 1;
  return static_cast<std::int64_t>((step % kSteps + kSteps) << shift);
}

void DelaySketch::add(std::int64_t ms) {
  moments_.add(static_cast<double>(ms));
  negative_ += ms < 0;
  if (keeps_ == Keeps::kAll && numbers_.size() == kExact) turn_into_steps();
  count(ms);
}

void DelaySketch::count(std::int64_t ms) {
  const std::int64_t kept = std::clamp<std::int64_t>(ms, 0, kLongest);
  if (keeps_ == Keeps::kNothing) return;
  if (keeps_ == Keeps::kAll) return numbers_.push_back(static_cast<std::uint32_t>(kept));
  const std::size_t step = step_of(static_cast<std::uint64_t>(kept));
  if (step >= numbers_.size()) {
    const std::size_t wanted = step + step / 4 + 1;
    const std::size_t bytes = (wanted - numbers_.size()) * sizeof(std::uint32_t);
    if (bytes > budget_->bytes_left) {
      keeps_ = Keeps::kNothing;
      budget_->bytes_left += numbers_.size() * sizeof(std::uint32_t);
      numbers_ = {};
      return;
    }
    budget_->bytes_left -= bytes;
    numbers_.reserve(wanted);
    numbers_.resize(wanted);
  }
  ++numbers_[step];
}

void DelaySketch::turn_into_steps() {
  const std::vector<std::uint32_t> delays = std::exchange(numbers_, {});
  keeps_ = Keeps::kSteps;
  for (const std::uint32_t ms : delays) count(ms);
}

std::vector<DelaySketch::Bar> DelaySketch::bars() const {
  std::vector<Bar> bars;
  if (keeps_ == Keeps::kAll) {
    std::vector<std::uint32_t> sorted = numbers_;
    std::ranges::sort(sorted);
    for (const std::uint32_t ms : sorted) {
      if (bars.empty() || bars.back().from_ms != ms)
        bars.push_back({ms, static_cast<std::int64_t>(ms) + 1, 0});
      ++bars.back().count;
    }
  } else {
    for (std::size_t step = 0; step < numbers_.size(); ++step)
      if (numbers_[step] > 0) bars.push_back({begin_of(step), begin_of(step + 1), numbers_[step]});
  }
  return bars;
}

std::optional<double> DelaySketch::quantile(double share) const {
  if (keeps_ == Keeps::kNothing || moments_.count() == 0) return std::nullopt;
  // The delay of that rank: the first at or below which the share lies.
  const auto rank = static_cast<std::uint64_t>(
      std::max(1.0, std::ceil(share * static_cast<double>(moments_.count()))));
  std::uint64_t below = 0;
  for (const Bar& bar : bars()) {
    below += bar.count;
    if (below >= rank)
      return std::min(static_cast<double>(bar.to_ms + bar.from_ms - 1) / 2, moments_.max());
  }
  return moments_.max();
}

}  // namespace ds
