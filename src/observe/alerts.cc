#include "observe/alerts.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ds {
namespace {

constexpr double kThreshold[] = {AlertWatch::kCrisis, AlertWatch::kOpportunity};
constexpr const char* kNames[] = {"crisis", "opportunity"};
constexpr double kErrors = 2.5;         // how far over the threshold a noisy window must be
constexpr std::size_t kNoiseFrom = 8;   // differences; with fewer the noise is not known
constexpr double kNoiseUnknown = 0.05;  // and this is assumed
constexpr int kStill = 3;               // the last seconds must be over the threshold too
constexpr double kFitSeconds = 60, kFitLeast = 40;
constexpr double kNearest = 10, kFarthest = 22, kLookAhead = 60;
constexpr double kSlopeErrors = 6, kLeastSlope = 0.03;  // a minute
constexpr double kTrembling = 0.04;  // points of a second's share: noisier ones are not forecast
constexpr double kSure = 1;
constexpr double kRecent = 0.4;  // of the minute, for the line of late
constexpr double kMisfit = 1.5, kMisfitLeast = 0.01;

/// y = c0 + c1 x + c2 x², by least squares; x lies in [-1, 0], so the sums are well conditioned.
struct Fit {
  double c0 = 0, c1 = 0, c2 = 0;
  double at(double x) const { return c0 + x * (c1 + x * c2); }
};

struct Sums {
  double n = 0, x1 = 0, x2 = 0, x3 = 0, x4 = 0, y = 0, xy = 0, x2y = 0;
  void add(double x, double value) {
    n += 1, x1 += x, x2 += x * x, x3 += x * x * x, x4 += x * x * x * x;
    y += value, xy += x * value, x2y += x * x * value;
  }
  Fit line() const {
    const double d = n * x2 - x1 * x1;
    if (d <= 0) return {};
    const double slope = (n * xy - x1 * y) / d;
    return {(y - slope * x1) / n, slope, 0};
  }
  /// Cramer's rule on the three normal equations.
  Fit parabola() const {
    const auto det = [](double a, double b, double c, double d, double e, double f, double g,
                        double h, double i) {
      return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
    };
    const double d = det(n, x1, x2, x1, x2, x3, x2, x3, x4);
    if (std::abs(d) < 1e-12) return line();
    return {det(y, x1, x2, xy, x2, x3, x2y, x3, x4) / d, det(n, y, x2, x1, xy, x3, x2, x2y, x4) / d,
            det(n, x1, y, x1, x2, xy, x2, x3, x2y) / d};
  }
};

}  // namespace

void AlertWatch::remember(const Alert& alert) {
  const Kind kind = alert.kind == kNames[kNegative] ? kNegative : kPositive;
  std::int64_t& last = last_raised_[kind][alert.predicted ? 1 : 0];
  last = std::max(last, alert.t);
}

bool AlertWatch::ready(Kind kind, bool predicted, std::int64_t now_ms) const {
  const std::int64_t last = last_raised_[kind][predicted ? 1 : 0];
  // A clock that was set back would else keep everybody quiet until it has caught up.
  return last == 0 || now_ms >= last + kCooldownMs || now_ms < last;
}

std::vector<Alert> AlertWatch::add(std::int64_t t_ms, const Shares& counts) {
  std::vector<Alert> raised;
  const auto total = static_cast<double>(counts.total());
  if (total == 0) return raised;
  const double t = static_cast<double>(t_ms) / 1000;
  // A gap or a step of the clock: what was before says nothing of now.
  if (!seconds_.empty() && (t <= seconds_.back().t || t > seconds_.back().t + kLongest))
    seconds_.clear();
  seconds_.push_back({t,
                      total,
                      {static_cast<double>(counts.negative) / total,
                       static_cast<double>(counts.positive) / total}});
  while (seconds_.size() > kKept || seconds_.front().t < t - static_cast<double>(kKept))
    seconds_.pop_front();

  const std::int64_t now_ms = t_ms + 1000;
  for (const Kind kind : {kNegative, kPositive}) {
    Alert alert{.t = now_ms, .kind = kNames[kind]};
    const auto raise = [&] {
      alert.id = now_ms / 1000 * 4 + kind * 2 + (alert.predicted ? 1 : 0);
      remember(alert);
      raised.push_back(alert);
    };
    if (const auto window = over(kind)) {
      alert.share = window->share;
      alert.window_s = window->seconds;
      if (ready(kind, false, now_ms)) raise();
    } else if (ready(kind, true, now_ms)) {
      if (const auto crossing = ahead(kind)) {
        alert.share = crossing->share;
        alert.predicted = true;
        alert.in_seconds = crossing->in_seconds;
        raise();
      }
    }
  }
  return raised;
}

/// How far one second is off, as a standard deviation.
double AlertWatch::noise(Kind kind) const {
  double sum = 0;
  for (std::size_t i = 1; i < seconds_.size(); ++i)
    sum += std::abs(seconds_[i].share[kind] - seconds_[i - 1].share[kind]);
  if (seconds_.size() <= kNoiseFrom) return kNoiseUnknown;
  const double step = sum / static_cast<double>(seconds_.size() - 1);
  return step * std::sqrt(std::numbers::pi / 4);  // a normal's mean step to its deviation
}

/// The shortest window that is over the threshold, and not by accident.
std::optional<AlertWatch::Window> AlertWatch::over(Kind kind) const {
  const double each = noise(kind), threshold = kThreshold[kind];
  double total = 0, sum = 0;
  for (int n = 1; n <= kLongest && n <= static_cast<int>(seconds_.size()); ++n) {
    const Second& second = seconds_[seconds_.size() - static_cast<std::size_t>(n)];
    if (second.t < seconds_.back().t - kLongest) break;
    total += second.total;
    sum += second.share[kind] * second.total;
    const double share = sum / total;
    if (n <= kStill && n >= kShortest && share <= threshold) return std::nullopt;
    // Few records are noise by themselves, whatever the seconds before looked like.
    const double error = std::max(each / std::sqrt(n), 0.5 / std::sqrt(total));
    if (n >= kShortest && share > threshold + kErrors * error) return Window{share, n};
  }
  return std::nullopt;
}

std::optional<Crossing> AlertWatch::ahead(Kind kind) const {
  const double now = seconds_.back().t, threshold = kThreshold[kind];
  Sums minute, recent;
  for (const Second& second : seconds_) {
    const double x = (second.t - now) / kFitSeconds;
    if (x > -1) minute.add(x, second.share[kind]);
    if (x > -kRecent) recent.add(x, second.share[kind]);
  }
  if (minute.n < kFitLeast) return std::nullopt;
  const Fit line = minute.line(), curve = minute.parabola(), lately = recent.line();
  const double each = noise(kind);
  if (each > kTrembling) return std::nullopt;
  // The standard error of a slope over evenly spaced points of x in [-1, 0].
  const double slope_error = each * std::sqrt(12 / minute.n);
  if (line.c1 <= kSlopeErrors * slope_error || line.c1 < kLeastSlope) return std::nullopt;
  if (curve.at(0) >= threshold) return std::nullopt;
  // A jump is no swing: no smooth curve passes near its points.
  double off = 0;
  for (const Second& second : seconds_) {
    const double x = (second.t - now) / kFitSeconds;
    if (x > -1) off += std::pow(second.share[kind] - curve.at(x), 2);
  }
  if (std::sqrt(off / minute.n) > kMisfit * each + kMisfitLeast) return std::nullopt;

  // How far a parabola's forecast is off: the leverage of a point at u, for points in [-1, 1].
  const double u = 2 * kFarthest / kFitSeconds + 1, tilt = 3 * u * u - 1;
  const double error = each * std::sqrt((1 + 3 * u * u + 1.25 * tilt * tilt) / minute.n);
  if (curve.at(kFarthest / kFitSeconds) - kSure * error <= threshold) return std::nullopt;

  const auto crosses = [&](const Fit& fit) -> std::optional<double> {
    for (double h = 1; h <= kLookAhead; h += 1)
      if (fit.at(h / kFitSeconds) > threshold) return h;
    return std::nullopt;
  };
  const auto straight = crosses(line), bent = crosses(curve), short_term = crosses(lately);
  if (!straight || !bent || !short_term) return std::nullopt;
  const double in = (*straight + *bent + *short_term) / 3;
  if (in < kNearest || in > kFarthest || *bent > kFarthest || *short_term > kFarthest)
    return std::nullopt;
  return Crossing{in, std::min(1.0, curve.at((in + 5) / kFitSeconds))};
}

}  // namespace ds
