#include "record/payload/image.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/random.h"
#include "base/varint.h"
#include "record/payload/drawn.h"

namespace ds {
namespace {

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

/// Up to seven bytes of a word, the lowest first.
void put_first(std::uint8_t* to, std::uint64_t word, std::size_t count) {
  for (; count > 0; --count, word >>= 8) *to++ = static_cast<std::uint8_t>(word);
}

std::uint8_t* put_noise(std::uint8_t* to, std::size_t width, const RecordFacts& facts) {
  for (std::size_t block = 0; width > 0; ++block) {
    const std::uint64_t mask = noise_mask(block, facts);
    const std::size_t bytes = std::min(width, kNoiseWords * 8);
    std::size_t i = 0;
    for (; 8 * i + 8 <= bytes; ++i) {
      const std::uint64_t word = kNoiseTable[i] ^ mask;
      std::memcpy(to + 8 * i, &word, 8);
    }
    if (const std::size_t rest = bytes - 8 * i; rest > 0)
      put_first(to + 8 * i, kNoiseTable[i] ^ mask, rest);
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
      put_uuid_dashes(to);
      put_uuid_digits(to, patch.salt, facts);
      return to + kUuidLength;
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
