// How fast each CRC-32C kernel is. 1 MiB: a producer's largest usual batch, just written and so in
// the cache; 100 KiB and 1 KiB: what smaller settings make of it.
#include <chrono>
#include <cstdio>

#include "kafka/wire/crc32c.h"

int main() {
  using Clock = std::chrono::steady_clock;
  for (const std::size_t size : {1u << 20, 100u << 10, 1u << 10}) {
    const ds::ByteVec bytes(size, 0x5a);
    for (const auto& kernel : ds::kafka::crc32c_kernels()) {
      if (!kernel.usable) continue;
      std::uint32_t crc = 0;
      const std::size_t turns = (400u << 20) / size;
      double best = 0;
      for (int repeat = 0; repeat < 5; ++repeat) {
        const auto start = Clock::now();
        for (std::size_t i = 0; i < turns; ++i) crc = kernel.extend(crc, bytes.data(), size);
        const std::chrono::duration<double> took = Clock::now() - start;
        best = std::max(best, static_cast<double>(turns * size) / took.count() / 1e9);
      }
      std::printf("crc32c %-8.*s %8zu bytes %6.1f GB/s (%08x)\n",
                  static_cast<int>(kernel.name.size()), kernel.name.data(), size, best, crc);
    }
  }
}
