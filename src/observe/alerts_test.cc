// Whether alerts can be believed: crises, opportunities and slow swings are planted into a storm
// whose shares come from the storm's own mix, batch by batch, and every alert is judged.
#include "observe/alerts.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/random.h"
#include "record/mix.h"

namespace ds {
namespace {

constexpr std::uint64_t kBatch = 8000;  // the storm's, unless told otherwise
constexpr std::uint64_t kSeeds[] = {1, 2, 3};

Mix mix_of(double positive, double negative, double factor, std::uint64_t seed) {
  const auto percent = [](double value) {
    return Percent{static_cast<std::uint64_t>(std::llround(value * Percent::kOne))};
  };
  const Percent p = percent(positive), n = percent(negative);
  const Percent rest{100 * Percent::kOne - p.billionths - n.billionths};
  return Mix::swinging(p, n, rest, factor, seed).value();
}

/// A storm at a steady rate: what it makes in each second.
struct SimulatedStorm {
  double batches_a_second;
  std::uint64_t batch = 0;
  double due = 0;

  Shares second(const Mix& mix) {
    Shares sum;
    for (due += batches_a_second; due >= 1; due -= 1) {
      const auto counts = mix.counts(batch++, kBatch);
      sum.positive += counts[0];
      sum.negative += counts[1];
      sum.neutral += counts[2];
    }
    return sum;
  }
};

struct Judged {
  int planted = 0, seen = 0, right = 0, wrong = 0;
  double delay_sum = 0, delay_max = 0;
  double precision() const { return right + wrong ? double(right) / (right + wrong) : 0; }
  double recall() const { return planted ? double(seen) / planted : 0; }
};

/// Between 130 and 250 s of the calm mix, then 10 to 40 s of what the buttons trigger.
void plant_events(double rate, double factor, std::uint64_t seed, int events, Judged& judged) {
  const Mix calm = mix_of(50, 30, factor, seed), crisis = mix_of(10, 80, 0, seed),
            opportunity = mix_of(85, 5, 0, seed);
  Random random(seed * 77);
  SimulatedStorm storm{rate / kBatch};
  AlertWatch watch;
  std::int64_t t = 1'700'000'000'000;
  const auto run = [&](const Mix& mix, std::uint64_t seconds, const char* planted) {
    const std::int64_t begin = t;
    bool seen = planted == nullptr;
    for (std::uint64_t i = 0; i < seconds; ++i, t += 1000)
      for (const Alert& alert : watch.add(t, storm.second(mix))) {
        if (alert.predicted) continue;
        if (planted == nullptr || alert.kind != planted) {
          ++judged.wrong;
          continue;
        }
        ++judged.right;
        if (seen) continue;
        seen = true;
        ++judged.seen;
        const double delay = static_cast<double>(alert.t - begin) / 1000;
        judged.delay_sum += delay;
        judged.delay_max = std::max(judged.delay_max, delay);
      }
  };
  for (int i = 0; i < events; ++i) {
    run(calm, 130 + random.below(120), nullptr);
    const bool is_crisis = random.below(2) == 0;
    ++judged.planted;
    run(is_crisis ? crisis : opportunity, 10 + random.below(30),
        is_crisis ? "crisis" : "opportunity");
  }
}

TEST(Alerts, SeeWhatIsPlantedIntoAVolatileStorm) {
  struct Case {
    double rate, factor;
    bool must;
  };
  const Case cases[] = {
      {20e3, 0.8, false},  {50e3, 0.8, false},  // printed: too few batches a second
      {100e3, 0.0, true},  {100e3, 0.3, true}, {100e3, 0.8, true},
      {100e3, 1.0, false}, {1e6, 0.8, true},   {1e6, 1.0, true},
  };
  for (const auto& [rate, factor, must] : cases) {
    SCOPED_TRACE(fmt::format("{}/s, volatility {}", rate, factor));
    Judged judged;
    for (const std::uint64_t seed : kSeeds) plant_events(rate, factor, seed, 120, judged);
    fmt::print(
        "{:>7}/s volatility {}: {} planted, precision {:.3f}, recall {:.3f}, delay {:.1f} s"
        " mean, {:.0f} s at most (seeds 1 to 3)\n",
        rate, factor, judged.planted, judged.precision(), judged.recall(),
        judged.delay_sum / judged.seen, judged.delay_max);
    EXPECT_GE(judged.precision(), must ? 0.9 : 0.8);
    EXPECT_GE(judged.recall(), 0.9);
    EXPECT_LE(judged.delay_max, must ? 5 : 60);
  }
}

/// Moods that swing as a wave of 3 to 10 minutes, to a peak that is over the threshold or not.
TEST(Alerts, ForecastSlowSwings) {
  struct Case {
    double rate, factor;
  };
  for (const auto& [rate, factor] :
       {Case{20e3, 0}, Case{100e3, 0}, Case{100e3, 0.3}, Case{1e6, 0.3}, Case{1e6, 0.5}}) {
    SCOPED_TRACE(fmt::format("{}/s, volatility {}", rate, factor));
    int crossings = 0, foretold = 0, predicted = 0, right = 0;
    double lead_sum = 0, lead_min = 1e9, off_sum = 0;
    for (const std::uint64_t seed : kSeeds) {
      Random random(seed * 991);
      SimulatedStorm storm{rate / kBatch};
      AlertWatch watch;
      std::int64_t t = 1'700'000'000'000;
      for (int swing = 0; swing < 100; ++swing) {
        const bool bad = random.below(2) == 0;
        const double threshold = bad ? AlertWatch::kCrisis : AlertWatch::kOpportunity;
        const double most = 1 - factor + factor / 3 - 0.02, least = factor / 3;
        const double low = std::max(least, bad ? 0.15 : 0.3);
        const double high = std::min(most, threshold - 0.1 + random.unit() * 0.3);
        const int seconds = 180 + static_cast<int>(random.below(420));
        int crossed = -1;
        std::vector<std::pair<int, double>> said;
        for (int i = 0; i < seconds; ++i, t += 1000) {
          const double phase = 2 * std::numbers::pi * i / seconds;
          const double share = low + (high - low) * (1 - std::cos(phase)) / 2;
          if (share > threshold && crossed < 0) crossed = i;
          // What the mix must be told so that its batches have this share in the mean.
          const double told = 100 * std::clamp((share - factor / 3) / (1 - factor), 0.0, 1.0);
          const double other = (100 - told) / 2;
          const Mix mix = mix_of(bad ? other : told, bad ? told : other, factor, seed);
          for (const Alert& alert : watch.add(t, storm.second(mix)))
            if (alert.predicted) said.emplace_back(i, *alert.in_seconds);
        }
        crossings += crossed >= 0;
        bool was_foretold = false;
        for (const auto& [at, in] : said) {
          ++predicted;
          const double lead = crossed - at;
          if (crossed < 0 || lead < 10 || lead > 90) continue;
          ++right;
          was_foretold = true;
          lead_sum += lead;
          lead_min = std::min(lead_min, lead);
          off_sum += std::abs(lead - in);
        }
        foretold += was_foretold;
      }
    }
    const double precision = double(right) / std::max(1, predicted);
    fmt::print(
        "{:>7}/s volatility {}: {} of 300 swings cross, {} foretold; {} forecasts, precision"
        " {:.2f}, lead {:.0f} s mean, {:.0f} s least, {:.1f} s off\n",
        rate, factor, crossings, foretold, predicted, precision, lead_sum / right, lead_min,
        off_sum / right);
    EXPECT_GE(precision, 0.7);
    EXPECT_GE(foretold, crossings / 2);
  }
}

/// Forecasts that cannot be trusted are not made: a volatile storm in itself swings nowhere.
TEST(Alerts, ForecastNothingInNoise) {
  SimulatedStorm storm{100e3 / kBatch};
  AlertWatch watch;
  const Mix mix = mix_of(50, 30, 0.8, 5);
  for (std::int64_t t = 1000; t < 20'000'000; t += 1000)
    EXPECT_TRUE(watch.add(t, storm.second(mix)).empty()) << t;
}

TEST(Alerts, ASteadyMixIsHeldToTheVeryThreshold) {
  struct Case {
    Shares counts;
    const char* kind;
  };
  const Case cases[] = {{{4000, 4000, 0}, ""},
                        {{0, 4000, 4000}, ""},
                        {{2000, 4080, 1920}, "crisis"},
                        {{5600, 1200, 1200}, ""},
                        {{5680, 1200, 1120}, "opportunity"}};
  for (const auto& [counts, kind] : cases) {
    AlertWatch watch;
    std::vector<Alert> raised;
    for (int i = 0; i < 60; ++i)
      for (const Alert& each : watch.add(
               i * 1000, {counts.positive * 100, counts.negative * 100, counts.neutral * 100}))
        raised.push_back(each);
    ASSERT_EQ(raised.size(), *kind ? 1u : 0u) << kind;
    if (raised.empty()) continue;
    EXPECT_EQ(raised[0].kind, kind);
    EXPECT_FALSE(raised[0].predicted);
  }
}

TEST(Alerts, EachKindKeepsQuietForTwoMinutesAlsoAfterARestart) {
  std::vector<std::int64_t> at;
  AlertWatch watch;
  Alert last;
  for (int i = 0; i < 300; ++i)
    for (const Alert& each : watch.add(i * 1000, {1000, 8000, 1000})) {
      at.push_back(each.t);
      last = each;
    }
  ASSERT_EQ(at.size(), 3u);
  EXPECT_EQ(at[1] - at[0], 120'000);
  EXPECT_EQ(at[2] - at[1], 120'000);

  AlertWatch restarted;
  restarted.remember(last);
  for (std::int64_t t = last.t; t < last.t + 119'000; t += 1000)
    EXPECT_TRUE(restarted.add(t, {1000, 8000, 1000}).empty()) << t;
  bool opportunity = false;  // the other kind has a cooldown of its own
  for (std::int64_t t = last.t + 119'000; t < last.t + 130'000; t += 1000)
    for (const Alert& each : restarted.add(t, {9000, 500, 500}))
      opportunity |= each.kind == "opportunity";
  EXPECT_TRUE(opportunity);
}

TEST(Alerts, SilenceAndAClockThatJumpsRaiseNothing) {
  AlertWatch watch;
  EXPECT_TRUE(watch.add(1000, {}).empty());
  EXPECT_TRUE(watch.add(2000, {0, 900, 0}).empty()) << "one second is no window";
  EXPECT_TRUE(watch.add(900'000, {0, 900, 0}).empty()) << "nor are two that lie apart";
  EXPECT_TRUE(watch.add(5000, {0, 900, 0}).empty()) << "a clock that was set back";
  // A handful of tweets says little.
  AlertWatch sparse;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(sparse.add(i * 1000, {1, 2, 0}).empty()) << i;
}

}  // namespace
}  // namespace ds
