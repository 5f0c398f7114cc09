#include "bench/knee.h"

#include <gtest/gtest.h>

#include <array>

namespace ds {
namespace {

/// The chain in simulated time, a millisecond a step: each stage takes what it can of what waits
/// before it. Memory between generator and broker is bounded, the log is not.
struct Chain {
  double room_seconds = 0.02;  // what of the offered records the storm's memory holds
  double generator = 3e6, client = 3e6, broker = 3e6, sink = 3e6;  // records a second
  double base_ms = 2;                                              // latency of an idle chain

  Trial at(double rate) const {
    constexpr double kStep = 0.001, kSeconds = 1;
    const double room = room_seconds * rate;  // of the storm's memory, records
    double due = 0, outlet = 0, at_broker = 0, log = 0, stored = 0, offered = 0;
    double blocked = 0, under_way = 0, below = 0;
    Trial trial{.offered = rate};
    double time = 0;
    for (; stored < rate * kSeconds - 0.5 && time < 60; time += kStep) {
      const bool sending = time < kSeconds;
      if (sending) due += rate * kStep, offered += rate * kStep;
      const double space = std::max(0.0, room - outlet - at_broker);
      const double made = std::min({generator * kStep, due, space});
      if (sending && space < generator * kStep && due > space) blocked += kStep;
      due -= made, outlet += made;
      // A window of half the memory may be at the broker.
      const double sent = std::min({client * kStep, outlet, std::max(0.0, room / 2 - at_broker)});
      outlet -= sent, at_broker += sent;
      const double kept = std::min(broker * kStep, at_broker);
      at_broker -= kept, log += kept;
      const double taken = std::min(sink * kStep, log);
      log -= taken, stored += taken;
      if (sending) under_way += outlet + at_broker, below += client < broker ? outlet : 0;
      if (sending)
        trial.in_log = log, trial.records = offered, trial.unmade = due,
        trial.under_way = outlet + at_broker;
    }
    trial.achieved = rate * kSeconds / time;
    trial.p99 = static_cast<Nanos>((base_ms + std::max(0.0, time - kSeconds) * 1000) * 1e6);
    trial.blocked = blocked / kSeconds;
    trial.below_broker = under_way == 0 ? 0 : below / under_way;
    return trial;
  }
};

struct Case {
  Stage stage;
  Chain chain;
  double throttle;
};

class Throttled : public testing::TestWithParam<Case> {};

TEST_P(Throttled, IsNamedAndFoundWithinFivePercent) {
  const auto& [stage, chain, throttle] = GetParam();
  const auto knee = find_knee({}, [&](double rate) -> Result<Trial> { return chain.at(rate); });
  ASSERT_TRUE(knee.ok());
  EXPECT_EQ(name_of(knee->stage), name_of(stage));
  EXPECT_NEAR(knee->rate, throttle, 0.05 * throttle);
}

INSTANTIATE_TEST_SUITE_P(
    Knee, Throttled,
    testing::Values(Case{Stage::kGenerator, {.generator = 400e3}, 400e3},
                    Case{Stage::kGenerator, {.generator = 1.37e6}, 1.37e6},
                    Case{Stage::kClient, {.client = 400e3}, 400e3},
                    Case{Stage::kClient, {.client = 2.2e6}, 2.2e6},
                    Case{Stage::kBroker, {.broker = 400e3}, 400e3},
                    Case{Stage::kBroker, {.broker = 777e3}, 777e3},
                    Case{Stage::kSink, {.sink = 400e3}, 400e3},
                    Case{Stage::kSink, {.sink = 93e3}, 93e3},
                    // Memory that no trial fills: nobody is ever without room.
                    Case{Stage::kClient, {.room_seconds = 10, .client = 600e3}, 600e3},
                    Case{Stage::kBroker, {.room_seconds = 10, .broker = 600e3}, 600e3},
                    // Two throttles: the tighter one counts.
                    Case{Stage::kSink, {.broker = 900e3, .sink = 500e3}, 500e3},
                    Case{Stage::kBroker, {.broker = 500e3, .sink = 900e3}, 500e3}));

TEST(Knee, IsWhereTheLatencyLimitIsMissedToo) {
  // Latency climbs with the load long before anything saturates.
  const auto trial = [](double rate) -> Result<Trial> {
    return Trial{.offered = rate,
                 .achieved = rate,
                 .p99 = static_cast<Nanos>(rate / 1e6 * 50e6),
                 .records = rate,
                 .broker_ms = 30,
                 .sink_ms = 5};
  };
  const auto knee = find_knee({.limits = {.p99 = 20 * kMillisecond}}, trial);
  ASSERT_TRUE(knee.ok());
  EXPECT_NEAR(knee->rate, 400e3, 20e3);
  EXPECT_EQ(name_of(knee->stage), name_of(Stage::kBroker));
}

TEST(Knee, SaysThatNothingSaturates) {
  const auto knee = find_knee({.from = 1e6, .most = 8e6}, [](double rate) -> Result<Trial> {
    return Trial{.offered = rate, .achieved = rate, .records = rate};
  });
  ASSERT_TRUE(knee.ok());
  EXPECT_EQ(knee->stage, Stage::kNone);
  EXPECT_EQ(knee->rate, 8e6);
}

TEST(Knee, OfNothingIsZero) {
  const auto knee = find_knee({}, [](double rate) -> Result<Trial> {
    return Trial{.offered = rate, .achieved = rate / 2, .records = rate, .in_log = rate / 2};
  });
  ASSERT_TRUE(knee.ok());
  EXPECT_EQ(knee->rate, 0);
  EXPECT_EQ(knee->stage, Stage::kSink);
}

TEST(Knee, ForgivesOneSpoiltTrial) {
  int calls = 0;
  const Chain chain{.sink = 400e3};
  const auto knee = find_knee({}, [&](double rate) -> Result<Trial> {
    Trial trial = chain.at(rate);
    if (++calls == 2) trial.achieved /= 3;  // somebody else took the machine
    return trial;
  });
  ASSERT_TRUE(knee.ok());
  EXPECT_NEAR(knee->rate, 400e3, 20e3);
}

TEST(Knee, PassesErrorsOn) {
  const auto knee =
      find_knee({}, [](double) -> Result<Trial> { return Error{.message = "no broker"}; });
  ASSERT_FALSE(knee.ok());
  EXPECT_EQ(knee.error().message, "no broker");
}

}  // namespace
}  // namespace ds
