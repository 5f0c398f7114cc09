#include "storm/schedule.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <fstream>

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
  for (const char* text : {"",
                           "10s",
                           "10s@",
                           "@5",
                           "ramp 30s",
                           "ramp 30s 1..2 3",
                           "ramp x 1..2",
                           "sine 10s 1..2",
                           "spike 1s@5M every 10s",
                           "10s@1k, spike 11s@5M every 10s",
                           "10s@1k, spike 5M every 10s",
                           "100k, 10s@5",
                           "10s@1k,,5s@2",
                           "0s@5",
                           "10s@-4",
                           "walk 5s",
                           "walk 5s 10..1",
                           "poisson",
                           "walk 5s 1..2 every 0s",
                           "10s@5, poisson 5s@5",
                           "trace:",
                           "trace:/nowhere x2",
                           "trace:/nowhere 2",
                           "poisson poisson 5",
                           "10s@1000001M",
                           "ramp 1s 1..1000001M",
                           "10s@1k, spike 1s@1000001M every 2s"}) {
    const auto schedule = Schedule::parse(text);
    ASSERT_FALSE(schedule.ok()) << text;
    EXPECT_EQ(schedule.error().code, ErrorCode::kUsage);
    EXPECT_FALSE(schedule.error().hint.empty());
  }
}

TEST(Schedule, WalksBetweenItsEndsTheSameWayForTheSameSeed) {
  const auto text = "walk 200s 1k..3k every 500ms";
  const auto one = Schedule::parse(text, 7), again = Schedule::parse(text, 7),
             other = Schedule::parse(text, 8);
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(*one->length(), 200 * kSecond);
  double least = 1e9, most = 0, differs = 0, jump = 0;
  for (int i = 0; i < 2000; ++i) {
    const Nanos at = i * (kSecond / 10);
    const double rate = one->rate(at);
    EXPECT_EQ(rate, again->rate(at));
    differs += rate != other->rate(at);
    least = std::min(least, rate);
    most = std::max(most, rate);
    jump = std::max(jump, std::abs(one->rate(at + kSecond / 10) - rate));
  }
  EXPECT_GE(least, 1000);
  EXPECT_LE(most, 3000);
  EXPECT_GT(most - least, 500) << "it hardly moves";
  EXPECT_GT(differs, 1900);
  EXPECT_LE(jump, 0.2 * 2000 / 5 + 1e-6) << "a fifth of the span in a step of five looks";
}

/// What chance may do to arrivals, and what it may not.
TEST(Schedule, ArrivesAtRandomWithPoisson) {
  constexpr int kRecords = 100'000;
  const auto schedule = Schedule::parse("poisson 100s@1k", 3);
  ASSERT_TRUE(schedule.ok());
  EXPECT_EQ(schedule->total(), 100'000u);
  double sum = 0, squares = 0, short_gaps = 0;
  Nanos before = *schedule->instant(0);
  for (int i = 1; i < kRecords; ++i) {
    const auto at = schedule->instant(i);
    ASSERT_TRUE(at) << i;
    ASSERT_GE(*at, before) << i;
    const double gap = static_cast<double>(*at - before) / 1e6;  // ms; the mean is 1
    sum += gap;
    squares += gap * gap;
    short_gaps += gap < 0.1;
    before = *at;
    if (i % 997 == 0) {
      EXPECT_NEAR(schedule->due(*at), i, 1e-3);
    }
  }
  const double mean = sum / kRecords, variance = squares / kRecords - mean * mean;
  EXPECT_NEAR(mean, 1, 1e-3);  // the total is the schedule's
  EXPECT_NEAR(variance, 1, 0.05) << "gaps of a Poisson process are exponential";
  EXPECT_NEAR(short_gaps / kRecords, 1 - std::exp(-0.1), 0.005);
  // However long it runs, it is never off by more than a block.
  const auto endless = Schedule::parse("poisson 1M", 3);
  EXPECT_NEAR(endless->due(3600 * kSecond), 3600e6, Arrivals::kBlock);
}

TEST(Schedule, ArrivesInLotsOfABatch) {
  auto schedule = Schedule::parse("poisson ramp 10s 0..200k, 10s@200k", 5);
  ASSERT_TRUE(schedule.ok());
  schedule->arrive_in_lots(2000);
  double squares = 0;
  int gaps = 0;
  for (double record = 1e6; record < 2.99e6; record += 2000, ++gaps) {
    const double gap =
        static_cast<double>(*schedule->instant(record + 2000) - *schedule->instant(record)) / 1e7;
    squares += (gap - 1) * (gap - 1);
  }
  EXPECT_NEAR(std::sqrt(squares / gaps), 1 / std::sqrt(2000.0), 0.005);
  EXPECT_EQ(schedule->total(), 3'000'000u);
}

TEST(Schedule, PlaysATraceAgain) {
  const std::string path = ::testing::TempDir() + fmt::format("trace-{}.csv", ::getpid());
  const auto write = [&](const char* text) { std::ofstream(path) << text; };
  struct Case {
    const char* file;
    const char* more;
    double seconds, total, rate_at_1s;
  };
  const Case cases[] = {
      {"seconds,rate\n100,1000\n102,500\n110,0\n", "", 10, 6000, 1000},
      {"# a comment\n0 10\n\n2 20\n3 0\n", " x3", 3, 120, 30},
      {"5.0\n5.5\n5.5\n7.0\n", "", 2, 3, 4.0 / 3},
  };
  for (const auto& [file, more, seconds, total, rate] : cases) {
    SCOPED_TRACE(file);
    write(file);
    const auto schedule = Schedule::parse("trace:" + path + more);
    ASSERT_TRUE(schedule.ok()) << schedule.error().message;
    EXPECT_NEAR(static_cast<double>(*schedule->length()) / 1e9, seconds, 1e-9);
    EXPECT_NEAR(static_cast<double>(*schedule->total()), total, 1e-6);
    EXPECT_NEAR(schedule->rate(kSecond), rate, 1e-9);
  }
  struct Wrong {
    const char* file;
    const char* why;
  };
  const Wrong wrong[] = {{"", "no two lines"},
                         {"1,2\n", "no two lines"},
                         {"0,1\n1,x\n", ":2: is neither"},
                         {"0,1\n1\n", ":2: has not as many columns"},
                         {"0,1\n2,1\n1,1\n", ":3: its time is before"},
                         {"0,1\n1,-1\n", ":2: its rate is negative"},
                         {"0,1,2\n", ":1: is neither"}};
  for (const auto& [file, why] : wrong) {
    write(file);
    const auto schedule = Schedule::parse("trace:" + path);
    ASSERT_FALSE(schedule.ok()) << file;
    EXPECT_NE(schedule.error().message.find(why), std::string::npos) << schedule.error().message;
  }
  std::remove(path.c_str());
}

}  // namespace
}  // namespace ds
