#include "storm/plan.h"

#include <gtest/gtest.h>

namespace ds {
namespace {

using enum Plan::Answer;

TEST(Plan, GivesEachBatchItsInstantAndTheLastItsRest) {
  Plan plan(Schedule::steady(1000), 100, 250, 5 * kSecond);
  EXPECT_EQ(plan.begin(0, 5 * kSecond).answer, kBegin);
  const auto early = plan.begin(1, 5 * kSecond);
  EXPECT_EQ(early.answer, kWait);
  EXPECT_EQ(early.intended, 5 * kSecond + 100 * kMillisecond);
  const auto late = plan.begin(1, 9 * kSecond);  // the loop is open: late, but counted from then
  EXPECT_EQ(late.answer, kBegin);
  EXPECT_EQ(late.intended, 5 * kSecond + 100 * kMillisecond);
  EXPECT_EQ(late.records, 100u);
  EXPECT_EQ(plan.begin(2, 9 * kSecond).records, 50u);
  EXPECT_EQ(plan.begin(3, 9 * kSecond).answer, kFinished);
  EXPECT_EQ(plan.scheduled(9 * kSecond), 250u);
}

TEST(Plan, ChangesFromTheFirstBatchThatNobodyHasBegun) {
  Plan plan(Schedule::steady(1), 10, 0, 0);  // a batch every 10 s
  EXPECT_EQ(plan.begin(0, 0).answer, kBegin);
  EXPECT_EQ(plan.begin(1, kSecond).answer, kWait);
  EXPECT_EQ(plan.change_schedule(Schedule::steady(1000), kSecond), 1u);
  EXPECT_EQ(plan.change_mix(1), 1u);
  const auto turn = plan.begin(1, kSecond);
  EXPECT_EQ(turn.answer, kBegin);
  EXPECT_EQ(turn.intended, kSecond);
  EXPECT_EQ(turn.mix, 1u);
  EXPECT_EQ(turn.mix_batch, 0u);
  EXPECT_EQ(plan.begin(3, 2 * kSecond).mix_batch, 2u);
}

TEST(Plan, LetsALaggingWorkerGoOnAtTheChange) {
  Plan plan(Schedule::steady(1), 10, 0, 0);
  EXPECT_EQ(plan.begin(0, 0).answer, kBegin);
  EXPECT_EQ(plan.begin(2, 20 * kSecond).answer, kBegin);  // another worker, ahead
  plan.change_schedule(Schedule::steady(100), 5 * kSecond);
  const auto turn = plan.begin(1, 6 * kSecond);  // the old schedule wanted it at 10 s
  EXPECT_EQ(turn.answer, kBegin);
  EXPECT_EQ(turn.intended, 5 * kSecond);
}

TEST(Plan, WaitsWhenStoppedAndFinishesWhenTold) {
  Plan plan(Schedule::flat_out(), 10, 0, 0);
  EXPECT_EQ(plan.begin(0, 7).intended, 7);  // closed loop: latency counts from the batch's start
  EXPECT_FALSE(plan.wanted_rate(8));
  plan.change_schedule(Schedule::steady(0), 8);
  EXPECT_EQ(plan.begin(1, 1000 * kSecond).answer, kWait);
  EXPECT_EQ(plan.scheduled(1000 * kSecond), 10u);
  EXPECT_EQ(plan.wanted_rate(9), 0.0);
  plan.change_schedule(Schedule::flat_out(), 1000 * kSecond);
  EXPECT_EQ(plan.begin(1, 1000 * kSecond).answer, kBegin);
  plan.finish_at(1001 * kSecond);
  EXPECT_EQ(plan.begin(2, 1000 * kSecond).answer, kBegin);
  EXPECT_EQ(plan.begin(3, 1001 * kSecond).answer, kFinished);
}

TEST(Plan, BeginsWhatWasDueBeforeTheEndUnlessItIsFarBehind) {
  Plan plan(Schedule::steady(1000), 100, 0, 0);
  EXPECT_EQ(plan.begin(0, 0).answer, kBegin);
  plan.finish_at(kSecond / 2);
  EXPECT_EQ(plan.begin(4, kSecond / 2 + kMillisecond).answer, kBegin);     // due at 0.4 s
  EXPECT_EQ(plan.begin(5, kSecond / 2 + kMillisecond).answer, kFinished);  // due at 0.5 s
  EXPECT_EQ(plan.begin(1, kSecond).answer, kFinished);                     // too late for it
  EXPECT_EQ(plan.scheduled(kSecond), 500u);  // five batches were due, two were begun
}

TEST(Plan, EndsWithItsSchedule) {
  const auto schedule = Schedule::parse("1s@100");
  Plan plan(*schedule, 10, 0, 0);
  EXPECT_EQ(plan.begin(9, 2 * kSecond).answer, kBegin);
  EXPECT_EQ(plan.begin(11, 2 * kSecond).answer, kFinished);
}

TEST(Plan, KnowsHowManyItWillHaveScheduled) {
  const auto at_end = [](Schedule schedule, std::uint64_t total, Nanos end, Share share = {}) {
    Plan plan(std::move(schedule), 100, total, 5 * kSecond, share);
    if (end != 0) plan.finish_at(5 * kSecond + end);
    return plan.scheduled_at_end();
  };
  EXPECT_EQ(at_end(Schedule::flat_out(), 0, 0), std::nullopt);
  EXPECT_EQ(at_end(Schedule::flat_out(), 1050, 0), 1050u);
  EXPECT_EQ(at_end(Schedule::flat_out(), 1050, kSecond), 1050u) << "stopped before that, or not";
  EXPECT_EQ(at_end(Schedule::steady(1000), 0, 0), std::nullopt);
  EXPECT_EQ(at_end(Schedule::steady(1000), 50'000, 2 * kSecond), 2000u) << "the time is up first";
  EXPECT_EQ(at_end(Schedule::steady(1000), 1050, 2 * kSecond), 1050u);
  EXPECT_EQ(at_end(Schedule::steady(1000), 0, 1050 * kMillisecond), 1100u) << "whole batches";
  EXPECT_EQ(at_end(Schedule::steady(1000), 50'000, 3 * kSecond, {1, 3, 3}), 1000u);
}

TEST(Plan, ShardsAreScheduledWhatTheyOwnAndAllOfItTogether) {
  for (const std::uint32_t shards : {1u, 2u, 3u, 7u})
    for (const std::uint32_t streams : {7u, 64u, 100u})
      for (const std::uint64_t total : {1u, 99u, 6'400u, 12'345u}) {
        SCOPED_TRACE(testing::Message() << shards << " of " << streams << ", " << total);
        std::uint64_t together = 0;
        for (std::uint32_t shard = 0; shard < shards; ++shard) {
          const Plan plan(Schedule::steady(1e6), 100, total, 0, {shard, shards, streams});
          std::uint64_t owned = 0;
          for (std::uint64_t record = 0; record < total; ++record)
            owned += record / 100 % streams % shards == shard;
          EXPECT_EQ(plan.scheduled(kSecond), owned);
          together += owned;
        }
        EXPECT_EQ(together, total);
      }
}

}  // namespace
}  // namespace ds
