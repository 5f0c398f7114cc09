#include "storm/arrivals.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/random.h"

namespace ds {
namespace {

/// A sum of `shape` exponential gaps of mean 1 (Marsaglia and Tsang 2000 for shape > 1).
double gamma(Random& random, double shape) {
  if (shape <= 1) return -std::log(1 - random.unit());
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double normal = std::sqrt(-2 * std::log(1 - random.unit())) *
                          std::cos(2 * std::numbers::pi * random.unit());
    const double v = 1 + c * normal;
    if (v <= 0) continue;
    const double cubed = v * v * v;
    if (std::log(1 - random.unit()) < normal * normal / 2 + d - d * cubed + d * std::log(cubed))
      return d * cubed;
  }
}

}  // namespace

const Arrivals::Block& Arrivals::block(std::uint64_t number) const {
  Block& block = blocks_[number % blocks_.size()];
  if (block.number == number) return block;
  const double room = kBlock * grain_, before = static_cast<double>(number) * room;
  const double span = std::clamp(records_ - before, 0.0, room);
  block.number = number;
  block.units = std::ceil(span / grain_);
  const auto units = static_cast<std::size_t>(block.units);
  Random random(random_at(seed_, number));
  for (std::size_t k = 0; k < units; ++k)
    block.ends[k + 1] =
        block.ends[k] + gamma(random, std::min(grain_, span - grain_ * static_cast<double>(k)));
  const double stretch = units == 0 ? 0 : span / block.ends[units];
  for (std::size_t k = 1; k <= units; ++k) block.ends[k] *= stretch;
  return block;
}

double Arrivals::place(double record) const {
  if (record >= records_) return record;
  const double unit = record / grain_;
  const auto number = static_cast<std::uint64_t>(unit / kBlock);
  const Block& in = block(number);
  const double at = std::min(unit - static_cast<double>(number * kBlock), in.units);
  const auto k = std::min(static_cast<std::size_t>(at), static_cast<std::size_t>(in.units) - 1);
  const double part = at - static_cast<double>(k);
  return static_cast<double>(number * kBlock) * grain_ + in.ends[k] +
         part * (in.ends[k + 1] - in.ends[k]);
}

double Arrivals::arrived(double place) const {
  if (place <= 0) return 0;
  if (place >= records_) return records_;
  const double room = kBlock * grain_;
  const auto number = static_cast<std::uint64_t>(place / room);
  const Block& in = block(number);
  const double at = place - static_cast<double>(number) * room;
  const auto end = in.ends.begin() + static_cast<std::ptrdiff_t>(in.units);
  const auto above = std::upper_bound(in.ends.begin() + 1, end, at);
  const auto k = static_cast<std::size_t>(above - in.ends.begin()) - 1;
  const double gap = in.ends[k + 1] - in.ends[k];
  const double units =
      static_cast<double>(k) + (gap > 0 ? std::min(1.0, (at - in.ends[k]) / gap) : 1);
  return std::min(records_, (static_cast<double>(number * kBlock) + units) * grain_);
}

}  // namespace ds
