#include "observe/observer.h"

#include <gtest/gtest.h>

namespace ds {
namespace {

Snapshot at_second(int second, std::uint64_t per_second) {
  Snapshot s;
  const std::uint64_t done = per_second * static_cast<std::uint64_t>(second);
  s.counters = {.scheduled = done, .enqueued = done, .written = done, .acknowledged = done};
  s.stored = done;
  s.sentiment = {done / 2, done / 4, done / 4};
  s.by_brand["A"] = s.sentiment;
  s.now_ms = 1'700'000'000'000 + second * 1000;
  s.elapsed_s = second;
  return s;
}

TEST(Observer, ShowsTheLastFiveSecondsAndTheAverage) {
  Observer observer;
  Snapshot seen;
  std::vector<HistoryPoint> closed;
  for (int second = 0; second <= 20; ++second) {
    seen = observer.observe(at_second(second, 1000), second * kSecond,
                            {.cpu_seconds = second * 0.5, .rss_bytes = 7});
    closed = observer.close(second * 1000, 1);
  }
  EXPECT_DOUBLE_EQ(seen.rate.achieved, 1000);
  EXPECT_DOUBLE_EQ(seen.rate.average, 1000);
  EXPECT_DOUBLE_EQ(seen.cpu_cores, 0.5);
  ASSERT_EQ(closed.size(), 1u);
  EXPECT_EQ(closed[0].t, 20'000);
  EXPECT_EQ(closed[0].stored, 1000u);
  EXPECT_EQ(closed[0].sentiment.positive, 500u);
  EXPECT_EQ(closed[0].by_brand.at("A").negative, 250u);
  // Ten seconds of silence: the average sinks, the rate now is 0.
  for (int second = 21; second <= 30; ++second) {
    Snapshot s = at_second(20, 1000);
    s.elapsed_s = second;
    seen = observer.observe(s, second * kSecond, {});
  }
  EXPECT_DOUBLE_EQ(seen.rate.achieved, 0);
  EXPECT_NEAR(seen.rate.average, 666.7, 0.1);
}

TEST(Observer, WindowHoldsFiveMinutesAndNotWhatWasStoredBefore) {
  Observer observer;
  Snapshot seen;
  for (int second = 1000; second <= 1600; ++second) {
    observer.observe(at_second(second, 8), second * kSecond, {});
    observer.close(second * 1000, 1);
  }
  seen = observer.observe(at_second(1600, 8), 1600 * kSecond, {});
  EXPECT_EQ(seen.window.positive, 300u * 4);
  EXPECT_EQ(seen.window.negative, 300u * 2);
  EXPECT_DOUBLE_EQ(seen.window.score, 0.25);
}

TEST(Observer, ANewRunStartsFromZero) {
  Observer observer;
  observer.observe(at_second(100, 1000), 100 * kSecond, {});
  EXPECT_EQ(observer.close(0, 1).front().generated, 100'000u) << "the first look sees all of it";
  const auto seen = observer.observe(at_second(1, 1000), 101 * kSecond, {});
  EXPECT_EQ(observer.close(0, 1).front().generated, 1000u);
  EXPECT_GE(seen.rate.achieved, 0);
}

TEST(Observer, SpreadsWhatSeveralSecondsSawTogether) {
  Observer observer;
  observer.observe(at_second(0, 0), 0, {});
  EXPECT_TRUE(observer.close(5000, 0).empty());
  observer.observe(at_second(1, 11), kSecond, {});
  observer.observe(at_second(2, 11), 2 * kSecond, {});
  std::vector<std::int64_t> t;
  std::vector<std::uint64_t> stored, brand;
  for (const HistoryPoint& point : observer.close(5000, 4)) {
    t.push_back(point.t);
    stored.push_back(point.stored);
    brand.push_back(point.by_brand.at("A").positive);
  }
  EXPECT_EQ(t, (std::vector<std::int64_t>{5000, 6000, 7000, 8000}));
  EXPECT_EQ(stored, (std::vector<std::uint64_t>{6, 6, 5, 5}));
  EXPECT_EQ(brand, (std::vector<std::uint64_t>{3, 3, 3, 2}));
}

TEST(Observer, WhatWasThereBeforeIsNoGrowth) {
  Observer observer;
  Snapshot half = at_second(50, 100), whole = at_second(100, 100);
  half.baseline = true;
  observer.observe(half, 0, {});
  observer.observe(whole, kSecond, {});
  const Snapshot seen = observer.observe(at_second(101, 100), 2 * kSecond, {});
  EXPECT_EQ(observer.close(0, 1).front().stored, 100u);
  EXPECT_EQ(seen.window.positive, 50u);
  EXPECT_DOUBLE_EQ(seen.rate.achieved, 100);
}

TEST(Observer, TheAverageCountsFromWhenItWasLookedAt) {
  Observer observer;
  for (int second = 0; second <= 10; ++second) {
    Snapshot s;
    s.stored = 1'000'000 + static_cast<std::uint64_t>(second) * 50;
    s.baseline = second == 0;
    s.elapsed_s = second;
    const Snapshot seen = observer.observe(s, second * kSecond, {});
    if (second < 10) continue;
    EXPECT_DOUBLE_EQ(seen.rate.average, 45) << "the first whole look was at 1 s";
  }
}

}  // namespace
}  // namespace ds
