// What a record draws for itself, so that no other has the same: a UUID, whose 32 digits are made
// sixteen at a time, and noise.
#pragma once

#include "base/random.h"
#include "record/payload/image.h"

namespace ds {

constexpr std::size_t kUuidLength = 36;
static_assert(std::endian::native == std::endian::little);

/// Of "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx".
inline void put_uuid_dashes(std::uint8_t* to) {
  for (const std::size_t dash : {8, 13, 18, 23}) to[dash] = '-';
}
using UuidHalf = std::uint64_t __attribute__((vector_size(16)));
/// Its 32 digits.
struct UuidDigits {
  UuidHalf first, second;
};
[[gnu::always_inline]] inline UuidDigits uuid_digits(std::uint64_t salt, const RecordFacts& facts) {
  const std::uint64_t seed = facts.seed ^ (0x7575696400000000ULL + salt);
  constexpr std::uint64_t kNibbles = 0x0f0f0f0f0f0f0f0fULL;
  constexpr std::uint64_t kVersion = 0xf000, kVariant = std::uint64_t{3} << 62;
  const std::uint64_t high = (random_at(seed, 2 * facts.record) & ~kVersion) | 0x4000;
  const std::uint64_t low =
      (random_at(seed, 2 * facts.record + 1) & ~kVariant) | (std::uint64_t{2} << 62);

  using Bytes = std::int8_t __attribute__((vector_size(16)));
  const UuidHalf drawn = {swap_bytes(high), swap_bytes(low)};
  const auto upper = reinterpret_cast<Bytes>(drawn >> 4 & kNibbles * UuidHalf{1, 1});
  const auto lower = reinterpret_cast<Bytes>(drawn & kNibbles * UuidHalf{1, 1});
  const auto digits = [](Bytes nibbles) {
    return reinterpret_cast<UuidHalf>(nibbles + '0' + ((nibbles > 9) & ('a' - '0' - 10)));
  };
  return {digits(__builtin_shufflevector(upper, lower, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6,
                                         22, 7, 23)),
          digits(__builtin_shufflevector(upper, lower, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29,
                                         14, 30, 15, 31))};
}
/// All but the dashes.
[[gnu::always_inline]] inline void put_uuid_digits(std::uint8_t* to, std::uint64_t salt,
                                                   const RecordFacts& facts) {
  const auto [first, second] = uuid_digits(salt, facts);
  const auto put = [to](std::size_t at, auto digits_there) {
    std::memcpy(to + at, &digits_there, sizeof digits_there);
  };
  const auto upper_four = [](std::uint64_t eight) {
    return static_cast<std::uint32_t>(eight >> 32);
  };
  put(0, first[0]);
  put(9, static_cast<std::uint32_t>(first[1]));
  put(14, upper_four(first[1]));
  put(19, static_cast<std::uint32_t>(second[0]));
  put(24, upper_four(second[0]));
  put(28, second[1]);
}

/// A block of random words under a mask of the record's own: a word costs a load and an exclusive
/// or, and no two records share a stretch that a codec could find.
constexpr std::size_t kNoiseWords = 512;
inline constexpr auto kNoiseTable = [] {
  std::array<std::uint64_t, kNoiseWords> words{};
  for (std::size_t i = 0; i < kNoiseWords; ++i) words[i] = random_at(0x6e6f697365, i);
  return words;
}();
/// It turns with each block of the record, so that blocks differ, too.
inline std::uint64_t noise_mask(std::size_t block, const RecordFacts& facts) {
  return random_at((facts.seed ^ 0x6e6f6973655f5f5fULL) + block, facts.record);
}

/// Writes `width` bytes and up to 63 more; one block at the most.
[[gnu::always_inline]] inline void put_noise_roughly(std::uint8_t* to, std::size_t width,
                                                     const RecordFacts& facts) {
  using Eight = std::uint64_t __attribute__((vector_size(64)));
  const std::uint64_t mask = noise_mask(0, facts);
  for (std::size_t i = 0; i < width; i += 64) {
    Eight words;
    std::memcpy(&words, kNoiseTable.data() + i / 8, 64);
    words ^= mask;
    std::memcpy(to + i, &words, 64);
  }
}

}  // namespace ds
