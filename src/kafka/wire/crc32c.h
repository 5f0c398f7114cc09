// CRC-32C (Castagnoli), the checksum over every Kafka record batch.
//
//   std::uint32_t crc = crc32c(bytes);
//   crc = crc32c(crc, more);             // the same as over both, one after the other
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"

namespace ds::kafka {

/// Continues `crc`, the checksum of what came before (0: nothing). Cost: the fastest kernel that
/// this processor has, chosen once; measured 58 GB/s with AVX-512,
/// 29 with SSE4.2, 1.8 without (1 MiB in cache).
std::uint32_t crc32c(std::uint32_t crc, ByteView bytes);
inline std::uint32_t crc32c(ByteView bytes) {
  return crc32c(0, bytes);
}

/// One way to compute it. Tests and benchmarks hold them against each other.
struct Crc32cKernel {
  std::string_view name;
  bool usable;  // on this processor
  std::uint32_t (*extend)(std::uint32_t crc, const std::uint8_t* bytes, std::size_t size);
};

/// Fastest first; the last one is the portable table and always usable.
std::span<const Crc32cKernel> crc32c_kernels();

}  // namespace ds::kafka
