#include "observe/observer.h"

#include <algorithm>

namespace ds {
namespace {

/// What a total grew by; a total that fell belongs to a new run and counts from zero.
std::uint64_t grown(std::uint64_t from, std::uint64_t to) {
  return to >= from ? to - from : to;
}

Shares grown(const Shares& from, const Shares& to) {
  return {grown(from.positive, to.positive), grown(from.negative, to.negative),
          grown(from.neutral, to.neutral)};
}

void add(Shares& into, const Shares& more) {
  into.positive += more.positive;
  into.negative += more.negative;
  into.neutral += more.neutral;
}

/// The part of `whole` that falls on one of `seconds` seconds; the parts add up to it.
std::uint64_t part(std::uint64_t whole, std::int64_t second, std::int64_t seconds) {
  const auto n = static_cast<std::uint64_t>(seconds);
  const auto i = static_cast<std::uint64_t>(second);
  return whole / n + (i < whole % n ? 1 : 0);
}

Shares part(const Shares& whole, std::int64_t second, std::int64_t seconds) {
  return {part(whole.positive, second, seconds), part(whole.negative, second, seconds),
          part(whole.neutral, second, seconds)};
}

}  // namespace

Snapshot Observer::observe(Snapshot s, Nanos now, const ProcessCost& cost) {
  // With acks=0 nothing is acknowledged: what was written is all there is to show a rate of.
  const std::uint64_t done = s.acks == "0" ? s.counters.written : s.counters.acknowledged;
  const bool generates = s.counters.scheduled > 0;
  if (!s.baseline) {
    offered_.add(now, s.counters.scheduled);
    achieved_.add(now, generates ? done : s.stored);
  }
  s.rate.offered = offered_.per_second();
  s.rate.achieved = achieved_.per_second();
  const std::uint64_t reached = generates ? done : s.stored;
  if (s.baseline || (before_ && before_->baseline)) reached_before_ = reached;
  if (s.rate.average == 0 && s.elapsed_s > 0)
    s.rate.average = static_cast<double>(grown(reached_before_, reached)) / s.elapsed_s;

  if (!s.baseline && !(before_ && before_->baseline)) grow(before_.value_or(Snapshot()), s);
  s.window = window();

  // Two looks in a moment (a button was pressed) tell nothing of what the process costs.
  if (!before_ || now - cpu_at_ >= kSecond / 2) {
    if (before_)
      cpu_cores_ = (cost.cpu_seconds - cpu_before_) * 1e9 / static_cast<double>(now - cpu_at_);
    cpu_before_ = cost.cpu_seconds;
    cpu_at_ = now;
  }
  s.rss_bytes = cost.rss_bytes;
  s.cpu_cores = cpu_cores_;
  before_ = s;
  return s;
}

void Observer::grow(const Snapshot& from, const Snapshot& to) {
  add(open_.sentiment, grown(from.sentiment, to.sentiment));
  open_.generated += grown(from.counters.enqueued, to.counters.enqueued);
  open_.acknowledged += grown(from.counters.acknowledged, to.counters.acknowledged);
  open_.stored += grown(from.stored, to.stored);
  open_.lag = to.lag.records;
  for (const auto& [brand, counts] : to.by_brand) {
    const auto before = from.by_brand.find(brand);
    const Shares more = before == from.by_brand.end() ? counts : grown(before->second, counts);
    if (more.total() > 0) add(open_.by_brand[brand], more);
  }
}

WindowShown Observer::window() const {
  Shares sum = open_.sentiment;
  for (const HistoryPoint& each : window_) add(sum, each.sentiment);
  WindowShown shown{.seconds = kWindowSeconds,
                    .positive = sum.positive,
                    .negative = sum.negative,
                    .neutral = sum.neutral};
  if (sum.total() > 0)
    shown.score = (static_cast<double>(sum.positive) - static_cast<double>(sum.negative)) /
                  static_cast<double>(sum.total());
  return shown;
}

std::vector<HistoryPoint> Observer::close(std::int64_t first_t, std::int64_t seconds) {
  std::vector<HistoryPoint> points;
  for (std::int64_t i = 0; i < seconds; ++i) {
    HistoryPoint point{.t = first_t + i * 1000,
                       .sentiment = part(open_.sentiment, i, seconds),
                       .generated = part(open_.generated, i, seconds),
                       .acknowledged = part(open_.acknowledged, i, seconds),
                       .stored = part(open_.stored, i, seconds),
                       .lag = open_.lag};
    for (const auto& [brand, counts] : open_.by_brand)
      if (const Shares its = part(counts, i, seconds); its.total() > 0) point.by_brand[brand] = its;
    window_.push_back(point);
    points.push_back(std::move(point));
  }
  if (points.empty()) return points;
  open_ = HistoryPoint{.lag = open_.lag};
  while (window_.front().t <= points.back().t - kWindowSeconds * 1000) window_.pop_front();
  return points;
}

}  // namespace ds
