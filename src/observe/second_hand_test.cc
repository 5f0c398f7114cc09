#include "observe/second_hand.h"

#include <gtest/gtest.h>

namespace ds {
namespace {

TEST(SecondHand, TellsEachSecondOnceHoweverLateOneAsks) {
  SecondHand hand(10'400);
  const struct {
    const char* what;
    std::int64_t now;
    SecondHand::Passed passed;
    std::int64_t open, until_next;
  } steps[] = {
      {"the first is not over", 10'999, {10'000, 0}, 10'000, 1},
      {"it is over", 11'000, {10'000, 1}, 11'000, 1000},
      {"asked twice", 11'002, {11'000, 0}, 11'000, 998},
      {"late by three", 14'700, {11'000, 3}, 14'000, 300},
      {"the clock was set back a little", 13'000, {14'000, 0}, 14'000, 1000},
      {"it is there again", 15'001, {14'000, 1}, 15'000, 999},
      {"it was set back far", 5'500, {5'000, 0}, 5'000, 500},
      {"and goes on", 6'000, {5'000, 1}, 6'000, 1000},
      {"the machine slept for an hour", 3'606'100, {3'605'000, 1}, 3'606'000, 900},
  };
  for (const auto& [what, now, passed, open, until_next] : steps) {
    SCOPED_TRACE(what);
    EXPECT_EQ(hand.passed(now), passed);
    EXPECT_EQ(hand.open_second(), open);
    EXPECT_EQ(hand.ms_until_next(now), until_next);
  }
}

}  // namespace
}  // namespace ds
