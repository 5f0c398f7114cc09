#include "kafka/wire/compression.h"

#include <gtest/gtest.h>
#include <snappy.h>

#include <string>

#include "base/random.h"

namespace ds::kafka {
namespace {

constexpr Compression kPacking[] = {Compression::kGzip, Compression::kSnappy, Compression::kLz4,
                                    Compression::kZstd};

/// Half of it repeats, half of it does not.
ByteVec mixed_bytes(std::size_t size) {
  ByteVec bytes(size);
  Random random(4);
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<std::uint8_t>(i / 64 % 2 == 0 ? i % 64 : random());
  return bytes;
}

TEST(Compression, GivesBackWhatWasPacked) {
  for (const Compression codec : kPacking) {
    const auto [min, max] = levels_of(codec);
    for (const std::size_t size : {0ul, 1ul, 100ul, 32'768ul, 32'769ul, 300'000ul}) {
      const ByteVec plain = mixed_bytes(size);
      for (const int level : {kDefaultLevel, min, max}) {
        if (level == 0 || (level == max && size > 100)) continue;  // the highest are slow
        SCOPED_TRACE(fmt::format("{} level {}, {} bytes", name_of(codec), level, size));
        ByteVec packed = {1, 2}, again = {3};
        ASSERT_TRUE(compress(codec, level, plain, packed).ok());
        EXPECT_EQ(packed[0], 1) << "it appends";
        const auto status = decompress(codec, ByteView(packed).subspan(2), size, again);
        ASSERT_TRUE(status.ok()) << status.error().message;
        EXPECT_EQ(again[0], 3) << "it appends";
        EXPECT_EQ(ByteVec(again.begin() + 1, again.end()), plain);
        if (size > 0) {
          EXPECT_FALSE(decompress(codec, ByteView(packed).subspan(2), size - 1, again).ok())
              << "one byte over the cap";
        }
      }
    }
  }
}

TEST(Compression, RefusesBombsBeforeTheyGoOff) {
  const ByteVec zeros(64 << 20, 0);
  for (const Compression codec : kPacking) {
    SCOPED_TRACE(std::string(name_of(codec)));
    ByteVec packed, out;
    ASSERT_TRUE(compress(codec, kDefaultLevel, zeros, packed).ok());
    const auto status = decompress(codec, packed, 1 << 20, out);
    ASSERT_FALSE(status.ok());
    EXPECT_NE(status.error().message.find("more than 1048576 bytes"), std::string::npos);
    EXPECT_LE(out.capacity(), 4u << 20);
  }
  // A raw snappy block may claim any size.
  ByteVec out;
  EXPECT_FALSE(decompress(Compression::kSnappy, from_hex("ffffffff07 00"), 1u << 31, out).ok());
  EXPECT_EQ(out.capacity(), 0u);
}

TEST(Compression, RefusesEveryPrefix) {
  const ByteVec plain = mixed_bytes(500);
  for (const Compression codec : kPacking) {
    ByteVec packed;
    ASSERT_TRUE(compress(codec, kDefaultLevel, plain, packed).ok());
    for (std::size_t size = 0; size < packed.size(); ++size) {
      ByteVec out;
      const auto status = decompress(codec, ByteView(packed).first(size), plain.size(), out);
      // A snappy stream is a row of frames: without any it is whole, and empty.
      if (codec == Compression::kSnappy && size == 16)
        EXPECT_TRUE(status.ok() && out.empty());
      else
        EXPECT_FALSE(status.ok()) << name_of(codec) << ' ' << size << " of " << packed.size();
    }
  }
}

TEST(Compression, RefusesWhatFollows) {
  const ByteVec plain = mixed_bytes(500);
  for (const Compression codec : kPacking) {
    ByteVec packed, out;
    ASSERT_TRUE(compress(codec, kDefaultLevel, plain, packed).ok());
    packed.push_back(0x5a);
    EXPECT_FALSE(decompress(codec, packed, 10'000, out).ok()) << name_of(codec);
  }
}

TEST(Compression, ReadsRawSnappyToo) {
  const ByteVec plain = mixed_bytes(70'000);
  std::string raw;
  snappy::Compress(as_text(plain).data(), plain.size(), &raw);
  ByteVec out;
  ASSERT_TRUE(decompress(Compression::kSnappy, as_bytes(raw), plain.size(), out).ok());
  EXPECT_EQ(out, plain);
}

TEST(Compression, SurvivesDamage) {
  const ByteVec plain = mixed_bytes(5'000);
  Random random(6);
  for (const Compression codec : kPacking) {
    ByteVec packed;
    ASSERT_TRUE(compress(codec, kDefaultLevel, plain, packed).ok());
    for (int i = 0; i < 500; ++i) {
      ByteVec damaged = packed, out;
      damaged[random.below(damaged.size())] = static_cast<std::uint8_t>(random());
      // Whether it is noticed is the codec's affair; what comes out stays under the cap.
      (void)decompress(codec, damaged, 10'000, out);
      ASSERT_LE(out.size(), 10'001u);
    }
  }
}

TEST(Compression, KnowsItsNamesAndLevels) {
  for (int i = 0; i < 5; ++i) {
    const auto codec = static_cast<Compression>(i);
    EXPECT_EQ(compression_named(name_of(codec)), codec);
  }
  EXPECT_FALSE(compression_named("brotli"));
  ByteVec out;
  const auto status = compress(Compression::kGzip, 10, {}, out);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().hint, "its levels are 1 to 9");
}

}  // namespace
}  // namespace ds::kafka
