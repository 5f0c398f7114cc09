// The codecs of a record batch: what lies after its header is one compressed block.
//
//   ByteVec packed, plain;
//   Status packing = compress(Compression::kLz4, kDefaultLevel, records, packed);
//   Status unpacking = decompress(Compression::kLz4, packed, bytes_max, plain);
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace ds::kafka {

/// The numbers are those in a batch's attributes.
enum class Compression : std::uint8_t { kNone = 0, kGzip = 1, kSnappy = 2, kLz4 = 3, kZstd = 4 };

/// Kafka's names: none, gzip, snappy, lz4, zstd.
std::string_view name_of(Compression codec);
std::optional<Compression> compression_named(std::string_view name);

/// The codec's own default: gzip 6, lz4 fast, zstd 3; snappy has no levels.
constexpr int kDefaultLevel = -1;
struct Levels {
  int min;
  int max;
};
/// What `level` may be besides kDefaultLevel; {0, 0} where there is nothing to choose.
Levels levels_of(Compression codec);

/// Appends the compressed form of `plain`, as Kafka's own producer frames it.
/// Threads: any; each call stands alone.
Status compress(Compression codec, int level, ByteView plain, ByteVec& out);

/// Appends the plain form; refuses, before allocating it, what would exceed `bytes_max` bytes.
/// Snappy is read both in xerial's frames (as Java and we write it) and raw (as some clients do).
Status decompress(Compression codec, ByteView packed, std::size_t bytes_max, ByteVec& out);

}  // namespace ds::kafka
