// CRC-32C on x86-64, after V. Gopal et al., "Fast CRC Computation for iSCSI Polynomial Using CRC32
// Instruction" (Intel 2011) and "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
// Instruction" (Intel 2009). Compiled for these processors function by function; crc32c.cc asks the
// processor before it calls them.
#include "kafka/wire/crc32c_fold.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>
#include <utility>

namespace ds::kafka {
namespace crc {
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

[[gnu::target(DATASTORM_CRC_FOLD)]] std::uint32_t extend_avx512(std::uint32_t crc,
                                                                const std::uint8_t* bytes,
                                                                std::size_t size) {
  if (size < 512) return extend_sse42(crc, bytes, size);
  Crc32cFold fold;
  fold.begin(~crc, {bytes, size});
  return ~fold.finish(bytes + size);
}

}  // namespace crc

[[gnu::target(DATASTORM_CRC_FOLD)]] void Crc32cFold::begin(std::uint32_t crc, ByteView bytes) {
  at_ = bytes.data();
  std::memcpy(lines_.data(), at_, kTurn);
  std::uint32_t first;
  std::memcpy(&first, lines_[0].data(), sizeof first);
  first ^= ~crc;
  std::memcpy(lines_[0].data(), &first, sizeof first);
  at_ += kTurn;
  extend(bytes.data() + bytes.size());
}

[[gnu::target(DATASTORM_CRC_FOLD)]] void Crc32cFold::extend(const std::uint8_t* end) {
  if (end - at_ < static_cast<std::ptrdiff_t>(kTurn)) return;
  Crc32cTurns turns(*this);
  while (end - turns.at() >= static_cast<std::ptrdiff_t>(kTurn)) {
    turns.first_half();
    turns.second_half();
  }
  turns.keep(*this);
}

[[gnu::target(DATASTORM_CRC_FOLD)]] std::uint32_t Crc32cFold::finish(const std::uint8_t* end) {
  extend(end);
  __m512i line = _mm512_load_si512(lines_[0].data());
  for (std::size_t i = 1; i < lines_.size(); ++i)
    line = crc::folded<512>(line, _mm512_load_si512(lines_[i].data()));
  for (; end - at_ >= 64; at_ += 64) line = crc::folded<512>(line, _mm512_loadu_si512(at_));
  // What is left is a message of 64 bytes with the same remainder.
  std::uint8_t remainder[64];
  _mm512_storeu_si512(remainder, line);
  const auto rest = static_cast<std::size_t>(end - std::exchange(at_, nullptr));
  return ~crc::extend_words(crc::extend_words(0, remainder, sizeof remainder), end - rest, rest);
}

}  // namespace ds::kafka
#endif
