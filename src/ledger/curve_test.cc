#include "ledger/curve.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "ledger/claim.h"

namespace ds {
namespace {

using Totals = std::vector<std::uint64_t>;
using Times = std::vector<std::int64_t>;

TEST(Curve, KeepsWhatMovesAndWhereItRested) {
  CurveKeeper keeper(7, 2);
  EXPECT_TRUE(keeper.changed().empty());
  keeper.sample(1000, 0, 0);
  keeper.sample(2000, 100, 90);
  for (std::int64_t t = 3000; t <= 9000; t += 1000) keeper.sample(t, 100, 100);
  keeper.sample(10000, 200, 150);
  const auto changed = keeper.changed();
  ASSERT_EQ(changed.size(), 1u);
  EXPECT_EQ(changed[0].t_ms, (Times{1000, 2000, 3000, 9000, 10000}));
  EXPECT_EQ(changed[0].scheduled, (Totals{0, 100, 100, 100, 200}));
  EXPECT_EQ(changed[0].delivered, (Totals{0, 90, 100, 100, 150}));
  keeper.published();
  EXPECT_TRUE(keeper.changed().empty());
  keeper.sample(11000, 200, 200);
  EXPECT_EQ(keeper.changed().size(), 1u);
}

TEST(Curve, GoesOnInPartsThatArePublishedOnce) {
  CurveKeeper keeper(7, 0);
  for (std::uint64_t i = 0; i < 600; ++i) keeper.sample(static_cast<std::int64_t>(i), i, i);
  EXPECT_EQ(keeper.changed().size(), 3u);
  keeper.published();
  keeper.sample(600, 600, 600);
  ASSERT_EQ(keeper.changed().size(), 1u);
  EXPECT_EQ(keeper.changed()[0].part, 2u);
}

TEST(Curve, TravelsAsAClaim) {
  RunClaim run;
  run.run = 0xa1b2c3d4e5;
  ClaimChanges changes;
  EXPECT_TRUE(changes.empty());
  changes.curves.push_back({.run = run.run,
                            .shard = 1,
                            .part = 0,
                            .t_ms = {1700000000000, 1700000001000},
                            .scheduled = {0, 5},
                            .delivered = {0, 4}});
  EXPECT_FALSE(changes.empty());
  ClaimBook book;
  const auto records = to_records(run, changes);
  for (const auto& [key, value] : records) {
    const auto added = book.add(key, value);
    ASSERT_TRUE(added.ok()) << added.error().message;
  }
  EXPECT_EQ(records.back().key, "run/00a1b2c3d4e5/curve/1/0");
  EXPECT_EQ(records.back().value,
            R"({"v":2,"run":"00a1b2c3d4e5","curve":1,"part":0,)"
            R"("t_ms":[1700000000000,1700000001000],"scheduled":[0,5],"delivered":[0,4]})");
  EXPECT_EQ(book.find(run.run)->curves.at({1, 0}), changes.curves[0]);
  EXPECT_FALSE(book.add("run/00a1b2c3d4e5/curve/1/1", records.back().value).ok());
  EXPECT_FALSE(book.add("run/00a1b2c3d4e5/curve/1/0",
                        R"({"v":2,"run":"00a1b2c3d4e5","curve":1,"part":0,"t_ms":[1],)"
                        R"("scheduled":[],"delivered":[]})")
                   .ok());
}

TEST(Spacing, TravelsAsAClaim) {
  Histogram gaps;
  for (Nanos gap = 1; gap < 60 * kSecond; gap += gap / 50 + 1) gaps.record(gap);
  RunClaim run{.run = 0xabc, .topic = "t"};
  ClaimChanges changes;
  changes.spacings.push_back(
      {.run = 0xabc, .shard = 3, .wanted_us = 8000, .bars = spacing_bars(gaps)});
  ClaimBook book;
  for (const ClaimRecord& record : to_records(run, changes)) {
    EXPECT_LT(record.value.size(), kClaimBytesMax) << "whatever was measured";
    ASSERT_TRUE(book.add(record.key, record.value));
  }
  EXPECT_EQ(changes.spacings[0], book.find(0xabc)->spacings.at(3));
  EXPECT_FALSE(book.add("run/000000000abc/spacing/4", to_records(run, changes)[1].value));
}

}  // namespace
}  // namespace ds
