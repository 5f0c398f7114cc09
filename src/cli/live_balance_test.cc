#include "cli/live_balance.h"

#include <gtest/gtest.h>

namespace ds::cli {
namespace {

Snapshot counts(std::uint64_t scheduled, std::uint64_t acknowledged, std::uint64_t stored) {
  Snapshot s;
  s.counters.scheduled = scheduled;
  s.counters.acknowledged = acknowledged;
  s.stored = stored;
  return s;
}

TEST(LiveBalance, BelievesADifferenceOnlyWhenNothingMoves) {
  LiveBalance balance(10);
  EXPECT_TRUE(balance.look(counts(100, 100, 50), 1 * kSecond).ok);
  EXPECT_TRUE(balance.look(counts(200, 200, 209), 2 * kSecond).ok);
  for (int i = 0; i < 100; ++i)  // whoever presses a button looks too
    EXPECT_TRUE(balance.look(counts(200, 200, 209), 3 * kSecond).ok);
  const auto missing = balance.look(counts(200, 200, 209), 5 * kSecond);
  EXPECT_FALSE(missing.ok);
  EXPECT_EQ(missing.missing, 1u);
  const auto on = balance.look(counts(300, 300, 309), 6 * kSecond);  // it moves again
  EXPECT_TRUE(on.ok);
}

TEST(LiveBalance, WhatIsUnderWayIsNotMissing) {
  LiveBalance balance(0);
  balance.look(counts(100, 100, 100), 1 * kSecond);
  EXPECT_TRUE(balance.look(counts(100, 100, 100), 9 * kSecond).ok);
  const auto started_again = balance.look(counts(2'100, 100, 100), 9 * kSecond);
  EXPECT_TRUE(started_again.ok) << started_again.text;
  Snapshot failed = counts(2'100, 100, 100);
  failed.counters.failed = 2'000;
  EXPECT_FALSE(balance.look(failed, 20 * kSecond).ok);
}

TEST(LiveBalance, SettlesEveryCase) {
  struct Case {
    const char* what;
    std::uint64_t scheduled, acknowledged, unknown, stored;
    bool ok;
    std::uint64_t missing, doubled;
  };
  const Case cases[] = {
      {"balanced, backlog included", 100, 100, 0, 110, true, 0, 0},
      {"one lost", 100, 100, 0, 109, false, 1, 0},
      {"one twice", 100, 100, 0, 111, false, 0, 1},
      {"unknown ones may be stored", 100, 90, 10, 105, false, 0, 0},
      {"or not", 100, 90, 10, 100, false, 0, 0},
      {"but not more than that", 100, 90, 10, 111, false, 0, 1},
      {"scheduled and never sent", 100, 90, 0, 100, false, 0, 0},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.what);
    Snapshot s = counts(each.scheduled, each.acknowledged, each.stored);
    s.counters.unknown = each.unknown;
    const auto shown = LiveBalance(10).settle(s);
    EXPECT_EQ(shown.ok, each.ok);
    EXPECT_EQ(shown.missing, each.missing);
    EXPECT_EQ(shown.doubled, each.doubled);
    EXPECT_FALSE(shown.text.empty());
  }
}

TEST(LiveBalance, WithoutAcknowledgementsWhatWasWrittenCounts) {
  Snapshot s = counts(100, 0, 100);
  s.acks = "0";
  s.counters.written = 100;
  const auto good = LiveBalance(0).settle(s);
  EXPECT_TRUE(good.ok) << good.text;
  EXPECT_EQ(good.text, "scheduled = written = stored: every tweet is accounted for");
  s.stored = 98;
  EXPECT_EQ(LiveBalance(0).settle(s).missing, 2u);
}

TEST(LiveBalance, AccusesNobodyOfWhatOthersMayHaveWritten) {
  LiveBalance balance(0);
  BalanceShown shown;
  for (int i = 0; i < 6; ++i) shown = balance.look(counts(100, 100, 150), i * kSecond);
  EXPECT_TRUE(shown.ok);
  EXPECT_EQ(shown.doubled, 0u);
  EXPECT_NE(shown.text.find("50 more are stored"), std::string::npos) << shown.text;
}

TEST(LiveBalance, TellsTwinsFromOthersByTheRowsThemselves) {
  struct Case {
    const char* what;
    std::uint64_t stored, lost, duplicated;
    bool ok;
    const char* says;
  };
  const Case cases[] = {
      {"others wrote", 160, 0, 0, true, "accounted for, and 60 that others wrote"},
      {"one came twice", 101, 0, 1, false, "1 tweets more"},
      {"one came twice among others", 160, 0, 1, false, "and 59 that others wrote"},
      {"others hide a loss", 160, 2, 0, false, "2 acknowledged tweets are not stored"},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.what);
    Verdict verdict;
    verdict.lost = each.lost;
    verdict.duplicated = each.duplicated;
    const auto shown = LiveBalance(0).settle(counts(100, 100, each.stored), verdict);
    EXPECT_EQ(shown.ok, each.ok);
    EXPECT_EQ(shown.missing, each.lost);
    EXPECT_EQ(shown.doubled, each.duplicated);
    EXPECT_NE(shown.text.find(each.says), std::string::npos) << shown.text;
  }
}

}  // namespace
}  // namespace ds::cli
