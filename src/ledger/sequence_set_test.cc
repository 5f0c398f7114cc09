#include "ledger/sequence_set.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace ds {
namespace {

TEST(SequenceSet, CountsTheSameInRangesAndInBits) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    SequenceSet::Budget many(1'000'000), few(random.below(3));
    SequenceSet ranges(many), bits(few);
    IntervalSet model, wanted;
    const std::uint64_t span = 1 + random.below(100'000);
    for (int i = 0; i < 400; ++i) {
      const std::uint64_t begin = random.below(span);
      const std::uint64_t longest = i % 50 == 0 ? 40'000 : 20;
      const Interval range{begin, begin + 1 + random.below(longest)};
      const std::uint64_t known = model.add(range);
      ASSERT_EQ(ranges.add(range), known);
      ASSERT_EQ(bits.add(range), known);
      wanted.add(random.below(span), random.below(span));
    }
    EXPECT_TRUE(bits.is_bits() || model.ranges() < 4);
    EXPECT_FALSE(ranges.is_bits());
    EXPECT_EQ(ranges.count(), model.count());
    EXPECT_EQ(bits.count(), model.count());
    std::uint64_t missing_of_ranges = 0, missing_of_bits = 0;
    ranges.each_missing(wanted, [&](Interval, std::uint64_t n) { missing_of_ranges += n; });
    bits.each_missing(wanted, [&](Interval range, std::uint64_t n) {
      missing_of_bits += n;
      EXPECT_EQ(n, range.size() - model.count_in(range));
    });
    EXPECT_EQ(missing_of_ranges, wanted.minus(model).count());
    EXPECT_EQ(missing_of_bits, missing_of_ranges);
    for (int i = 0; i < 200; ++i) {
      const std::uint64_t begin = random.below(span), end = begin + random.below(30'000);
      EXPECT_EQ(bits.count_in({begin, end}), model.count_in({begin, end}));
      EXPECT_EQ(bits.contains(begin), model.contains(begin));
    }
  }
}

}  // namespace
}  // namespace ds
