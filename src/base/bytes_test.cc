#include "base/bytes.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/random.h"
#include "base/varint.h"

namespace ds {
namespace {

TEST(Bytes, BigEndianAndHexAgree) {
  std::uint8_t bytes[8];
  store_be<std::int64_t>(bytes, 0x0102030405060708);
  EXPECT_EQ(to_hex(bytes), "0102030405060708");
  EXPECT_EQ(load_be<std::int64_t>(bytes), 0x0102030405060708);
  store_be<std::int16_t>(bytes, -2);
  EXPECT_EQ(to_hex(ByteView(bytes).first(2)), "fffe");
  EXPECT_EQ(from_hex("ff FE\n00"), (ByteVec{0xff, 0xfe, 0}));
}

TEST(Varint, HasTheKnownBytes) {
  struct Case {
    std::int64_t value;
    const char* bytes;
  };
  const Case cases[] = {{0, "00"},
                        {-1, "01"},
                        {1, "02"},
                        {63, "7e"},
                        {-64, "7f"},
                        {64, "8001"},
                        {300, "d804"},
                        {8191, "fe7f"},
                        {8192, "808001"},
                        {std::numeric_limits<std::int64_t>::min(), "ffffffffffffffffff01"},
                        {std::numeric_limits<std::int64_t>::max(), "feffffffffffffffff01"}};
  for (const auto& [value, bytes] : cases) {
    SCOPED_TRACE(value);
    std::uint8_t out[kVarintBytesMax];
    const auto end = put_zigzag(out, value);
    EXPECT_EQ(to_hex({out, end}), bytes);
    EXPECT_EQ(varint_size(zigzag(value)), static_cast<std::size_t>(end - out));
    ByteView in(out, end);
    EXPECT_EQ(take_zigzag(in), value);
    EXPECT_TRUE(in.empty());
  }
}

TEST(Varint, RefusesWhatIsCutShortOrTooLong) {
  for (const char* hex :
       {"", "80", "ffffffffffffffffff", "ffffffffffffffffff02", "ffffffffffffffffffff01"}) {
    const ByteVec bytes = from_hex(hex);
    ByteView in(bytes);
    EXPECT_FALSE(take_varint(in)) << hex;
  }
}

TEST(Random, IsAPureFunctionOfSeedAndPlace) {
  Random walk(42);
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_EQ(walk(), random_at(42, i));
  EXPECT_EQ(Random(42, 57)(), random_at(42, 57));
  EXPECT_NE(random_at(42, 0), random_at(43, 0));
  Random bounded(7);
  std::uint64_t seen[6] = {};
  for (int i = 0; i < 60000; ++i) ++seen[bounded.below(6)];
  for (auto n : seen) EXPECT_NEAR(static_cast<double>(n), 10000, 500);
}

}  // namespace
}  // namespace ds
