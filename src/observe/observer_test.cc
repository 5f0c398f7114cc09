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
  s.now_ms = 1'700'000'000'000 + second * 1000;
  s.elapsed_s = second;
  return s;
}

TEST(Observer, ShowsTheLastFiveSecondsAndTheAverage) {
  Observer observer;
  Observation seen;
  for (int second = 0; second <= 20; ++second)
    seen = observer.observe(at_second(second, 1000), second * kSecond,
                            {.cpu_seconds = second * 0.5, .rss_bytes = 7});
  EXPECT_DOUBLE_EQ(seen.snapshot.rate.achieved, 1000);
  EXPECT_DOUBLE_EQ(seen.snapshot.rate.average, 1000);
  EXPECT_DOUBLE_EQ(seen.snapshot.cpu_cores, 0.5);
  EXPECT_EQ(seen.point.stored, 1000u);
  EXPECT_EQ(seen.point.positive, 500u);
  // Ten seconds of silence: the average sinks, the rate now is 0.
  for (int second = 21; second <= 30; ++second) {
    Snapshot s = at_second(20, 1000);
    s.elapsed_s = second;
    seen = observer.observe(s, second * kSecond, {});
  }
  EXPECT_DOUBLE_EQ(seen.snapshot.rate.achieved, 0);
  EXPECT_NEAR(seen.snapshot.rate.average, 666.7, 0.1);
}

TEST(Observer, WindowHoldsFiveMinutesAndNotWhatWasStoredBefore) {
  Observer observer;
  Observation seen;
  for (int second = 1000; second <= 1600; ++second)
    seen = observer.observe(at_second(second, 8), second * kSecond, {});
  EXPECT_EQ(seen.snapshot.window.positive, 300u * 4);
  EXPECT_EQ(seen.snapshot.window.negative, 300u * 2);
  EXPECT_DOUBLE_EQ(seen.snapshot.window.score, 0.25);
}

TEST(Observer, ANewRunStartsFromZero) {
  Observer observer;
  observer.observe(at_second(100, 1000), 100 * kSecond, {});
  const auto seen = observer.observe(at_second(1, 1000), 101 * kSecond, {});
  EXPECT_EQ(seen.point.generated, 1000u);
  EXPECT_GE(seen.snapshot.rate.achieved, 0);
}

}  // namespace
}  // namespace ds
