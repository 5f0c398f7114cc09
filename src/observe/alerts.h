// When the mood turns: alerts, and forecasts of alerts, from the shares of each second.
//
// A crisis is a last window with more than half negative, an opportunity one with more than 70 %
// positive. How long the window is depends on how much the shares tremble, because a volatile storm
// draws a new mix for every batch: at ten batches a second a single second is off by ten points.
// So every window from 2 s to 60 s is asked, the shortest first, and it counts when its share is
// over the threshold by more than two and a half standard errors of a mean of that length. A crisis
// of 80 % is seen after 2 to 4 s at 100,000 records a second, and nothing is seen in noise
// (alerts_test.cc plants both and counts). A steady mix has no noise; the window is then 2 s and
// the threshold exact. A window must also still be over the threshold in its last seconds: what has
// passed is no alert.
//
// The noise is taken from the differences between neighbouring seconds, so that a slow swing is not
// mistaken for it.
//
// A forecast fits a line and a parabola to the last minute, and a line to its last third. Where all
// three cross the threshold within 10 to 22 s, the slope is no accident and the parabola's error is
// allowed for, an alert is predicted. A jump is no swing (no smooth curve fits it), and shares that
// tremble by more than four points from second to second are not forecast at all.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "observe/snapshot.h"

namespace ds {

struct Alert {
  std::int64_t id = 0;  // grows with time; the same alert has the same id after a restart
  std::int64_t t = 0;   // ms, the end of the second that raised it
  std::string kind;     // "crisis" or "opportunity"
  double share = 0;     // of the window, 0 to 1; for a prediction the share expected
  bool predicted = false;
  std::optional<double> in_seconds;  // predictions: until the threshold is crossed
  std::optional<double> window_s;    // what `share` was taken over

  static void fields(auto& self, auto& io) {
    io("id", self.id);
    io("t", self.t);
    io("kind", self.kind);
    io("share", self.share);
    io("predicted", self.predicted);
    io("inSeconds", self.in_seconds);
    io("windowS", self.window_s);
  }
  bool operator==(const Alert&) const = default;
};

/// Where a threshold will be crossed, by what the last minute looks like.
struct Crossing {
  double in_seconds;
  double share;  // a few seconds after it
};

/// Threads: one. Time is what the points say, in order.
/// Cost: a few microseconds a second.
class AlertWatch {
 public:
  static constexpr double kCrisis = 0.5, kOpportunity = 0.7;
  static constexpr std::int64_t kCooldownMs = 120'000;  // of each kind, predicted or not

  /// Tells of the second that began at `t_ms`; returns what it raises.
  std::vector<Alert> add(std::int64_t t_ms, const Shares& counts);
  /// An alert of an earlier life: its cooldown goes on.
  void remember(const Alert& alert);

 private:
  static constexpr std::size_t kKept = 90;  // seconds
  static constexpr int kShortest = 2, kLongest = 60;

  struct Second {
    double t;  // s
    double total;
    std::array<double, 2> share;  // negative, positive
  };
  enum Kind { kNegative, kPositive };
  struct Window {
    double share;
    int seconds;
  };

  double noise(Kind kind) const;
  std::optional<Window> over(Kind kind) const;
  std::optional<Crossing> ahead(Kind kind) const;
  bool ready(Kind kind, bool predicted, std::int64_t now_ms) const;

  std::deque<Second> seconds_;
  std::array<std::array<std::int64_t, 2>, 2> last_raised_{};  // ms, by kind and predicted
};

}  // namespace ds
