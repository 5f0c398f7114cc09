#include "base/interval_set.h"

#include <gtest/gtest.h>

#include <set>

#include "base/random.h"

namespace ds {
namespace {

TEST(IntervalSet, CountsWhatWasThereAlready) {
  IntervalSet set;
  EXPECT_EQ(set.add(0, 10), 0u);
  EXPECT_EQ(set.add(10, 20), 0u);  // touches: one range
  EXPECT_EQ(set.ranges(), 1u);
  EXPECT_EQ(set.add(30, 40), 0u);
  EXPECT_EQ(set.add(15, 35), 10u);  // 15-19 and 30-34
  EXPECT_EQ(set.intervals(), (std::vector<Interval>{{0, 40}}));
  EXPECT_EQ(set.add(5, 5), 0u);
}

TEST(IntervalSet, HoldsARangeOnlyWhole) {
  IntervalSet set;
  set.add(10, 20);
  set.add(25, 30);
  for (const Interval held : {Interval{10, 20}, {10, 11}, {19, 20}, {25, 30}})
    EXPECT_TRUE(set.contains(held.begin, held.end)) << held.begin << ' ' << held.end;
  for (const Interval other : {Interval{9, 11}, {15, 21}, {19, 26}, {20, 21}, {0, 5}, {30, 31}})
    EXPECT_FALSE(set.contains(other.begin, other.end)) << other.begin << ' ' << other.end;
}

TEST(IntervalSet, NamesWhatIsMissing) {
  IntervalSet claimed, found;
  claimed.add(0, 100);
  found.add(0, 7);
  found.add(8, 50);
  found.add(60, 200);
  EXPECT_EQ(claimed.minus(found).intervals(), (std::vector<Interval>{{7, 8}, {50, 60}}));
  EXPECT_EQ(found.minus(claimed).intervals(), (std::vector<Interval>{{100, 200}}));
  EXPECT_TRUE(claimed.minus(claimed).empty());
  EXPECT_EQ(claimed.minus(IntervalSet()), claimed);
}

TEST(IntervalSet, AgreesWithAPlainSetOnRandomRanges) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    IntervalSet ranges[2];
    std::set<std::uint64_t> plain[2];
    for (int step = 0; step < 40; ++step) {
      const auto which = random.below(2), begin = random.below(100), end = begin + random.below(12);
      std::uint64_t doubled = 0;
      for (auto v = begin; v < end; ++v) doubled += plain[which].insert(v).second ? 0 : 1;
      ASSERT_EQ(ranges[which].add(begin, end), doubled) << "seed " << seed;
      ASSERT_EQ(ranges[which].count(), plain[which].size()) << "seed " << seed;
    }
    const IntervalSet difference = ranges[0].minus(ranges[1]);
    for (std::uint64_t v = 0; v < 120; ++v) {
      ASSERT_EQ(ranges[0].contains(v), plain[0].contains(v)) << "seed " << seed;
      ASSERT_EQ(difference.contains(v), plain[0].contains(v) && !plain[1].contains(v))
          << "seed " << seed << " value " << v;
    }
  }
}

}  // namespace
}  // namespace ds
