// Where Kafka's producers put a record that has a key: murmur2 of the key's bytes (Austin
// Appleby's, 32 bits, with Kafka's seed), without its sign, modulo the partitions. Whoever produces
// the same keys with Java's client, or with librdkafka's partitioner `murmur2`, hits the same
// partitions.
#pragma once

#include <cstdint>
#include <cstring>

#include "base/bytes.h"

namespace ds::kafka {

inline std::uint32_t murmur2(ByteView key) {
  constexpr std::uint32_t kMultiplier = 0x5bd1e995, kSeed = 0x9747b28c;
  const std::uint8_t* at = key.data();
  std::size_t left = key.size();
  std::uint32_t hash = kSeed ^ static_cast<std::uint32_t>(left);
  for (; left >= 4; left -= 4, at += 4) {
    std::uint32_t word =
        at[0] | std::uint32_t{at[1]} << 8 | std::uint32_t{at[2]} << 16 | std::uint32_t{at[3]} << 24;
    word *= kMultiplier;
    word ^= word >> 24;
    hash = (hash * kMultiplier) ^ (word * kMultiplier);
  }
  std::uint32_t rest = 0;
  for (std::size_t i = left; i-- > 0;) rest = rest << 8 | at[i];
  if (left > 0) hash = (hash ^ rest) * kMultiplier;
  hash = (hash ^ hash >> 13) * kMultiplier;
  return hash ^ hash >> 15;
}

inline std::int32_t partition_of_key(ByteView key, std::int32_t partitions) {
  return static_cast<std::int32_t>((murmur2(key) & 0x7fffffffu) %
                                   static_cast<std::uint32_t>(partitions));
}

}  // namespace ds::kafka
