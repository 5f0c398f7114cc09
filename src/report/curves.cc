#include "report/curves.h"

#include <algorithm>
#include <cmath>

namespace ds {
namespace {

constexpr std::int64_t kIntervalsMax = 20'000;
constexpr int kSpacingBars = 100;
constexpr double kNear = 0.1;

struct Sample {
  std::int64_t t_ms;
  std::uint64_t scheduled, delivered;
};
/// One shard's totals; neither time nor totals go back.
using Totals = std::vector<Sample>;

/// By shard. A process that came back has written over the first parts of the one before it, so
/// parts may overlap.
std::vector<Totals> totals_of(const ClaimedRun& run) {
  std::map<std::uint32_t, Totals> shards;
  for (const auto& [key, part] : run.curves)
    for (std::size_t i = 0; i < part.t_ms.size(); ++i)
      shards[key.first].push_back({part.t_ms[i], part.scheduled[i], part.delivered[i]});
  std::vector<Totals> all;
  for (auto& [shard, totals] : shards) {
    std::ranges::stable_sort(totals, {}, &Sample::t_ms);
    for (std::size_t i = 1; i < totals.size(); ++i) {
      totals[i].scheduled = std::max(totals[i].scheduled, totals[i - 1].scheduled);
      totals[i].delivered = std::max(totals[i].delivered, totals[i - 1].delivered);
    }
    if (!totals.empty()) all.push_back(std::move(totals));
  }
  return all;
}

struct Reached {
  double scheduled = 0, delivered = 0;
};

/// On a straight line between two samples.
Reached at(const Totals& totals, std::int64_t t_ms) {
  const auto after = std::ranges::upper_bound(totals, t_ms, {}, &Sample::t_ms);
  if (after == totals.begin()) return {};
  const Sample& low = *std::prev(after);
  const Sample& high = after == totals.end() ? low : *after;
  const double part = high.t_ms == low.t_ms ? 0
                                            : static_cast<double>(t_ms - low.t_ms) /
                                                  static_cast<double>(high.t_ms - low.t_ms);
  const auto between = [part](std::uint64_t from, std::uint64_t to) {
    return static_cast<double>(from) + part * static_cast<double>(to - from);
  };
  return {between(low.scheduled, high.scheduled), between(low.delivered, high.delivered)};
}

Reached at(const std::vector<Totals>& shards, std::int64_t t_ms) {
  Reached sum;
  for (const Totals& totals : shards) {
    const Reached one = at(totals, t_ms);
    sum.scheduled += one.scheduled;
    sum.delivered += one.delivered;
  }
  return sum;
}

}  // namespace

std::optional<Curves> curves_of(const ClaimedRun& run, std::int64_t interval_ms) {
  const std::vector<Totals> shards = totals_of(run);
  if (shards.empty()) return std::nullopt;
  Curves curves{.began_ms = shards.front().front().t_ms,
                .ended_ms = shards.front().back().t_ms,
                .interval_ms = interval_ms};
  for (const Totals& totals : shards) {
    curves.began_ms = std::min(curves.began_ms, totals.front().t_ms);
    curves.ended_ms = std::max(curves.ended_ms, totals.back().t_ms);
    curves.offered += totals.back().scheduled;
    curves.achieved += totals.back().delivered;
  }
  for (const Totals& totals : shards)
    for (const Sample& sample : totals) {
      const Reached all = at(shards, sample.t_ms);
      const auto behind =
          static_cast<std::uint64_t>(std::llround(std::max(0.0, all.scheduled - all.delivered)));
      if (behind <= curves.behind_max) continue;
      curves.behind_max = behind;
      curves.behind_max_ms = sample.t_ms;
    }
  while ((curves.ended_ms - curves.began_ms) / curves.interval_ms >= kIntervalsMax)
    curves.interval_ms *= 2;
  Reached before;
  for (std::int64_t t = curves.began_ms; t < curves.ended_ms; t += curves.interval_ms) {
    const Reached after = at(shards, t + curves.interval_ms);
    const double a_second = 1000 / static_cast<double>(curves.interval_ms);
    curves.points.push_back({t, (after.scheduled - before.scheduled) * a_second,
                             (after.delivered - before.delivered) * a_second});
    before = after;
  }
  return curves;
}

std::optional<Spacing> spacing_of(const ClaimedRun& run) {
  Spacing spacing;
  std::map<std::int64_t, Histogram::Bar> bars;  // by where they begin
  for (const auto& [shard, claim] : run.spacings) {
    spacing.wanted_us = claim.wanted_us;
    for (const Histogram::Bar& bar : claim.bars) {
      bars.try_emplace(bar.from, bar.from, bar.to, 0).first->second.count += bar.count;
      spacing.gaps += bar.count;
    }
  }
  if (spacing.gaps == 0) return std::nullopt;
  const auto all = static_cast<double>(spacing.gaps);
  /// The share of gaps below so many microseconds; a bar's lie evenly in it.
  const auto below = [&](double us) {
    double count = 0;
    for (const auto& [from, bar] : bars) {
      const double low = static_cast<double>(bar.from) / 1000;
      const double high = static_cast<double>(bar.to) / 1000;
      count += static_cast<double>(bar.count) * std::clamp((us - low) / (high - low), 0.0, 1.0);
    }
    return count / all;
  };
  const auto quantile = [&](double share) {
    double count = 0;
    for (const auto& [from, bar] : bars) {
      count += static_cast<double>(bar.count);
      if (count >= share * all) return static_cast<double>(bar.to) / 1000;
    }
    return 0.0;
  };
  spacing.p1_us = quantile(0.01);
  spacing.p50_us = quantile(0.5);
  spacing.p90_us = quantile(0.9);
  spacing.p99_us = quantile(0.99);
  spacing.max_us = quantile(1);
  if (spacing.wanted_us > 0)
    spacing.near = below(spacing.wanted_us * (1 + kNear)) - below(spacing.wanted_us * (1 - kNear));
  // What lies farther out than that is seldom: it is in the table, and would press the rest
  // together.
  const double width =
      std::max(2 * spacing.wanted_us, 1.2 * quantile(0.99)) / static_cast<double>(kSpacingBars);
  double under = 0;
  for (int i = 0; i < kSpacingBars; ++i) {
    const double from = i * width, to = from + width, share = below(to);
    spacing.bars.push_back({from, to, share - under});
    under = share;
  }
  return spacing;
}

}  // namespace ds
