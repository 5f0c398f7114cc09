#include "record/payload/image.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/random.h"
#include "base/varint.h"

namespace ds {
namespace {

constexpr std::size_t kUuidLength = 36;

char* put_two(char* to, unsigned value) {
  std::memcpy(to, kDigitPairs.data() + 2 * static_cast<std::size_t>(value % 100), 2);
  return to + 2;
}

std::size_t decimal_size(std::int64_t value) {
  std::uint64_t rest =
      value < 0 ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value);
  std::size_t digits = value < 0 ? 2 : 1;
  for (; rest >= 10'000; rest /= 10'000) digits += 4;
  return digits + (rest >= 10) + (rest >= 100) + (rest >= 1000);
}

std::uint8_t* put_padded_varint(std::uint8_t* to, std::uint64_t value, std::uint32_t width) {
  for (std::uint32_t i = 1; i < width; ++i, value >>= 7)
    *to++ = static_cast<std::uint8_t>(value | 128);
  *to++ = static_cast<std::uint8_t>(value & 127);
  return to;
}

/// The eight hex digits of 32 bits, the first one highest.
std::uint64_t hex_digits(std::uint64_t bits) {
  constexpr std::uint64_t kEach = 0x0101010101010101ULL;
  bits &= 0xffffffff;
  bits = (bits | bits << 16) & 0x0000ffff0000ffffULL;
  bits = (bits | bits << 8) & 0x00ff00ff00ff00ffULL;
  bits = (bits | bits << 4) & 0x0f0f0f0f0f0f0f0fULL;
  const std::uint64_t letters = (bits + 6 * kEach) >> 4 & kEach;
  return bits + '0' * kEach + ('a' - '0' - 10) * letters;
}

/// A UUID of version 4, drawn.
std::uint8_t* put_uuid(std::uint8_t* to, const Patch& patch, const RecordFacts& facts) {
  const std::uint64_t seed = facts.seed ^ (0x7575696400000000ULL + patch.salt);
  constexpr std::uint64_t kVersion = 0xf000, kVariant = std::uint64_t{3} << 62;
  const std::uint64_t high = (random_at(seed, 2 * facts.record) & ~kVersion) | 0x4000;
  const std::uint64_t low =
      (random_at(seed, 2 * facts.record + 1) & ~kVariant) | (std::uint64_t{2} << 62);
  const std::uint64_t second = hex_digits(high), third = hex_digits(low >> 32);
  store_be(to, hex_digits(high >> 32));
  store_be(to + 9, static_cast<std::uint32_t>(second >> 32));
  store_be(to + 14, static_cast<std::uint32_t>(second));
  store_be(to + 19, static_cast<std::uint32_t>(third >> 32));
  store_be(to + 24, static_cast<std::uint32_t>(third));
  store_be(to + 28, hex_digits(low));
  for (const std::size_t dash : {8, 13, 18, 23}) to[dash] = '-';
  return to + kUuidLength;
}

/// A block of random words under a mask of the record's own: a word costs a load and an exclusive
/// or, and no two records share a stretch that a codec could find.
constexpr std::size_t kNoiseWords = 512;
constexpr auto kNoise = [] {
  std::array<std::uint64_t, kNoiseWords> words{};
  for (std::size_t i = 0; i < kNoiseWords; ++i) words[i] = random_at(0x6e6f697365, i);
  return words;
}();

/// Up to seven bytes of a word, the lowest first.
void put_first(std::uint8_t* to, std::uint64_t word, std::size_t count) {
  if ((count & 4) != 0) {
    std::memcpy(to, &word, 4);
    to += 4;
    word >>= 32;
  }
  if ((count & 2) != 0) {
    std::memcpy(to, &word, 2);
    to += 2;
    word >>= 16;
  }
  if ((count & 1) != 0) *to = static_cast<std::uint8_t>(word);
}

std::uint8_t* put_noise(std::uint8_t* to, std::size_t width, const RecordFacts& facts) {
  const std::uint64_t seed = facts.seed ^ 0x6e6f6973655f5f5fULL;
  for (std::size_t block = 0; width > 0; ++block) {
    // The mask turns with each block of the record, so that blocks differ, too.
    const std::uint64_t mask = random_at(seed + block, facts.record);
    const std::size_t bytes = std::min(width, kNoiseWords * 8);
    std::size_t i = 0;
    for (; 8 * i + 8 <= bytes; ++i) {
      const std::uint64_t word = kNoise[i] ^ mask;
      std::memcpy(to + 8 * i, &word, 8);
    }
    if (const std::size_t rest = bytes - 8 * i; rest > 0)
      put_first(to + 8 * i, kNoise[i] ^ mask, rest);
    to += bytes;
    width -= bytes;
  }
  return to;
}

std::uint8_t* put_number(std::uint8_t* to, const Patch& patch, std::int64_t value) {
  using enum Patch::Form;
  switch (patch.form) {
    case kZigzag:
      return put_zigzag(to, value);
    case kVarint:
      return put_padded_varint(to, static_cast<std::uint64_t>(value), patch.width);
    case kZigzagOf:
      return put_padded_varint(to, zigzag(value), patch.width);
    case kLittle:
      for (std::uint32_t i = 0; i < patch.width; ++i)
        *to++ = static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> (8 * i));
      return to;
    default: {
      std::uint8_t digits[kDecimalMax];
      const std::uint8_t* const end = put_decimal(digits, value);
      const auto size = static_cast<std::size_t>(end - digits);
      for (std::size_t i = size; i < patch.width; ++i) *to++ = '0';
      // What does not fit its width keeps its last digits: the width is part of a length.
      const std::uint8_t* const from =
          patch.width != 0 && size > patch.width ? end - patch.width : digits;
      std::memcpy(to, from, static_cast<std::size_t>(end - from));
      return to + (end - from);
    }
  }
}

}  // namespace

std::int64_t number_of(const Patch& patch, const RecordFacts& facts) {
  using enum Patch::What;
  const auto counted = [&](std::uint64_t n) {  // wraps around instead of overflowing
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(patch.start) +
                                     static_cast<std::uint64_t>(patch.step) * n);
  };
  switch (patch.what) {
    case kRecord:
      return counted(facts.record);
    case kStream:
      return counted(facts.stream);
    case kSequence:
      return counted(facts.sequence);
    case kMillis:
      return facts.timestamp_ms;
    case kSeconds:
      return facts.timestamp_ms / 1000;
    case kMicros:
      return facts.timestamp_ms * 1000;
    case kNanos:
      return facts.timestamp_ms * 1'000'000;
    case kNanosOfSecond:
      return facts.timestamp_ms % 1000 * 1'000'000;
    default:
      return 0;
  }
}

std::size_t inserted_size(const Patch& patch, const RecordFacts& facts) {
  const std::int64_t value = number_of(patch, facts);
  return patch.form == Patch::Form::kZigzag ? varint_size(zigzag(value)) : decimal_size(value);
}

std::uint8_t* put_patch(std::uint8_t* to, const Patch& patch, const RecordFacts& facts) {
  switch (patch.what) {
    case Patch::What::kIsoTime:
      put_iso_time(reinterpret_cast<char*>(to), facts.timestamp_ms);
      return to + kIsoTimeLength;
    case Patch::What::kUuid:
      return put_uuid(to, patch, facts);
    case Patch::What::kNoise:
      return put_noise(to, patch.width, facts);
    default:
      return put_number(to, patch, number_of(patch, facts));
  }
}

std::uint8_t* put_decimal(std::uint8_t* to, std::int64_t value) {
  char* const text = reinterpret_cast<char*>(to);
  return reinterpret_cast<std::uint8_t*>(std::to_chars(text, text + kDecimalMax, value).ptr);
}

void put_iso_time(char* to, std::int64_t timestamp_ms) {
  // Days to a date by Howard Hinnant's civil_from_days.
  const std::int64_t ms = ((timestamp_ms % 86'400'000) + 86'400'000) % 86'400'000;
  const std::int64_t day = (timestamp_ms - ms) / 86'400'000 + 719'468;
  const std::int64_t era = (day >= 0 ? day : day - 146'096) / 146'097;
  const auto of_era = static_cast<unsigned>(day - era * 146'097);
  const unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36'524 - of_era / 146'096) / 365;
  const unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned shifted = (5 * of_year + 2) / 153;
  const unsigned month = shifted < 10 ? shifted + 3 : shifted - 9;
  const auto year =
      static_cast<unsigned>((year_of_era + era * 400 + (month <= 2 ? 1 : 0)) % 10'000);
  const auto of_day = static_cast<unsigned>(ms);
  to = put_two(put_two(to, year / 100), year);
  *to++ = '-';
  to = put_two(to, month);
  *to++ = '-';
  to = put_two(to, of_year - (153 * shifted + 2) / 5 + 1);
  *to++ = 'T';
  to = put_two(to, of_day / 3'600'000);
  *to++ = ':';
  to = put_two(to, of_day / 60'000 % 60);
  *to++ = ':';
  to = put_two(to, of_day / 1000 % 60);
  *to++ = '.';
  to = put_two(to, of_day % 1000 / 10);
  *to++ = static_cast<char>('0' + of_day % 10);
  *to = 'Z';
}

void Image::append(Patch patch) {
  if (patch.what == Patch::What::kIsoTime) patch.width = kIsoTimeLength;
  if (patch.what == Patch::What::kUuid) patch.width = kUuidLength;
  patch.at = static_cast<std::uint32_t>(bytes.size());
  patches.push_back(patch);
  bytes.resize(bytes.size() + patch.width);
}

void Image::append(const Image& other) {
  for (Patch patch : other.patches) {
    patch.at += static_cast<std::uint32_t>(bytes.size());
    patches.push_back(patch);
  }
  bytes.insert(bytes.end(), other.bytes.begin(), other.bytes.end());
}

std::size_t Image::bytes_max() const {
  std::size_t most = bytes.size();
  for (const Patch& patch : patches)
    if (patch.width == 0) most += kDecimalMax;
  return most;
}

std::size_t size_of(const Image& image, const RecordFacts& facts) {
  std::size_t size = image.bytes.size();
  for (const Patch& patch : image.patches)
    if (patch.width == 0) size += inserted_size(patch, facts);
  return size;
}

std::uint8_t* put_image(std::uint8_t* to, const Image& image, const RecordFacts& facts) {
  std::size_t from = 0;
  const auto copy_up_to = [&](std::size_t end) {
    if (end > from) std::memcpy(to, image.bytes.data() + from, end - from);
    to += end - from;
    from = end;
  };
  for (const Patch& patch : image.patches) {
    copy_up_to(patch.at);
    to = put_patch(to, patch, facts);
    from += patch.width;
  }
  copy_up_to(image.bytes.size());
  return to;
}

ByteVec made_of(const Image& image, const RecordFacts& facts) {
  ByteVec made(size_of(image, facts));
  put_image(made.data(), image, facts);
  return made;
}

}  // namespace ds
