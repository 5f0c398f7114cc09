#include "kafka/wire/crc32c.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>

#include "base/random.h"
#include "kafka/wire/crc32c_fold.h"

namespace ds::kafka {
namespace {

/// The definition, a bit at a time.
std::uint32_t by_the_book(std::uint32_t crc, ByteView bytes) {
  crc = ~crc;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
  }
  return ~crc;
}

ByteVec random_bytes(std::size_t size, std::uint64_t seed) {
  ByteVec bytes(size);
  Random random(seed);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

TEST(Crc32c, HasThePublishedValues) {
  ByteVec ascending(32);
  std::iota(ascending.begin(), ascending.end(), std::uint8_t{0});
  const ByteVec descending(ascending.rbegin(), ascending.rend());
  const ByteVec digits = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
  struct Case {
    const char* what;
    ByteVec bytes;
    std::uint32_t crc;
  };
  const Case cases[] = {
      // RFC 3720, appendix B.4, and the customary check value
      {"nothing", {}, 0},
      {"nine digits", digits, 0xe3069283},
      {"32 zeros", ByteVec(32, 0), 0x8a9136aa},
      {"32 ones", ByteVec(32, 0xff), 0x62a8ab43},
      {"ascending", ascending, 0x46dd794e},
      {"descending", descending, 0x113fdb5c},
  };
  for (const auto& [what, bytes, crc] : cases) EXPECT_EQ(crc32c(bytes), crc) << what;
}

TEST(Crc32c, EveryKernelAgreesWithTheDefinition) {
  const ByteVec bytes = random_bytes(60'000, 1);
  Random random(2);
  for (const Crc32cKernel& kernel : crc32c_kernels()) {
    if (!kernel.usable) continue;
    SCOPED_TRACE(std::string(kernel.name));
    for (std::size_t size = 0; size < 1200; ++size) {
      const ByteView part = ByteView(bytes).subspan(size % 67, size);
      ASSERT_EQ(kernel.extend(7, part.data(), size), by_the_book(7, part)) << size;
    }
    for (int i = 0; i < 100; ++i) {
      const ByteView part =
          ByteView(bytes).subspan(random.below(128), random.below(bytes.size() - 128));
      const auto before = static_cast<std::uint32_t>(random());
      ASSERT_EQ(kernel.extend(before, part.data(), part.size()), by_the_book(before, part));
    }
  }
}

TEST(Crc32c, GoesOnWhereItStopped) {
  const ByteVec bytes = random_bytes(5'000, 3);
  for (std::size_t cut = 0; cut <= bytes.size(); cut += 97) {
    const auto first = crc32c(ByteView(bytes).first(cut));
    EXPECT_EQ(crc32c(first, ByteView(bytes).subspan(cut)), crc32c(bytes)) << cut;
  }
}

TEST(Crc32cFold, SumsWhatWasWrittenInPiecesOfAnySize) {
  if (!Crc32cFold::usable()) GTEST_SKIP() << "needs a processor with AVX-512 and VPCLMULQDQ";
  const ByteVec bytes = random_bytes(20'000, 4);
  Random random(5);
  for (int i = 0; i < 300; ++i) {
    SCOPED_TRACE(i);
    const auto before = static_cast<std::uint32_t>(random());
    const std::uint8_t* const from = bytes.data() + random.below(64);
    const std::uint8_t* at = from + Crc32cFold::kTurn + random.below(600);
    Crc32cFold fold;
    fold.begin(before, {from, at});
    for (std::uint64_t pieces = random.below(6); pieces > 0; --pieces) {
      at += random.below(3000);
      fold.extend(at);
      ASSERT_LE(fold.at(), at);
      ASSERT_LT(at - fold.at(), static_cast<std::ptrdiff_t>(Crc32cFold::kTurn));
    }
    at += random.below(700);
    ASSERT_EQ(fold.finish(at), crc32c(before, {from, at}));
    ASSERT_EQ(fold.at(), nullptr);
  }
}

TEST(Crc32c, AKernelThatAlwaysWorksComesLast) {
  EXPECT_TRUE(crc32c_kernels().back().usable);
}

}  // namespace
}  // namespace ds::kafka
