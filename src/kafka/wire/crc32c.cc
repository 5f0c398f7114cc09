#include "kafka/wire/crc32c.h"

#include <array>

#include "base/check.h"
#include "kafka/wire/crc32c_fold.h"
#include "kafka/wire/crc32c_kernels.h"

namespace ds::kafka {
namespace crc {
namespace {

// Slicing by eight: kTables[k][b] is the effect of byte b seen k bytes before the last.
constexpr auto kTables = [] {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ kPolynomial : crc >> 1;
    tables[0][byte] = crc;
  }
  for (std::size_t k = 1; k < 8; ++k)
    for (std::size_t byte = 0; byte < 256; ++byte)
      tables[k][byte] = tables[k - 1][byte] >> 8 ^ tables[0][tables[k - 1][byte] & 255];
  return tables;
}();

std::uint64_t load_le(const std::uint8_t* from) {
  std::uint64_t value;
  std::memcpy(&value, from, sizeof value);
  return std::endian::native == std::endian::little ? value : swap_bytes(value);
}

}  // namespace

std::uint32_t extend_table(std::uint32_t crc, const std::uint8_t* bytes, std::size_t size) {
  for (; size >= 8; size -= 8, bytes += 8) {
    const std::uint64_t word = load_le(bytes) ^ crc;
    crc = 0;
    for (std::size_t k = 0; k < 8; ++k) crc ^= kTables[7 - k][word >> (8 * k) & 255];
  }
  for (; size > 0; --size) crc = crc >> 8 ^ kTables[0][(crc ^ *bytes++) & 255];
  return crc;
}

}  // namespace crc

namespace {

template <auto kExtend>
std::uint32_t inverted(std::uint32_t crc, const std::uint8_t* bytes, std::size_t size) {
  return ~kExtend(~crc, bytes, size);
}

const Crc32cKernel* usable_kernel() {
  for (const Crc32cKernel& kernel : crc32c_kernels())
    if (kernel.usable) return &kernel;
  return nullptr;  // the table is always usable
}

}  // namespace

std::span<const Crc32cKernel> crc32c_kernels() {
  static const Crc32cKernel kernels[] = {
#if defined(__x86_64__)
    {"avx512",
     __builtin_cpu_supports("vpclmulqdq") && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("pclmul") &&
         __builtin_cpu_supports("sse4.2"),
     inverted<crc::extend_avx512>},
    {"sse4.2", __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"),
     inverted<crc::extend_sse42>},
#endif
    {"table", true, inverted<crc::extend_table>},
  };
  return kernels;
}

std::uint32_t crc32c(std::uint32_t crc, ByteView bytes) {
  static const Crc32cKernel* const kernel = usable_kernel();
  return kernel->extend(crc, bytes.data(), bytes.size());
}

bool Crc32cFold::usable() {
  return crc32c_kernels().front().name == "avx512" && crc32c_kernels().front().usable;
}

#if !defined(__x86_64__)
void Crc32cFold::begin(std::uint32_t, ByteView) {
  check(false, "not usable");
}
void Crc32cFold::extend(const std::uint8_t*) {
  check(false, "not usable");
}
std::uint32_t Crc32cFold::finish(const std::uint8_t*) {
  check(false, "not usable");
  return 0;
}
#endif

}  // namespace ds::kafka
