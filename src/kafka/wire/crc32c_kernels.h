// The kernels behind crc32c.h, each in terms of the raw register (no inversion at either end).
//
// CRC-32C is linear over GF(2), so a long input may be cut into streams that are computed side by
// side, and joined by "shifting" the earlier one over the bytes of the later: a multiplication by a
// constant x^n mod P. P is 0x11EDC6F41; all numbers here are bit-reflected, as the CRC is.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ds::kafka::crc {

/// Reflected: bit 31 is the coefficient of x^0. 0x82f63b78 is P without its x^32.
constexpr std::uint32_t kPolynomial = 0x82f63b78;

/// x^n mod P, by squaring.
constexpr std::uint32_t x_to_the(std::uint64_t n) {
  const auto times = [](std::uint32_t a, std::uint32_t b) {
    std::uint32_t product = 0;
    for (int i = 0; i < 32; ++i) {
      if (a & 0x80000000u >> i) product ^= b;
      b = b & 1 ? b >> 1 ^ kPolynomial : b >> 1;  // b times x
    }
    return product;
  };
  std::uint32_t result = 0x80000000;  // 1
  std::uint32_t square = 0x40000000;  // x
  for (; n > 0; n >>= 1) {
    if (n & 1) result = times(result, square);
    square = times(square, square);
  }
  return result;
}

std::uint32_t extend_table(std::uint32_t crc, const std::uint8_t* bytes, std::size_t size);
#if defined(__x86_64__)
std::uint32_t extend_sse42(std::uint32_t crc, const std::uint8_t* bytes, std::size_t size);
std::uint32_t extend_avx512(std::uint32_t crc, const std::uint8_t* bytes, std::size_t size);
#endif

}  // namespace ds::kafka::crc
