// What the ledger sums over a record. The sum over a set of records does not depend on their order,
// and costs the storm one multiplication a record:
//
//   hash(record) = (content(text, brand, sentiment) + time(timestamp)) * weight(sequence)  mod 2^64
//   weight(sequence) = low[sequence mod 256] * high(sequence div 256), both odd
//
// The content's part is known for each text of the pool before the storm begins; the time's is the
// batch's. A weight is odd, so one record that says something else always changes the sum (unless
// two contents collide in 64 bits); weights differ, so contents that change places do too. Run and
// stream are not in it: a sum belongs to one stream of one run.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/bytes.h"
#include "base/random.h"

namespace ds {

/// How many records of a kind, and the sum of their hashes.
struct KindSum {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;

  void add(const KindSum& other) {
    count += other.count;
    sum += other.sum;
  }
  bool operator==(const KindSum&) const = default;
};

namespace content {

constexpr std::uint64_t kFold = 0x9fb21c651e98df25ULL, kOther = 0xd6e8feb86659fd93ULL;

/// Both halves of the 128-bit product: each input bit moves all output bits.
inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}
inline std::uint64_t eight(const char* from) {
  std::uint64_t word;
  std::memcpy(&word, from, 8);
  return word;
}

/// Cost: a multiplication for 16 bytes; what is left is read once more from the end.
inline std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed) {
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t h = seed ^ (kFold * (left + 1));
  for (; left > 16; left -= 16, at += 16) h = fold(eight(at) ^ kOther, eight(at + 8) ^ h);
  std::uint64_t a = 0, b = 0;
  if (bytes.size() >= 8) {
    // The last eight bytes hold what is left, so that no branch depends on how much that is.
    const char* const last = at + left - 8;
    const bool is_large = left >= 8;
    a = eight(is_large ? at : last) >> (is_large ? 0 : 64 - 8 * left);
    b = is_large ? eight(last) : 0;
  } else {
    std::memcpy(&a, at, left);
  }
  return fold(fold(a ^ kOther, b ^ h) ^ kFold, h ^ kOther);
}

constexpr std::uint64_t kWeightSeed = 0x5eed0fda7a5703aaULL;

}  // namespace content

/// The weights of 256 sequence numbers, twice, so that 256 in a row can begin anywhere.
inline constexpr auto kLowWeights = [] {
  std::array<std::uint64_t, 512> weights{};
  for (std::size_t i = 0; i < weights.size(); ++i)
    weights[i] = random_at(content::kWeightSeed, i % 256) | 1;
  return weights;
}();
constexpr std::uint64_t high_weight(std::uint64_t sequence) {
  return random_at(~content::kWeightSeed, sequence >> 8) | 1;
}

/// Of a tweet's brand and sentiment; the same for all records of a kind.
inline std::uint64_t kind_hash(std::string_view brand, std::string_view sentiment) {
  return content::hash_bytes(sentiment, content::hash_bytes(brand, content::kFold));
}
inline std::uint64_t content_hash(std::string_view text, std::uint64_t kind) {
  return content::hash_bytes(text, kind);
}
/// Of a payload that is bytes to us; content_hashes.h takes many at a time.
std::uint64_t content_hash(ByteView value);
constexpr std::uint64_t time_hash(std::int64_t timestamp_ms) {
  return mix_bits(static_cast<std::uint64_t>(timestamp_ms) + content::kFold);
}
constexpr std::uint64_t record_hash(std::uint64_t content, std::uint64_t time,
                                    std::uint64_t sequence) {
  return (content + time) * kLowWeights[sequence & 255] * high_weight(sequence);
}

}  // namespace ds
