// Small draws that several payloads share.
#pragma once

#include <cmath>
#include <cstdint>
#include <iterator>
#include <numbers>
#include <string_view>

#include "base/random.h"

namespace ds {

inline constexpr std::string_view kWords[] = {
    "amber",  "anchor", "autumn",  "balcony", "bright",  "bridge",  "candle",  "canvas",
    "cedar",  "cloud",  "copper",  "corner",  "crystal", "delta",   "drift",   "early",
    "ember",  "falcon", "fern",    "field",   "forest",  "garden",  "gentle",  "glass",
    "golden", "harbor", "hazel",   "hill",    "honey",   "island",  "ivory",   "jasper",
    "kettle", "lake",   "lantern", "late",    "lemon",   "linen",   "maple",   "marble",
    "meadow", "mirror", "misty",   "north",   "ocean",   "olive",   "orchard", "paper",
    "pebble", "pine",   "quiet",   "rain",    "river",   "saffron", "silver",  "slow",
    "spruce", "stone",  "summer",  "thunder", "timber",  "velvet",  "violet",  "willow"};
constexpr std::size_t kWordMax = 8;

inline std::string_view draw_word(Random& random) {
  return kWords[random.below(std::size(kWords))];
}

/// Both ends included, whatever they are.
inline std::int64_t draw_whole(Random& random, std::int64_t min, std::int64_t max) {
  const std::uint64_t span = static_cast<std::uint64_t>(max) - static_cast<std::uint64_t>(min);
  const std::uint64_t drawn = span == ~std::uint64_t{0} ? random() : random.below(span + 1);
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(min) + drawn);
}

/// Box and Muller (1958).
inline double draw_normal(Random& random) {
  const double radius = std::sqrt(-2 * std::log(1 - random.unit()));
  return radius * std::cos(2 * std::numbers::pi * random.unit());
}

}  // namespace ds
