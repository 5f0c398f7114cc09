#include "record/content_hashes.h"

#include <algorithm>
#include <array>

#if defined(__x86_64__)
#include <immintrin.h>
#if !defined(__clang__)  // g++ 12 warns of its own header's undefined values
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#endif

namespace ds {
namespace content {
namespace {

constexpr std::size_t kStripe = 64, kWords = kStripe / 8;
/// The last stripe's keys; the first stripe's are one kNextKey more, and so on.
alignas(64) constexpr auto kLastKeys = [] {
  std::array<std::uint64_t, kWords> keys{};
  for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = random_at(0x7374726970655f5fULL, i);
  return keys;
}();
constexpr std::uint64_t kNextKey = kFold;

/// Stripes before the last one.
constexpr std::size_t steps_of(std::size_t size) {
  return (size - (size != 0)) / kStripe;
}
std::uint64_t ended(std::uint64_t sum, std::size_t size) {
  return fold(sum ^ kOther, kFold * (size + 1));
}

constexpr std::uint64_t part_of(std::uint64_t word, std::uint64_t key) {
  const std::uint64_t mixed = word + key;
  return (mixed & 0xffffffff) * (mixed >> 32) + word;
}
std::uint64_t stripe_of(const char* at, std::uint64_t key_offset) {
  std::uint64_t sum = 0;
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kWords; ++i)
    sum += part_of(eight(at + 8 * i), kLastKeys[i] + key_offset);
  return sum;
}

std::uint64_t hash_alone(ByteView value) {
  const char* const at = as_text(value).data();
  std::uint64_t sum = 0, key_offset = kNextKey;
  for (std::size_t s = 0; s < steps_of(value.size()); ++s, key_offset += kNextKey)
    sum += stripe_of(at + s * kStripe, key_offset);
  if (value.size() >= kStripe)
    return ended(sum + stripe_of(at + value.size() - kStripe, 0), value.size());
  char padded[kStripe] = {};
  if (!value.empty()) std::memcpy(padded, at, value.size());
  return ended(stripe_of(padded, 0), value.size());
}

void hash_plain(const ByteView* values, std::uint64_t* hashes) {
  for (std::size_t i = 0; i < kTogether; ++i) hashes[i] = hash_alone(values[i]);
}

#if defined(__x86_64__)
/// How many stripes the shortest has before its last one, and the longest.
struct Steps {
  std::size_t fewest, most;
  bool are_alike;  // enough to read as many of each
};
[[gnu::always_inline]] inline Steps steps_of(const ByteView* values) {
  std::size_t least = ~std::size_t{0}, most = 0;
  for (std::size_t i = 0; i < kTogether; ++i) {
    least = std::min(least, values[i].size());
    most = std::max(most, values[i].size());
  }
  return {steps_of(least), steps_of(most), most - least <= kHashedBehind};
}

#define DATASTORM_AVX2_HASH "avx2"
[[gnu::target(DATASTORM_AVX2_HASH), gnu::always_inline]] inline __m256i parts_of(__m256i words,
                                                                                 __m256i keys) {
  const __m256i mixed = _mm256_add_epi64(words, keys);
  return _mm256_add_epi64(_mm256_mul_epu32(mixed, _mm256_srli_epi64(mixed, 32)), words);
}
[[gnu::target(DATASTORM_AVX2_HASH), gnu::always_inline]] inline __m256i load_half(
    const std::uint8_t* at) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}

/// Of all four words. (g++'s own reductions add signed words, which must not go round.)
[[gnu::target(DATASTORM_AVX2_HASH), gnu::always_inline]] inline std::uint64_t sum_of(
    __m256i words) {
  const __m128i two =
      _mm_add_epi64(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  return static_cast<std::uint64_t>(_mm_cvtsi128_si64(two)) +
         static_cast<std::uint64_t>(_mm_extract_epi64(two, 1));
}

/// Two registers for a stripe; see hash_avx512().
[[gnu::target(DATASTORM_AVX2_HASH)]] void hash_avx2(const ByteView* values, std::uint64_t* hashes) {
  const Steps steps = steps_of(values);
  if (!steps.are_alike) return hash_plain(values, hashes);
  const auto* const last_keys = reinterpret_cast<const std::uint8_t*>(kLastKeys.data());
  const __m256i low_last = load_half(last_keys), high_last = load_half(last_keys + 32),
                next = _mm256_set1_epi64x(static_cast<long long>(kNextKey));
  for (std::size_t i = 0; i < kTogether; ++i) {
    const std::uint8_t* at = values[i].data();
    const std::size_t size = values[i].size(), own = steps_of(size);
    if (size < kStripe) {
      hashes[i] = hash_alone(values[i]);
      continue;
    }
    __m256i low_keys = low_last, high_keys = high_last;
    __m256i sum = _mm256_add_epi64(parts_of(load_half(at + size - kStripe), low_last),
                                   parts_of(load_half(at + size - kStripe / 2), high_last));
    for (std::size_t s = 0; s < steps.most; ++s, at += kStripe) {
      low_keys = _mm256_add_epi64(low_keys, next);
      high_keys = _mm256_add_epi64(high_keys, next);
      const __m256i goes_on = _mm256_set1_epi64x(s < own ? -1 : 0);
      const __m256i parts = _mm256_add_epi64(parts_of(load_half(at), low_keys),
                                             parts_of(load_half(at + kStripe / 2), high_keys));
      sum = _mm256_add_epi64(sum, _mm256_and_si256(parts, goes_on));
    }
    hashes[i] = ended(sum_of(sum), size);
  }
}

#define DATASTORM_AVX512_HASH "avx2,avx512f,avx512bw,avx512dq,bmi2"
#define DATASTORM_INLINE_AVX512 gnu::target(DATASTORM_AVX512_HASH), gnu::always_inline

[[DATASTORM_INLINE_AVX512]] inline __m512i parts_of(__m512i words, __m512i keys) {
  const __m512i mixed = _mm512_add_epi64(words, keys);
  return _mm512_add_epi64(_mm512_mul_epu32(mixed, _mm512_srli_epi64(mixed, 32)), words);
}

/// A branch on how long each value is would be guessed wrong: all take as many steps as the longest
/// does, and what a shorter one reads too much of is not added.
[[gnu::target(DATASTORM_AVX512_HASH)]] void hash_avx512(const ByteView* values,
                                                        std::uint64_t* hashes) {
  const Steps steps = steps_of(values);
  if (!steps.are_alike) return hash_plain(values, hashes);
  const __m512i last_keys = _mm512_load_si512(kLastKeys.data()),
                next = _mm512_set1_epi64(static_cast<long long>(kNextKey));
  for (std::size_t i = 0; i < kTogether; ++i) {
    const std::uint8_t* const at = values[i].data();
    const std::size_t size = values[i].size(), own = steps_of(size);
    __m512i keys = last_keys, sum = _mm512_setzero_si512();
    std::size_t s = 0;
    for (; s < steps.fewest; ++s) {
      keys = _mm512_add_epi64(keys, next);
      sum = _mm512_add_epi64(sum, parts_of(_mm512_loadu_si512(at + s * kStripe), keys));
    }
    for (; s < steps.most; ++s) {
      keys = _mm512_add_epi64(keys, next);
      const auto goes_on = static_cast<__mmask8>(s < own ? 0xff : 0);
      sum = _mm512_mask_add_epi64(sum, goes_on, sum,
                                  parts_of(_mm512_loadu_si512(at + s * kStripe), keys));
    }
    const auto left = static_cast<unsigned>(std::min(size, kStripe));
    const __m512i last =
        _mm512_maskz_loadu_epi8(_bzhi_u64(~std::uint64_t{0}, left), at + size - left);
    sum = _mm512_add_epi64(sum, parts_of(last, last_keys));
    hashes[i] = ended(
        sum_of(_mm256_add_epi64(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64(sum, 1))),
        size);
  }
}
#endif

}  // namespace

std::span<const HashKernel> hash_kernels() {
  static const HashKernel kKernels[] = {
#if defined(__x86_64__)
    {"avx512",
     __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("bmi2"),
     hash_avx512},
    {"avx2", __builtin_cpu_supports("avx2") != 0, hash_avx2},
#endif
    {"plain", true, hash_plain},
  };
  return kKernels;
}

}  // namespace content

std::uint64_t content_hash(ByteView value) {
  return content::hash_alone(value);
}

void content_hashes(std::span<const ByteView> values, std::uint64_t* hashes) {
  using namespace content;
  static const HashKernel& best = *std::ranges::find_if(hash_kernels(), &HashKernel::usable);
  for (; values.size() >= kTogether; values = values.subspan(kTogether), hashes += kTogether)
    best.hash(values.data(), hashes);
  for (const ByteView value : values) *hashes++ = content_hash(value);
}

}  // namespace ds
