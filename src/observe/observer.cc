#include "observe/observer.h"

#include <algorithm>

namespace ds {
namespace {

/// What a total grew by; a total that fell belongs to a new run and counts from zero.
std::uint64_t grown(std::uint64_t now, std::uint64_t before) {
  return now >= before ? now - before : now;
}

}  // namespace

Observation Observer::observe(Snapshot s, Nanos now, const ProcessCost& cost) {
  const bool first = !before_;
  if (first) first_ = last_ = now;
  const Snapshot none;
  const Snapshot& before = first ? s : *before_;

  // With acks=0 nothing is acknowledged: what was written is all there is to show a rate of.
  const std::uint64_t done = s.acks == "0" ? s.counters.written : s.counters.acknowledged;
  const bool generates = s.counters.scheduled > 0;
  offered_.add(now, s.counters.scheduled);
  achieved_.add(now, generates ? done : s.stored);
  s.rate.offered = offered_.per_second();
  s.rate.achieved = achieved_.per_second();
  if (s.rate.average == 0 && s.elapsed_s > 0)
    s.rate.average = static_cast<double>(generates ? done : s.stored) / s.elapsed_s;

  HistoryPoint point{.t = s.now_ms / 1000 * 1000,
                     .positive = grown(s.sentiment.positive, before.sentiment.positive),
                     .negative = grown(s.sentiment.negative, before.sentiment.negative),
                     .neutral = grown(s.sentiment.neutral, before.sentiment.neutral),
                     .generated = grown(s.counters.enqueued, before.counters.enqueued),
                     .acknowledged = grown(s.counters.acknowledged, before.counters.acknowledged),
                     .stored = grown(s.stored, before.stored),
                     .lag = s.lag.records};
  window_.push_back(point);
  while (!window_.empty() && window_.front().t <= point.t - kWindowSeconds * 1000)
    window_.pop_front();
  s.window = WindowShown{.seconds = kWindowSeconds};
  for (const HistoryPoint& each : window_) {
    s.window.positive += each.positive;
    s.window.negative += each.negative;
    s.window.neutral += each.neutral;
  }
  const auto total = static_cast<double>(s.window.positive + s.window.negative + s.window.neutral);
  if (total > 0)
    s.window.score =
        (static_cast<double>(s.window.positive) - static_cast<double>(s.window.negative)) / total;

  s.rss_bytes = cost.rss_bytes;
  if (now > last_)
    s.cpu_cores = (cost.cpu_seconds - last_cpu_) * 1e9 / static_cast<double>(now - last_);
  last_cpu_ = cost.cpu_seconds;
  last_ = now;
  before_ = s;
  return {std::move(s), point};
}

}  // namespace ds
