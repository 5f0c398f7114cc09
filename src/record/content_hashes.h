// The content_hash() of bytes, of many values at a time.
//
//   hash(value) = fold(sum of all stripes' words, size)
//   word's part = (w + k mod 2^32) * ((w + k) div 2^32) + w   mod 2^64
//
// A stripe is eight words of 64 bits; the last one holds the value's last 64 bytes again, or all of
// a shorter value and zeros. Each place has a key k of its own, so words that change places change
// the sum. No word waits for another's product, as in a chain, and eight go in one register.
#pragma once

#include <span>

#include "record/content_hash.h"

namespace ds {

/// So many bytes behind each value are read, too, and do not matter.
constexpr std::size_t kHashedBehind = 256;

/// Writes as many hashes as there are values.
void content_hashes(std::span<const ByteView> values, std::uint64_t* hashes);

namespace content {

constexpr std::size_t kTogether = 32;

/// How kTogether values are hashed.
struct HashKernel {
  const char* name;
  bool usable;  // on this processor
  void (*hash)(const ByteView* values, std::uint64_t* hashes);
};
/// The best one first.
std::span<const HashKernel> hash_kernels();

}  // namespace content
}  // namespace ds
