#include "ledger/reading_check.h"

#include <gmock/gmock.h>

#include <functional>

namespace ds {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ReadingRun seven_sensors() {
  return {.producers = 7,
          .first_producer = 100,
          .rate = 333,
          .distribution = *parse_distribution("drift:1,0.5,2"),
          .seed = 9,
          .started_ms = 1'700'000'000'000,
          .ended_ms = 1'700'000'010'000};
}

ClaimedRun claimed_of(const ReadingRun& run, std::uint64_t acknowledged) {
  ClaimedRun claimed;
  claimed.run.run = 5;
  run.put_into(claimed.run);
  StreamClaim all{.run = 5, .stream = 0};
  all.acknowledged.add(0, acknowledged);
  claimed.streams.emplace(0, all);
  return claimed;
}

/// A stage that holds what it is given.
struct Held final : StageReader {
  std::vector<Reading> readings;
  std::string stage() const override { return "test"; }
  Status read(StageVisitor& visitor) override {
    for (const Reading& each : readings) visitor.reading(each);
    return Done{};
  }
};

Held all_of(const ReadingRun& run, std::uint64_t count) {
  Held held;
  for (std::uint64_t i = 0; i < count; ++i) held.readings.push_back(run.reading(i));
  return held;
}

TEST(ReadingRun, ComesBackFromItsClaim) {
  const ReadingRun run = seven_sensors();
  RunClaim claim;
  run.put_into(claim);
  const auto back = ReadingRun::from(claim);
  ASSERT_TRUE(back);
  for (const std::uint64_t number : {0u, 1u, 6u, 7u, 1000u}) {
    EXPECT_EQ(run.reading(number), back->reading(number));
    const Reading reading = run.reading(number);
    EXPECT_EQ(number, run.number_of(reading.producer_id, reading.sequence));
    EXPECT_TRUE(back->has(reading.producer_id, reading.timestamp_producer));
  }
  EXPECT_FALSE(back->has(99, run.started_ms));
  EXPECT_FALSE(back->has(107, run.started_ms));
  EXPECT_FALSE(back->has(100, run.started_ms - 1));
  EXPECT_FALSE(back->has(100, run.ended_ms + 1));
  claim.payload = "tweet";
  EXPECT_FALSE(ReadingRun::from(claim));
  for (const char* settings : {"", "producers=0 first=1 rate=1 distribution=normal:1,1",
                               "producers=1 first=1 rate=-1 distribution=normal:1,1",
                               "producers=1 first=x rate=1 distribution=normal:1,1",
                               "producers=1 first=1 rate=1 distribution=gauss"}) {
    claim.payload = kReadingPayload;
    claim.settings = settings;
    EXPECT_FALSE(ReadingRun::from(claim)) << settings;
  }
}

TEST(ReadingRun, NumbersFallToTheirProducers) {
  const ReadingRun run = seven_sensors();
  IntervalSet numbers;
  numbers.add(0, 10);
  numbers.add(13, 30);
  std::uint64_t sum = 0;
  for (std::int64_t id = 100; id < 107; ++id) {
    const IntervalSet own = run.of_producer(id, numbers);
    sum += own.count();
    own.each([&](Interval range) {
      for (std::uint64_t s = range.begin; s < range.end; ++s)
        EXPECT_TRUE(numbers.contains(run.number_of(id, static_cast<std::int64_t>(s))));
    });
  }
  EXPECT_EQ(numbers.count(), sum);
}

TEST(Readings, OfAWholeRunBalance) {
  const ReadingRun run = seven_sensors();
  Held held = all_of(run, 1000);
  const auto verdict = verify_readings(held, claimed_of(run, 1000), run);
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->good());
  EXPECT_EQ(1000u, verdict->expected);
  EXPECT_EQ(1000u, verdict->found);
  EXPECT_TRUE(verdict->ranges.empty());
}

TEST(Readings, WhatWasPlantedIsNamedByProducerAndNumber) {
  const ReadingRun run = seven_sensors();
  struct Case {
    const char* what;
    std::function<void(std::vector<Reading>&)> plant;
    std::uint64_t lost, duplicated, corrupted, foreign;
    const char* why;
  };
  const auto seventh = [&run](std::vector<Reading>& all) -> Reading& {
    return all[run.number_of(103, 7)];
  };
  const Case cases[] = {
      {"lost", [&](auto& all) { all.erase(all.begin() + 52); }, 1, 0, 0, 0, ""},
      {"doubled", [&](auto& all) { all.push_back(seventh(all)); }, 0, 1, 0, 0, ""},
      {"corrupted", [&](auto& all) { seventh(all).data += 0.001; }, 0, 0, 1, 0, "data"},
      {"corrupted", [&](auto& all) { seventh(all).timestamp_producer += 50; }, 0, 0, 1, 0,
       "timestamp_producer"},
      {"lost", [&](auto& all) { seventh(all).timestamp_producer = 3; }, 1, 0, 0, 1, ""},
      {"lost", [&](auto& all) { seventh(all).producer_id = 7; }, 1, 0, 0, 1, ""},
  };
  for (const auto& [what, plant, lost, duplicated, corrupted, foreign, why] : cases) {
    SCOPED_TRACE(what);
    Held held = all_of(run, 1000);
    plant(held.readings);
    const auto verdict = verify_readings(held, claimed_of(run, 1000), run);
    ASSERT_TRUE(verdict);
    EXPECT_EQ(std::tuple(lost, duplicated, corrupted, foreign),
              std::tuple(verdict->lost, verdict->duplicated, verdict->corrupted, verdict->foreign));
    ASSERT_EQ(1u, verdict->ranges.size());
    EXPECT_EQ(what, verdict->ranges[0].what);
    EXPECT_EQ(103u, verdict->ranges[0].stream);
    EXPECT_EQ(7u, verdict->ranges[0].first);
    EXPECT_EQ(why, verdict->ranges[0].why);
    EXPECT_THAT(verdict->ranges[0].window, HasSubstr("2023-11-14 22:13:20Z"));
  }
}

TEST(Readings, OrderIsNotAskedForAndUnclaimedOnesAreWelcome) {
  const ReadingRun run = seven_sensors();
  Held held = all_of(run, 1000);
  std::swap(held.readings[0], held.readings[999]);
  const auto verdict = verify_readings(held, claimed_of(run, 900), run);
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->good());
  EXPECT_EQ(100u, verdict->unclaimed);
}

}  // namespace
}  // namespace ds
