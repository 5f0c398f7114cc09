#include "storm/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ds {
namespace {

TEST(Schedule, SpacesRecordsEvenlyEvenAt60MillionASecond) {
  const Schedule schedule = Schedule::steady(60e6);
  // A limiter that rounds 16.67 ns to 17 would be 20 ms late after a second.
  EXPECT_EQ(schedule.instant(0), 0);
  EXPECT_EQ(schedule.instant(60e6), kSecond);
  EXPECT_EQ(schedule.instant(60e6 * 3600), 3600 * kSecond);
  EXPECT_EQ(schedule.instant(8000), 133'333);
  EXPECT_DOUBLE_EQ(schedule.due(kSecond / 2), 30e6);
  EXPECT_FALSE(schedule.total());
}

TEST(Schedule, HasTheAreaOfItsParts) {
  struct Case {
    const char* text;
    double seconds;
    double total;
  };
  const Case cases[] = {
      {"10s@100k", 10, 1e6},
      {"10s@100k, 5s@0, 1s@1M", 16, 2e6},
      {"ramp 30s 100k..2M", 30, 31.5e6},
      {"ramp 10s 0..100, ramp 10s 100..0", 20, 1000},
      {"sine 60s 100k..2M every 20s", 60, 63e6},
      {"20s@100k, spike 1s@5M every 10s", 20, 18 * 1e5 + 2 * 5e6},
      {"500ms@2k", 0.5, 1000},
  };
  for (const auto& [text, seconds, total] : cases) {
    SCOPED_TRACE(text);
    const auto schedule = Schedule::parse(text);
    ASSERT_TRUE(schedule.ok()) << schedule.error().message;
    EXPECT_NEAR(static_cast<double>(*schedule->length()) / 1e9, seconds, 1e-9);
    EXPECT_NEAR(static_cast<double>(*schedule->total()), total, total * 0.001);
    // instant() is the inverse of due(), everywhere.
    for (int i = 1; i < 100; ++i) {
      const double record = total * i / 100;
      const auto at = schedule->instant(record);
      ASSERT_TRUE(at);
      EXPECT_NEAR(schedule->due(*at), record, total * 1e-6 + 1);
    }
    EXPECT_FALSE(schedule->instant(total * 1.01 + 2));
  }
}

TEST(Schedule, GoesOnForEverWithoutATime) {
  const auto schedule = Schedule::parse("1s@10, 100");
  ASSERT_TRUE(schedule.ok());
  EXPECT_FALSE(schedule->length());
  EXPECT_EQ(schedule->instant(10), kSecond);
  EXPECT_EQ(schedule->instant(110), 2 * kSecond);
  EXPECT_DOUBLE_EQ(schedule->rate(5 * kSecond), 100);
  EXPECT_FALSE(Schedule::steady(0).instant(0));
  EXPECT_EQ(Schedule::flat_out().instant(1e9), 0);
}

TEST(Schedule, RefusesInWordsWhatItDoesNotUnderstand) {
  for (const char* text :
       {"", "10s", "10s@", "@5", "ramp 30s", "ramp 30s 1..2 3", "ramp x 1..2", "sine 10s 1..2",
        "spike 1s@5M every 10s", "10s@1k, spike 11s@5M every 10s", "10s@1k, spike 5M every 10s",
        "100k, 10s@5", "10s@1k,,5s@2", "0s@5", "10s@-4", "walk 5s"}) {
    const auto schedule = Schedule::parse(text);
    ASSERT_FALSE(schedule.ok()) << text;
    EXPECT_EQ(schedule.error().code, ErrorCode::kUsage);
    EXPECT_FALSE(schedule.error().hint.empty());
  }
}

}  // namespace
}  // namespace ds
