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
  EXPECT_TRUE(balance.look(counts(100, 100, 50)).ok);
  EXPECT_TRUE(balance.look(counts(200, 200, 209)).ok);
  for (int i = 0; i < 3; ++i) balance.look(counts(200, 200, 209));
  const auto missing = balance.look(counts(200, 200, 209));
  EXPECT_FALSE(missing.ok);
  EXPECT_EQ(missing.missing, 1u);
  const auto on = balance.look(counts(300, 300, 309));  // it moves again
  EXPECT_TRUE(on.ok);
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

}  // namespace
}  // namespace ds::cli
