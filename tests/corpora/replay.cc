// Feeds kept inputs to a fuzz target, without libFuzzer, as any compiler builds it: each file, each
// of its beginnings, and a fixed number of damaged copies from a printed seed.
//
//   TARGET_replay FOLDER
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "base/random.h"
#include "base/seed_for_test.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kDamagedCopies = 200;
constexpr std::size_t kBeginningsMax = 512;

using Bytes = std::vector<std::uint8_t>;

Bytes read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

/// A vector of its own, so that reading past the end is seen by a sanitizer.
void feed(Bytes bytes) {
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

void feed_damaged(const Bytes& whole, ds::Random& random) {
  for (std::size_t copy = 0; copy < kDamagedCopies; ++copy) {
    Bytes bytes = whole;
    for (std::uint64_t hurts = 1 + random.below(4); hurts > 0; --hurts)
      bytes[random.below(bytes.size())] = static_cast<std::uint8_t>(random.below(256));
    feed(std::move(bytes));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]), 2;
  const std::uint64_t seed = ds::seed_for_test(1);
  ds::Random random(seed);
  std::size_t files = 0, inputs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    const Bytes whole = read(entry.path());
    if (whole.empty()) continue;
    ++files;
    feed(whole);
    const std::size_t beginnings = std::min(whole.size(), kBeginningsMax);
    for (std::size_t n = 0; n < beginnings; ++n)
      feed(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)));
    feed_damaged(whole, random);
    inputs += 1 + beginnings + kDamagedCopies;
  }
  std::printf("SEED=%llu: %zu inputs of %zu files\n", static_cast<unsigned long long>(seed), inputs,
              files);
  return files > 0 ? 0 : 1;
}
