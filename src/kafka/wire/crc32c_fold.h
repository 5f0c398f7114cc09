// The CRC-32C of bytes that are still being written: a loop that makes records folds the lines that
// it made a little earlier, between its stores. The multiplications then take the slots that the
// stores leave idle, where a second pass over the bytes costs 2 ns more a tweet.
//
//   Crc32cFold fold;
//   fold.begin(crc, bytes);             // 256 bytes at least
//   fold.extend(at);                    // or, in a loop that does something else, too:
//   Crc32cTurns turns(fold);  while (…) { turns.first_half(); turns.second_half(); }
//   turns.keep(fold); crc = fold.finish(end);             // as crc32c(crc, all of them)
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "kafka/wire/crc32c_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ds::kafka {

/// A sum under way: four lines, each 64 bytes with the remainder of every fourth line so far.
class Crc32cFold {
 public:
  static constexpr std::size_t kTurn = 256;  // bytes

  static bool usable();  // on this processor

  /// Continues `crc` over `bytes`, of which up to 255 stay for later.
  void begin(std::uint32_t crc, ByteView bytes);
  /// Goes on to `end`, but for up to 255 bytes.
  void extend(const std::uint8_t* end);
  /// The checksum of all up to `end`. The fold is then as before begin().
  std::uint32_t finish(const std::uint8_t* end);

  /// The first byte that was not summed; null before begin().
  const std::uint8_t* at() const { return at_; }

 private:
  friend class Crc32cTurns;
  alignas(64) std::array<std::array<std::uint8_t, 64>, 4> lines_;
  const std::uint8_t* at_ = nullptr;
};

#if defined(__x86_64__)
#define DATASTORM_CRC_FOLD "avx512f,avx512vl,vpclmulqdq,pclmul,sse4.2"

namespace crc {

/// x^bits for a 64-bit half of a register, whose bit 63 is the coefficient of x^0.
constexpr long long factor(std::uint64_t bits) {
  return static_cast<long long>(static_cast<std::uint64_t>(x_to_the(bits)) << 32);
}

/// Every 128 bits of `value`, shifted over kBits zero bits, plus `next`. The low half of a register
/// holds the powers from x^64 up; a product of two halves comes out one place up, hence the -1.
template <std::uint64_t kBits>
[[gnu::target(DATASTORM_CRC_FOLD), gnu::always_inline]] inline __m512i folded(__m512i value,
                                                                              __m512i next) {
  constexpr long long kLow = factor(kBits + 64 - 1);
  constexpr long long kHigh = factor(kBits - 1);
  const __m512i factors = _mm512_set_epi64(kHigh, kLow, kHigh, kLow, kHigh, kLow, kHigh, kLow);
  return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(value, factors, 0x00),
                                   _mm512_clmulepi64_epi128(value, factors, 0x11), next, 0x96);
}

}  // namespace crc

/// The fold in registers, while a loop works on it. Each turn has two halves of 128 bytes.
class Crc32cTurns {
 public:
  [[gnu::target(DATASTORM_CRC_FOLD), gnu::always_inline]] explicit Crc32cTurns(Crc32cFold& fold)
      : at_(fold.at_) {
    a_ = _mm512_load_si512(fold.lines_[0].data());
    b_ = _mm512_load_si512(fold.lines_[1].data());
    c_ = _mm512_load_si512(fold.lines_[2].data());
    d_ = _mm512_load_si512(fold.lines_[3].data());
  }
  [[gnu::target(DATASTORM_CRC_FOLD), gnu::always_inline]] void first_half() {
    a_ = crc::folded<8 * Crc32cFold::kTurn>(a_, _mm512_loadu_si512(at_));
    b_ = crc::folded<8 * Crc32cFold::kTurn>(b_, _mm512_loadu_si512(at_ + 64));
  }
  [[gnu::target(DATASTORM_CRC_FOLD), gnu::always_inline]] void second_half() {
    c_ = crc::folded<8 * Crc32cFold::kTurn>(c_, _mm512_loadu_si512(at_ + 128));
    d_ = crc::folded<8 * Crc32cFold::kTurn>(d_, _mm512_loadu_si512(at_ + 192));
    at_ += Crc32cFold::kTurn;
  }
  [[gnu::target(DATASTORM_CRC_FOLD), gnu::always_inline]] void keep(Crc32cFold& fold) const {
    _mm512_store_si512(fold.lines_[0].data(), a_);
    _mm512_store_si512(fold.lines_[1].data(), b_);
    _mm512_store_si512(fold.lines_[2].data(), c_);
    _mm512_store_si512(fold.lines_[3].data(), d_);
    fold.at_ = at_;
  }
  const std::uint8_t* at() const { return at_; }

 private:
  __m512i a_, b_, c_, d_;
  const std::uint8_t* at_;
};
#endif

}  // namespace ds::kafka
