#include "observe/flux_history.h"

#include <gtest/gtest.h>

namespace ds {
namespace {

TEST(FluxHistory, AsksForSumsByStepAndSentiment) {
  const FluxHistory history({.url = "http://x"}, "brand\"${pulse}");
  const HistorySpan span{"5m", 1'000, 3'000, 1'000};
  EXPECT_EQ(history.question(span, "A\"B"),
            R"(from(bucket: "brand\"\${pulse}")
  |> range(start: time(v: 1000000000), stop: time(v: 3000000000))
  |> filter(fn: (r) => r._measurement == "tweets" and r._field == "count" and r.brand == "A\"B")
  |> group(columns: ["sentiment"])
  |> aggregateWindow(every: 1000ms, fn: sum, createEmpty: false, timeSrc: "_start")
  |> map(fn: (r) => ({sentiment: r.sentiment, t: int(v: r._time) / 1000000, count: r._value}))
)");
}

TEST(FluxHistory, IsMergedStepByStep) {
  HistoryColumns own{.range = "5m",
                     .t = {2, 3},
                     .positive = {9, 9},
                     .negative = {9, 9},
                     .neutral = {9, 9},
                     .generated = {20, 30},
                     .stored = {27, 27}};
  HistoryColumns store{.t = {1, 3},
                       .positive = {1, 4},
                       .negative = {2, 5},
                       .neutral = {3, 6},
                       .generated = {0, 0},
                       .stored = {6, 15}};
  const HistoryColumns all = merged(own, store);
  EXPECT_EQ(all.t, (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(all.positive, (std::vector<std::uint64_t>{1, 0, 4}));
  EXPECT_EQ(all.stored, (std::vector<std::uint64_t>{6, 0, 15})) << "what the store says counts";
  EXPECT_EQ(all.generated, (std::vector<std::uint64_t>{0, 20, 30}));
}

}  // namespace
}  // namespace ds
