#include "sink/rollup_count.h"

#include <gmock/gmock.h>

#include <map>

namespace ds {
namespace {

using Counted = std::map<std::pair<std::string, Sentiment>, std::uint64_t>;

Counted counted(const RollupCount& rollup) {
  Counted all;
  rollup.each([&](std::uint32_t brand, Sentiment sentiment, std::uint64_t count) {
    const auto [at, is_new] = all.try_emplace({rollup.brand(brand), sentiment}, count);
    EXPECT_TRUE(is_new) << at->first.first;
    return true;
  });
  return all;
}

TEST(RollupCount, TakesOneSecond) {
  for (const auto& [first, next, takes] :
       {std::tuple<std::int64_t, std::int64_t, bool>{1'000, 1'999, true},
        {1'999, 1'000, true},
        {1'000, 2'000, false},
        {1'000, 999, false},
        {0, -1, false},
        {-1, -1'000, true},
        {-1, -1'001, false},
        {500, std::numeric_limits<std::int64_t>::min(), false},
        {500, std::numeric_limits<std::int64_t>::max(), false}}) {
    RollupCount rollup;
    EXPECT_TRUE(rollup.takes(next));
    rollup.add({}, first, "a", Sentiment::kPositive);
    EXPECT_EQ(rollup.takes(next), takes) << first << " then " << next;
    rollup.clear();
    EXPECT_TRUE(rollup.takes(next));
  }
}

TEST(RollupCount, CountsByBrandAndSentimentAndKnowsItsEnds) {
  RollupCount rollup;
  rollup.add({.offset = 7, .place = 107}, 5'250, "SuperCoffee", Sentiment::kNegative);
  rollup.add({.offset = 8, .place = 90}, 5'001, "Tea", Sentiment::kPositive);
  rollup.add({.offset = 11, .place = 42}, 5'999, "SuperCoffee", Sentiment::kNegative);
  EXPECT_EQ(counted(rollup), (Counted{{{"SuperCoffee", Sentiment::kNegative}, 2},
                                      {{"Tea", Sentiment::kPositive}, 1}}));
  EXPECT_EQ(rollup.records(), 3u);
  EXPECT_EQ(rollup.first().offset, 7);
  EXPECT_EQ(rollup.first().place, 107);
  EXPECT_EQ(rollup.last().offset, 11);
  EXPECT_EQ(rollup.last().place, 42);
  EXPECT_EQ(rollup.first_ms(), 5'250);
  EXPECT_EQ(rollup.second_ms(), 5'000);

  // The next begins with nothing, also of brands that it has seen.
  rollup.clear();
  EXPECT_TRUE(rollup.empty());
  EXPECT_TRUE(counted(rollup).empty());
  rollup.add({.offset = 12, .place = 12}, 6'000, "Tea", Sentiment::kNeutral);
  EXPECT_EQ(counted(rollup), (Counted{{{"Tea", Sentiment::kNeutral}, 1}}));
  EXPECT_EQ(rollup.first().offset, 12);
  EXPECT_EQ(rollup.second_ms(), 6'000);
}

TEST(RollupCount, EndsWhereItsVisitorCannotGoOn) {
  RollupCount rollup;
  for (const char* brand : {"a", "b", "c"}) rollup.add({}, 0, brand, Sentiment::kPositive);
  int visits = 0;
  EXPECT_FALSE(rollup.each([&](auto...) { return ++visits < 2; }));
  EXPECT_EQ(visits, 2);
}

}  // namespace
}  // namespace ds
