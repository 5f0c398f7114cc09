// Variable-length integers: 7 bits a byte, low bits first, as Protobuf, Avro and Kafka write them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include "base/bytes.h"

namespace ds {

constexpr std::size_t kVarintBytesMax = 10;

constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

constexpr std::size_t varint_size(std::uint64_t value) {
  return static_cast<std::size_t>((std::bit_width(value | 1) + 6) / 7);
}

/// Writes at most kVarintBytesMax bytes; returns the place after the last one.
inline std::uint8_t* put_varint(std::uint8_t* to, std::uint64_t value) {
  while (value > 127) {
    *to++ = static_cast<std::uint8_t>(value | 128);
    value >>= 7;
  }
  *to++ = static_cast<std::uint8_t>(value);
  return to;
}
/// The first eight bytes of a varint that is filled up to `bytes` of them, the first one lowest.
/// Without a branch for each byte.
[[gnu::always_inline]] inline std::uint64_t varint_word(std::uint64_t value, std::size_t bytes) {
  constexpr std::uint64_t kMore = 0x8080808080808080;
  // Groups of seven bits apart: 28 and 28, then 14, then 7.
  std::uint64_t word = (value & 0x0fffffff) | (value & 0xfffffff0000000) << 4;
  word = (word & 0x00003fff00003fff) | (word & 0x0fffc0000fffc000) << 2;
  word = (word & 0x007f007f007f007f) | (word & 0x3f803f803f803f80) << 1;
  return word | (bytes > 8 ? kMore : kMore & ((std::uint64_t{1} << (8 * bytes - 8)) - 1));
}
/// A varint filled up to `bytes`, of which there are 1 to 10 and enough for it: a value's own
/// varint_size(), or more.
[[gnu::always_inline]] inline void put_varint_of(std::uint8_t* to, std::uint64_t value,
                                                 std::size_t bytes) {
  const std::uint64_t word = varint_word(value, bytes);
  const auto ends = [&]<typename Part>(Part first) {
    const auto last = static_cast<Part>(word >> (8 * (bytes - sizeof first)));
    std::memcpy(to, &first, sizeof first);
    std::memcpy(to + bytes - sizeof last, &last, sizeof last);
  };
  if (bytes > 8) {
    std::memcpy(to, &word, sizeof word);
    to[8] = static_cast<std::uint8_t>((value >> 56 & 127) | (bytes > 9 ? 128 : 0));
    if (bytes > 9) to[9] = static_cast<std::uint8_t>(value >> 63);
  } else if (bytes >= 4) {
    ends(static_cast<std::uint32_t>(word));
  } else if (bytes >= 2) {
    ends(static_cast<std::uint16_t>(word));
  } else {
    *to = static_cast<std::uint8_t>(word);
  }
}
inline std::uint8_t* put_zigzag(std::uint8_t* to, std::int64_t value) {
  return put_varint(to, zigzag(value));
}

/// Takes a varint off the front of `from`; nothing when it is cut short or longer than 64 bits.
inline std::optional<std::uint64_t> take_varint(ByteView& from) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < from.size() && i < kVarintBytesMax; ++i) {
    const std::uint64_t bits = from[i] & 127;
    if (i == 9 && bits > 1) return std::nullopt;
    value |= bits << (7 * i);
    if (from[i] < 128) {
      from = from.subspan(i + 1);
      return value;
    }
  }
  return std::nullopt;
}
/// The same between two pointers, which stay in registers: for loops over many small fields (spans
/// and optionals that go through memory cost four times as much there). False leaves `at` anywhere.
[[gnu::always_inline]] inline bool take_varint(const std::uint8_t*& at, const std::uint8_t* end,
                                               std::uint64_t& value) {
  if (end - at >= 2 && (at[0] & at[1] & 128) == 0) [[likely]] {
    // One byte or two, without a branch: lengths around 64 would be guessed wrong half the time.
    const std::uint64_t more = at[0] >> 7;
    value = (at[0] & 127u) | (at[1] * more) << 7;
    at += 1 + more;
    return true;
  }
  ByteView rest(at, end);
  const auto taken = take_varint(rest);
  at = rest.data();
  value = taken.value_or(0);
  return taken.has_value();
}
/// A zigzag varint from 0 to `max`.
[[gnu::always_inline]] inline bool take_size(const std::uint8_t*& at, const std::uint8_t* end,
                                             std::uint64_t max, std::uint64_t& value) {
  if (!take_varint(at, end, value) || (value & 1) != 0) return false;
  value >>= 1;
  return value <= max;
}
inline std::optional<std::int64_t> take_zigzag(ByteView& from) {
  const auto value = take_varint(from);
  if (!value) return std::nullopt;
  return unzigzag(*value);
}

}  // namespace ds
