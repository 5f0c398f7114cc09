#include "bench/knee.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace ds {
namespace {

/// A storm that has no room for so much of its time is held by what comes after it.
constexpr double kHeldShare = 0.2;
constexpr double kHalf = 0.5;

Stage slowest_of(const Trial& trial) {
  const std::pair<double, Stage> times[] = {{trial.generator_ms, Stage::kGenerator},
                                            {trial.client_ms, Stage::kClient},
                                            {trial.broker_ms, Stage::kBroker},
                                            {trial.sink_ms, Stage::kSink}};
  return std::ranges::max(times, {}, &std::pair<double, Stage>::first).second;
}

}  // namespace

std::string_view name_of(Stage stage) {
  switch (stage) {
    case Stage::kGenerator:
      return "generator";
    case Stage::kClient:
      return "client and network";
    case Stage::kBroker:
      return "broker";
    case Stage::kSink:
      return "sink";
    case Stage::kNone:
      break;
  }
  return "none";
}

Stage stage_of(const Trial& trial, const KneeLimits& limits) {
  if (limits.met_by(trial)) return Stage::kNone;
  const double missing = trial.records * (1 - trial.achieved / trial.offered);
  if (trial.achieved >= limits.keep_up * trial.offered) return slowest_of(trial);  // too late only
  if (trial.in_log >= kHalf * missing) return Stage::kSink;
  if (trial.blocked >= kHeldShare || trial.under_way > trial.unmade)
    return trial.below_broker >= kHalf ? Stage::kClient : Stage::kBroker;
  return Stage::kGenerator;
}

Result<Knee> find_knee(const KneeSearch& search,
                       const std::function<Result<Trial>(double rate)>& make_trial) {
  Knee knee;
  std::map<Stage, int> blamed;
  const auto holds = [&](double rate) -> Result<bool> {
    Trial worse;
    for (int tries = 0; tries < 2; ++tries) {
      auto trial = make_trial(rate);
      if (!trial) return std::move(trial).error();
      knee.trials.push_back(*trial);
      if (search.limits.met_by(*trial)) return true;
      if (tries == 0 || trial->achieved > worse.achieved) worse = *trial;
    }
    ++blamed[stage_of(worse, search.limits)];
    return false;
  };

  double low = 0, high = 0;
  for (double rate = search.from; rate <= search.most; rate *= 2) {
    const auto held = holds(rate);
    if (!held) return held.error();
    if (!*held) {
      high = rate;
      break;
    }
    low = rate;
  }
  if (high == 0) return knee.rate = low, knee;  // nothing saturates
  while (low > 0 && high / low > search.precision) {
    const double middle = std::sqrt(low * high);
    const auto held = holds(middle);
    if (!held) return held.error();
    (*held ? low : high) = middle;
  }
  knee.rate = low;
  knee.stage = std::ranges::max_element(blamed, {}, &std::pair<const Stage, int>::second)->first;
  return knee;
}

}  // namespace ds
