#include "record/identity.h"

#include <cstring>

namespace ds {
namespace {

/// "000102…ff": two digits a byte.
constexpr auto kHexPairs = [] {
  std::array<char, 512> pairs{};
  constexpr char kDigits[] = "0123456789abcdef";
  for (std::size_t i = 0; i < 256; ++i) {
    pairs[2 * i] = kDigits[i >> 4];
    pairs[2 * i + 1] = kDigits[i & 15];
  }
  return pairs;
}();

constexpr std::size_t kDashes[] = {8, 13, 18, 23};
constexpr std::size_t kDigits[] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};

constexpr auto kNibbles = [] {
  std::array<std::int8_t, 256> values{};
  for (auto& value : values) value = -1;
  for (int i = 0; i < 10; ++i)
    values[static_cast<std::size_t>('0' + i)] = static_cast<std::int8_t>(i);
  for (int i = 0; i < 6; ++i)
    values[static_cast<std::size_t>('a' + i)] = static_cast<std::int8_t>(10 + i);
  return values;
}();

}  // namespace

void put_hex48(char* to, std::uint64_t value) {
  for (int i = 0; i < 6; ++i)
    std::memcpy(to + 2 * i, kHexPairs.data() + 2 * ((value >> (40 - 8 * i)) & 255), 2);
}

std::string run_name(std::uint64_t run) {
  std::string name(12, '0');
  put_hex48(name.data(), run);
  return name;
}

std::array<std::uint8_t, 16> to_binary(const RecordId& id) {
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < 6; ++i) bytes[i] = static_cast<std::uint8_t>(id.run >> (40 - 8 * i));
  bytes[6] = static_cast<std::uint8_t>(0x80 | (id.stream >> 22 & 0x0f));
  bytes[7] = static_cast<std::uint8_t>(id.stream >> 14);
  bytes[8] = static_cast<std::uint8_t>(0x80 | (id.stream >> 8 & 0x3f));
  bytes[9] = static_cast<std::uint8_t>(id.stream);
  for (std::size_t i = 0; i < 6; ++i)
    bytes[10 + i] = static_cast<std::uint8_t>(id.sequence >> (40 - 8 * i));
  return bytes;
}

std::optional<RecordId> parse_binary_id(std::string_view bytes) {
  if (bytes.size() != 16) return std::nullopt;
  const auto at = [&](std::size_t i) {
    return static_cast<std::uint64_t>(static_cast<std::uint8_t>(bytes[i]));
  };
  if ((at(6) & 0xf0) != 0x80 || (at(8) & 0xc0) != 0x80) return std::nullopt;
  RecordId id;
  for (std::size_t i = 0; i < 6; ++i) id.run = id.run << 8 | at(i);
  id.stream =
      static_cast<std::uint32_t>((at(6) & 0x0f) << 22 | at(7) << 14 | (at(8) & 0x3f) << 8 | at(9));
  for (std::size_t i = 10; i < 16; ++i) id.sequence = id.sequence << 8 | at(i);
  return id;
}

std::string to_tweet_id(const RecordId& id) {
  std::string text;
  text.reserve(kTweetIdLength);
  const auto bytes = to_binary(id);
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text.append(kHexPairs.data() + 2 * bytes[i], 2);
  }
  return text;
}

std::optional<RecordId> parse_tweet_id(std::string_view text) {
  if (text.size() != kTweetIdLength) return std::nullopt;
  for (const std::size_t dash : kDashes)
    if (text[dash] != '-') return std::nullopt;
  // A wrong digit is -1, whose sign survives the or.
  std::array<char, 16> bytes{};
  int wrong = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = kNibbles[static_cast<std::uint8_t>(text[kDigits[i]])];
    const int low = kNibbles[static_cast<std::uint8_t>(text[kDigits[i] + 1])];
    wrong |= high | low;
    bytes[i] = static_cast<char>(high << 4 | low);
  }
  if (wrong < 0) return std::nullopt;
  return parse_binary_id({bytes.data(), bytes.size()});
}

}  // namespace ds
