#include "report/curves.h"

#include <gmock/gmock.h>

#include "base/clock.h"
#include "report/page.h"
#include "report/write.h"

namespace ds {
namespace {

using ::testing::HasSubstr;

/// Two shards, the second begins half a second later; 1,000 a second each, in steady state.
ClaimedRun two_shards() {
  ClaimedRun run;
  run.curves[{0, 0}] = {.shard = 0,
                        .part = 0,
                        .t_ms = {10'000, 11'000, 12'000, 14'000},
                        .scheduled = {0, 1000, 2000, 4000},
                        .delivered = {0, 900, 2000, 4000}};
  run.curves[{1, 0}] = {.shard = 1,
                        .part = 0,
                        .t_ms = {10'500, 11'500, 13'500},
                        .scheduled = {0, 1000, 3000},
                        .delivered = {0, 400, 2990}};
  return run;
}

TEST(Curves, AddUpTheShardsAndHaveTheirAreas) {
  const auto curves = curves_of(two_shards(), 500);
  ASSERT_TRUE(curves);
  EXPECT_EQ(7000u, curves->offered);
  EXPECT_EQ(6990u, curves->achieved);
  EXPECT_NEAR(-0.1429, curves->off_percent(curves->achieved), 1e-4);
  EXPECT_EQ(10'000, curves->began_ms);
  EXPECT_EQ(14'000, curves->ended_ms);
  ASSERT_EQ(8u, curves->points.size());
  EXPECT_NEAR(1000, curves->points[0].offered, 1e-9);
  EXPECT_NEAR(2000, curves->points[1].offered, 1e-9);
  EXPECT_NEAR(1000, curves->points[7].offered, 1e-9);
  double offered = 0, achieved = 0;
  for (const auto& point : curves->points) {
    offered += point.offered * 0.5;
    achieved += point.achieved * 0.5;
  }
  EXPECT_NEAR(7000, offered, 1e-6) << "what is drawn has the area that is told";
  EXPECT_NEAR(6990, achieved, 1e-6);
  EXPECT_EQ(650u, curves->behind_max) << "600 of the second shard, 50 of the first";
  EXPECT_EQ(11'500, curves->behind_max_ms);
}

TEST(Curves, NeverGoBackWhereAProcessCameBack) {
  ClaimedRun run;
  // The second process wrote over part 0; part 1 is the first one's.
  run.curves[{0, 0}] = {.t_ms = {0, 9000}, .scheduled = {0, 9000}, .delivered = {0, 9000}};
  run.curves[{0, 1}] = {
      .part = 1, .t_ms = {4000, 5000}, .scheduled = {4000, 5000}, .delivered = {3900, 4900}};
  const auto curves = curves_of(run, 1000);
  ASSERT_TRUE(curves);
  EXPECT_EQ(9000u, curves->offered);
  for (const auto& point : curves->points) EXPECT_GE(point.achieved, 0);
  EXPECT_FALSE(curves_of({}, 1000)) << "nothing where nothing is claimed";
}

TEST(Curves, ALongRunHasLongerIntervals) {
  ClaimedRun run;
  run.curves[{0, 0}] = {
      .t_ms = {0, 400'000'000}, .scheduled = {0, 4'000'000}, .delivered = {0, 4'000'000}};
  const auto curves = curves_of(run, 100);
  ASSERT_TRUE(curves);
  EXPECT_LE(curves->points.size(), 20'001u);
  EXPECT_NEAR(10, curves->points[5].offered, 1e-9);
}

/// 125 batches a second: 1,000 gaps of 8 ms, and those that are given besides.
ClaimedRun spaced(std::initializer_list<std::pair<Nanos, std::uint64_t>> others) {
  Histogram gaps;
  gaps.record(8 * kMillisecond, 1000);
  for (const auto& [gap, times] : others) gaps.record(gap, times);
  ClaimedRun run;
  run.spacings[0] = {.shard = 0, .wanted_us = 8000, .bars = spacing_bars(gaps)};
  return run;
}

TEST(Spacing, TellsHowManyAreNearWhatIsWanted) {
  const auto even = spacing_of(spaced({}));
  ASSERT_TRUE(even);
  EXPECT_EQ(1000u, even->gaps);
  EXPECT_NEAR(1, *even->near, 1e-9);
  EXPECT_NEAR(8000, even->p50_us, 8000 * 0.04);
  const auto stalled = spacing_of(spaced({{500 * kMillisecond, 1}, {1000, 249}}));
  EXPECT_NEAR(0.8, *stalled->near, 1e-9) << "a stall, and what was made up for it at once";
  EXPECT_NEAR(500'000, stalled->max_us, 500'000 * 0.04);
  double share = 0;
  for (const auto& bar : stalled->bars) share += bar.share;
  EXPECT_NEAR(1249.0 / 1250, share, 1e-9) << "all but the one beyond the drawing";
  EXPECT_FALSE(spacing_of({}));
}

TEST(Curves, AreOnThePageAndInTheFiles) {
  Report report{.topic = "tweets", .stored = 6990};
  report.curves = curves_of(two_shards(), 500);
  report.spacing = spacing_of(spaced({}));
  const auto charts = charts_of(report);
  const auto page = page_of(report, charts);
  ASSERT_TRUE(page);
  for (const char* words : {"data-chart=\"offered\"", "data-chart=\"spacing\"", "7,000", "-0.143 %",
                            "650 records", "100.0 %"})
    EXPECT_THAT(*page, HasSubstr(words));
}

}  // namespace
}  // namespace ds
