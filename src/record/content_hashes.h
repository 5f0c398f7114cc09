// content_hash() of sixteen values in lock step. One value's hash is a chain of multiplications
// that wait for each other, and where it ends is guessed wrong for every value of another length.
// With AVX-512 all sixteen go on together, as many steps as the longest has; else those four go
// together that are about as long.
#pragma once

#include <span>

#include "record/content_hash.h"

namespace ds {

/// So many bytes behind each value are read, too, and do not matter.
constexpr std::size_t kHashedBehind = 256;

/// Writes as many hashes as there are values.
void content_hashes(std::span<const ByteView> values, std::uint64_t* hashes);

namespace content {

constexpr std::size_t kTogether = 16;

/// How sixteen values of 16 bytes or more are hashed.
struct HashKernel {
  const char* name;
  bool usable;  // on this processor
  void (*hash)(const ByteView* values, std::uint64_t* hashes);
};
/// The best one first.
std::span<const HashKernel> hash_kernels();

}  // namespace content
}  // namespace ds
