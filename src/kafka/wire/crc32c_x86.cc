// CRC-32C on x86-64, after V. Gopal et al., "Fast CRC Computation for iSCSI Polynomial Using CRC32
// Instruction" (Intel 2011) and "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
// Instruction" (Intel 2009). Compiled for these processors function by function; crc32c.cc asks the
// processor before it calls them.
#include "kafka/wire/crc32c_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

namespace ds::kafka::crc {
namespace {

std::uint64_t load(const std::uint8_t* from) {
  std::uint64_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

[[gnu::target("sse4.2")]] std::uint32_t extend_words(std::uint32_t crc, const std::uint8_t* bytes,
                                                     std::size_t size) {
  std::uint64_t wide = crc;
  for (; size >= 8; size -= 8, bytes += 8) wide = _mm_crc32_u64(wide, load(bytes));
  crc = static_cast<std::uint32_t>(wide);
  for (; size > 0; --size) crc = _mm_crc32_u8(crc, *bytes++);
  return crc;
}

/// `crc` shifted over `bytes` zero bytes, kShift being x^(8 bytes - 33): the product of two
/// reflected numbers comes out one place short, and the CRC instruction that reduces it adds 32.
template <std::uint32_t kShift>
[[gnu::target("sse4.2,pclmul")]] std::uint32_t shifted(std::uint32_t crc) {
  const __m128i product = _mm_clmulepi64_si128(_mm_cvtsi32_si128(static_cast<int>(crc)),
                                               _mm_cvtsi32_si128(static_cast<int>(kShift)), 0);
  return static_cast<std::uint32_t>(
      _mm_crc32_u64(0, static_cast<std::uint64_t>(_mm_cvtsi128_si64(product))));
}

/// The instruction takes three cycles but one can start each cycle: three streams side by side.
template <std::size_t kStream>
[[gnu::target("sse4.2,pclmul")]] void extend_blocks(std::uint32_t& crc, const std::uint8_t*& bytes,
                                                    std::size_t& size) {
  for (; size >= 3 * kStream; size -= 3 * kStream, bytes += 3 * kStream) {
    std::uint64_t a = crc, b = 0, c = 0;
    for (std::size_t i = 0; i < kStream; i += 8) {
      a = _mm_crc32_u64(a, load(bytes + i));
      b = _mm_crc32_u64(b, load(bytes + kStream + i));
      c = _mm_crc32_u64(c, load(bytes + 2 * kStream + i));
    }
    crc = shifted<x_to_the(8 * 2 * kStream - 33)>(static_cast<std::uint32_t>(a)) ^
          shifted<x_to_the(8 * kStream - 33)>(static_cast<std::uint32_t>(b)) ^
          static_cast<std::uint32_t>(c);
  }
}

}  // namespace

std::uint32_t extend_sse42(std::uint32_t crc, const std::uint8_t* bytes, std::size_t size) {
  extend_blocks<4096>(crc, bytes, size);
  extend_blocks<256>(crc, bytes, size);
  return extend_words(crc, bytes, size);
}

namespace {

/// x^bits for a 64-bit half of a register, whose bit 63 is the coefficient of x^0.
constexpr long long factor(std::uint64_t bits) {
  return static_cast<long long>(static_cast<std::uint64_t>(x_to_the(bits)) << 32);
}

/// Every 128 bits of `value`, shifted over kBits zero bits, plus `next`. The low half of a register
/// holds the powers from x^64 up; a product of two halves comes out one place up, hence the -1.
template <std::uint64_t kBits>
[[gnu::target("avx512f,avx512vl,vpclmulqdq,pclmul,sse4.2"), gnu::always_inline]] inline __m512i
folded(__m512i value, __m512i next) {
  constexpr long long kLow = factor(kBits + 64 - 1);
  constexpr long long kHigh = factor(kBits - 1);
  const __m512i factors = _mm512_set_epi64(kHigh, kLow, kHigh, kLow, kHigh, kLow, kHigh, kLow);
  return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(value, factors, 0x00),
                                   _mm512_clmulepi64_epi128(value, factors, 0x11), next, 0x96);
}

}  // namespace

[[gnu::target("avx512f,avx512vl,vpclmulqdq,pclmul,sse4.2")]] std::uint32_t extend_avx512(
    std::uint32_t crc, const std::uint8_t* bytes, std::size_t size) {
  if (size < 512) return extend_sse42(crc, bytes, size);
  // Four registers of 64 bytes run side by side, each folded over the 256 bytes of a turn.
  __m512i a = _mm512_loadu_si512(bytes), b = _mm512_loadu_si512(bytes + 64);
  __m512i c = _mm512_loadu_si512(bytes + 128), d = _mm512_loadu_si512(bytes + 192);
  a = _mm512_xor_si512(a, _mm512_zextsi128_si512(_mm_cvtsi32_si128(static_cast<int>(crc))));
  bytes += 256, size -= 256;
  for (; size >= 256; size -= 256, bytes += 256) {
    a = folded<2048>(a, _mm512_loadu_si512(bytes));
    b = folded<2048>(b, _mm512_loadu_si512(bytes + 64));
    c = folded<2048>(c, _mm512_loadu_si512(bytes + 128));
    d = folded<2048>(d, _mm512_loadu_si512(bytes + 192));
  }
  a = folded<512>(folded<512>(folded<512>(a, b), c), d);
  for (; size >= 64; size -= 64, bytes += 64) a = folded<512>(a, _mm512_loadu_si512(bytes));
  // What is left is a message of 64 bytes with the same remainder.
  std::uint8_t remainder[64];
  _mm512_storeu_si512(remainder, a);
  return extend_words(extend_words(0, remainder, sizeof remainder), bytes, size);
}

}  // namespace ds::kafka::crc
#endif
