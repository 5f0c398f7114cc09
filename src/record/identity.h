// Who a record is: the run it belongs to, its stream, and its number in the stream, without gaps.
// In a tweet it is the tweetId, a UUID version 8 (RFC 9562) of 36 characters:
//
//   rrrrrrrr-rrrr-8sss-Vsss-nnnnnnnnnnnn       V is 10ss in bits
//   run, 48 bits   stream, 26 bits  sequence, 48 bits
//
// so that within a batch only the last group changes. Other payloads carry the same 16 bytes in the
// header `ds-id`.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ds {

struct RecordId {
  std::uint64_t run = 0;       // 48 bits
  std::uint32_t stream = 0;    // 26 bits
  std::uint64_t sequence = 0;  // 48 bits

  bool operator==(const RecordId&) const = default;
  auto operator<=>(const RecordId&) const = default;
};

constexpr std::uint64_t kRunMax = (std::uint64_t{1} << 48) - 1;
constexpr std::uint32_t kStreamMax = (1u << 26) - 1;
constexpr std::uint64_t kSequenceMax = (std::uint64_t{1} << 48) - 1;
constexpr std::size_t kTweetIdLength = 36;
constexpr std::size_t kTweetIdPrefix =
    24;  // what all ids of a stream share, the last dash included

std::string to_tweet_id(const RecordId& id);
/// Strict: lower case, version 8, variant 10; nothing otherwise.
std::optional<RecordId> parse_tweet_id(std::string_view text);

std::array<std::uint8_t, 16> to_binary(const RecordId& id);
std::optional<RecordId> parse_binary_id(std::string_view bytes);

/// The twelve hex digits of a 48-bit number, as a run is shown and a sequence is patched.
void put_hex48(char* to, std::uint64_t value);
std::string run_name(std::uint64_t run);

}  // namespace ds
