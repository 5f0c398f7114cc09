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

constexpr std::size_t kLanes = 4;

/// Steps of sixteen bytes before the last ones.
std::size_t steps_of(ByteView value) {
  return (value.size() - 1) / 16;
}

/// Of four of the values, the shortest first.
void hash_lanes(const std::uint8_t* order, const ByteView* values, std::uint64_t* hashes) {
  const char* at[kLanes];
  std::uint64_t h[kLanes];
  std::size_t steps[kLanes];
#pragma GCC unroll 4
  for (std::size_t k = 0; k < kLanes; ++k) {
    const ByteView value = values[order[k]];
    at[k] = as_text(value).data();
    steps[k] = steps_of(value);
    h[k] = hash_start(value.size(), kOther);
  }
  for (std::size_t s = 0; s < steps[0]; ++s) {
#pragma GCC unroll 4
    for (std::size_t k = 0; k < kLanes; ++k) h[k] = hash_sixteen(at[k] + 16 * s, h[k]);
  }
  // The longer ones go on; the others' steps are made for nothing, from their first bytes: cheaper
  // than a branch that is guessed wrong for each.
  for (std::size_t s = steps[0]; s < steps[kLanes - 1]; ++s) {
#pragma GCC unroll 4
    for (std::size_t k = 1; k < kLanes; ++k) {
      const std::uint64_t goes_on = s < steps[k] ? ~std::uint64_t{0} : 0;
      const std::uint64_t next = hash_sixteen(at[k] + (16 * s & goes_on), h[k]);
      h[k] ^= (next ^ h[k]) & goes_on;
    }
  }
#pragma GCC unroll 4
  for (std::size_t k = 0; k < kLanes; ++k) {
    const std::size_t size = values[order[k]].size();
    hashes[order[k]] = hash_end(at[k] + 16 * steps[k], size - 16 * steps[k], size, h[k]);
  }
}

/// Which of the values is the shortest, the second and so on: each is behind those that have fewer
/// steps, or as many and come before it. (Vectors of the compiler's: sixteen comparisons with all.)
void sort(const ByteView* values, std::uint8_t* order) {
  using Keys = std::int16_t __attribute__((vector_size(16)));
  constexpr std::size_t kStepsMax = 2000;  // longer ones are all alike
  std::int16_t keys[kTogether], ranks[kTogether];
  std::size_t differ = 0;
  for (std::size_t i = 0; i < kTogether; ++i) {
    differ |= steps_of(values[i]) ^ steps_of(values[0]);
    order[i] = static_cast<std::uint8_t>(i);
    keys[i] = static_cast<std::int16_t>(std::min(steps_of(values[i]), kStepsMax) * kTogether + i);
  }
  if (differ == 0) return;
  Keys first, second, below_first = {}, below_second = {};
  std::memcpy(&first, keys, sizeof first);
  std::memcpy(&second, keys + 8, sizeof second);
#pragma GCC unroll 16
  for (std::size_t i = 0; i < kTogether; ++i) {
    below_first -= first > keys[i];
    below_second -= second > keys[i];
  }
  std::memcpy(ranks, &below_first, sizeof below_first);
  std::memcpy(ranks + 8, &below_second, sizeof below_second);
  for (std::size_t i = 0; i < kTogether; ++i) order[ranks[i]] = static_cast<std::uint8_t>(i);
}

void hash_plain(const ByteView* values, std::uint64_t* hashes) {
  std::uint8_t order[kTogether];
  sort(values, order);
  for (std::size_t i = 0; i < kTogether; i += kLanes) hash_lanes(order + i, values, hashes);
}

#if defined(__x86_64__)
#define DATASTORM_AVX512_HASH "avx512f,avx512dq"
#define DATASTORM_INLINE_AVX512 gnu::target(DATASTORM_AVX512_HASH), gnu::always_inline

/// fold() of eight, from products of halves.
[[DATASTORM_INLINE_AVX512]] inline __m512i fold_eight(__m512i a, __m512i b) {
  const __m512i a_high = _mm512_srli_epi64(a, 32), b_high = _mm512_srli_epi64(b, 32);
  const __m512i low = _mm512_mul_epu32(a, b);
  const __m512i one = _mm512_add_epi64(_mm512_mul_epu32(a_high, b), _mm512_srli_epi64(low, 32));
  const __m512i other = _mm512_add_epi64(_mm512_mul_epu32(a, b_high),
                                         _mm512_and_si512(one, _mm512_set1_epi64(0xffffffff)));
  const __m512i high =
      _mm512_add_epi64(_mm512_mul_epu32(a_high, b_high),
                       _mm512_add_epi64(_mm512_srli_epi64(one, 32), _mm512_srli_epi64(other, 32)));
  return _mm512_xor_si512(high, _mm512_mask_blend_epi32(0xaaaa, low, _mm512_slli_epi64(other, 32)));
}

/// Sixteen bytes of each of eight values, as the first eight of each and the second.
struct Sixteens {
  __m512i first, second;
};
[[DATASTORM_INLINE_AVX512]] inline Sixteens load_eight(const std::uint8_t* const* at,
                                                       std::ptrdiff_t from) {
  const auto load = [&](std::size_t k)
      __attribute__((target(DATASTORM_AVX512_HASH), always_inline)) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at[k] + from));
  };
  const auto four = [&](std::size_t k)
      __attribute__((target(DATASTORM_AVX512_HASH), always_inline)) {
    return _mm512_inserti64x4(
        _mm512_castsi256_si512(
            _mm256_inserti128_si256(_mm256_castsi128_si256(load(k)), load(k + 2), 1)),
        _mm256_inserti128_si256(_mm256_castsi128_si256(load(k + 4)), load(k + 6), 1), 1);
  };
  const __m512i even = four(0), odd = four(1);
  return {_mm512_unpacklo_epi64(even, odd), _mm512_unpackhi_epi64(even, odd)};
}

/// hash_end() of eight whose last sixteen bytes these are.
[[DATASTORM_INLINE_AVX512]] inline __m512i end_eight(Sixteens last, __m512i left, __m512i h) {
  const __m512i other = _mm512_set1_epi64(static_cast<long long>(kOther));
  const __m512i bits = _mm512_slli_epi64(left, 3);
  const __m512i over = _mm512_sub_epi64(_mm512_set1_epi64(128), bits);  // shifts from 64 up give 0
  const __mmask8 is_large = _mm512_cmpge_epu64_mask(left, _mm512_set1_epi64(8));
  const __m512i small =
      _mm512_srlv_epi64(last.second, _mm512_sub_epi64(_mm512_set1_epi64(64), bits));
  const __m512i large = _mm512_or_si512(
      _mm512_srlv_epi64(last.first, over),
      _mm512_sllv_epi64(last.second, _mm512_sub_epi64(bits, _mm512_set1_epi64(64))));
  const __m512i a = _mm512_mask_blend_epi64(is_large, small, large);
  const __m512i b = _mm512_maskz_mov_epi64(is_large, last.second);
  const __m512i inner = fold_eight(_mm512_xor_si512(a, other), _mm512_xor_si512(b, h));
  return fold_eight(_mm512_xor_si512(inner, _mm512_set1_epi64(static_cast<long long>(kFold))),
                    _mm512_xor_si512(h, other));
}

[[gnu::target(DATASTORM_AVX512_HASH)]] void hash_avx512(const ByteView* values,
                                                        std::uint64_t* hashes) {
  constexpr std::size_t kEights = kTogether / 8;
  const std::uint8_t* at[kTogether];
  const std::uint8_t* ends[kTogether];
  alignas(64) std::uint64_t sizes[kTogether];
  std::size_t shortest = ~std::size_t{0}, longest = 0;
  for (std::size_t i = 0; i < kTogether; ++i) {
    at[i] = values[i].data();
    ends[i] = at[i] + values[i].size();
    sizes[i] = values[i].size();
    shortest = std::min(shortest, values[i].size());
    longest = std::max(longest, values[i].size());
  }
  if (longest - shortest > kHashedBehind) return hash_plain(values, hashes);
  const __m512i other = _mm512_set1_epi64(static_cast<long long>(kOther)),
                one = _mm512_set1_epi64(1);
  __m512i size[kEights], steps[kEights], h[kEights];
#pragma GCC unroll 2
  for (std::size_t e = 0; e < kEights; ++e) {
    size[e] = _mm512_load_si512(sizes + 8 * e);
    steps[e] = _mm512_srli_epi64(_mm512_sub_epi64(size[e], one), 4);
    h[e] =
        _mm512_xor_si512(other, _mm512_mullo_epi64(_mm512_set1_epi64(static_cast<long long>(kFold)),
                                                   _mm512_add_epi64(size[e], one)));
  }
  const auto most = static_cast<std::ptrdiff_t>((longest - 1) / 16);
  for (std::ptrdiff_t s = 0; s < most; ++s) {
#pragma GCC unroll 2
    for (std::size_t e = 0; e < kEights; ++e) {
      const __mmask8 goes_on = _mm512_cmpgt_epu64_mask(steps[e], _mm512_set1_epi64(s));
      const Sixteens next = load_eight(at + 8 * e, 16 * s);
      h[e] = _mm512_mask_mov_epi64(
          h[e], goes_on,
          fold_eight(_mm512_xor_si512(next.first, other), _mm512_xor_si512(next.second, h[e])));
    }
  }
#pragma GCC unroll 2
  for (std::size_t e = 0; e < kEights; ++e) {
    const __m512i left = _mm512_sub_epi64(size[e], _mm512_slli_epi64(steps[e], 4));
    _mm512_storeu_si512(hashes + 8 * e, end_eight(load_eight(ends + 8 * e, -16), left, h[e]));
  }
}
#endif

}  // namespace

std::span<const HashKernel> hash_kernels() {
  static const HashKernel kKernels[] = {
#if defined(__x86_64__)
    {"avx512", __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"),
     hash_avx512},
#endif
    {"plain", true, hash_plain},
  };
  return kKernels;
}

}  // namespace content

void content_hashes(std::span<const ByteView> values, std::uint64_t* hashes) {
  using namespace content;
  static const HashKernel& best = *std::ranges::find_if(hash_kernels(), &HashKernel::usable);
  const auto is_short = [](ByteView value) { return value.size() < 16; };
  for (; values.size() >= kTogether && std::ranges::none_of(values.first(kTogether), is_short);
       values = values.subspan(kTogether), hashes += kTogether)
    best.hash(values.data(), hashes);
  for (const ByteView value : values) *hashes++ = content_hash(value);
}

}  // namespace ds
