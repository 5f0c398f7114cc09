// Seekable random numbers: the i-th number of a stream is a pure function of (seed, i), so any
// thread, process or machine can make record i without making those before it.
#pragma once

#include <cstdint>
#include <limits>

namespace ds {

/// The finalizer of splitmix64 (Steele, Lea, Flood 2014): every input bit moves every output bit.
/// Of a word, or of a vector of them.
template <typename Words>
constexpr void mix_words(Words& x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  x = x ^ (x >> 31);
}
constexpr std::uint64_t mix_bits(std::uint64_t x) {
  mix_words(x);
  return x;
}

constexpr std::uint64_t kRandomStep = 0x9e3779b97f4a7c15ULL;
/// The i-th number of the stream named by `seed`.
constexpr std::uint64_t random_at(std::uint64_t seed, std::uint64_t i) {
  return mix_bits(seed + kRandomStep * (i + 1));
}

/// Walks a stream of random_at(); a C++ UniformRandomBitGenerator.
class Random {
 public:
  using result_type = std::uint64_t;
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }

  explicit constexpr Random(std::uint64_t seed, std::uint64_t at = 0) : seed_(seed), at_(at) {}

  constexpr std::uint64_t operator()() { return random_at(seed_, at_++); }

  /// 0 … bound - 1, by the high half of a 128-bit product (bias below 2^-32 for small bounds).
  constexpr std::uint64_t below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>((*this)()) * bound) >> 64);
  }
  /// 0 <= x < 1 with 53 bits.
  constexpr double unit() { return static_cast<double>((*this)() >> 11) * 0x1.0p-53; }

 private:
  std::uint64_t seed_;
  std::uint64_t at_;
};

}  // namespace ds
