// The offered curve and the achieved one, and how evenly batches were begun: what a run's producers
// claim of themselves (ledger/curve.h, ledger/spacing.h), all shards together.
#pragma once

#include <optional>
#include <vector>

#include "ledger/claim.h"

namespace ds {

struct Curves {
  struct Point {
    std::int64_t at_ms;        // where the interval begins
    double offered, achieved;  // records a second in it
  };
  std::uint64_t offered = 0, achieved = 0;  // the areas, in records
  std::uint64_t behind_max = 0;             // the most that was due and not yet delivered
  std::int64_t behind_max_ms = 0;           // and when
  std::int64_t began_ms = 0, ended_ms = 0;
  std::int64_t interval_ms = 1000;
  std::vector<Point> points = {};

  /// Of an area against the offered one.
  double off_percent(std::uint64_t area) const {
    if (offered == 0) return 0;
    return 100 * (static_cast<double>(area) / static_cast<double>(offered) - 1);
  }

  static void fields(auto& self, auto& io) {
    io("offered", self.offered);
    io("achieved", self.achieved);
    io("difference_percent", self.off_percent(self.achieved));
    io("behind_max", self.behind_max);
    io("behind_max_ms", self.behind_max_ms);
    io("began_ms", self.began_ms);
    io("ended_ms", self.ended_ms);
    io("interval_ms", self.interval_ms);
  }
};

/// In intervals of that length from the run's begin on, longer ones where there would be too many.
/// Nothing where no curve is claimed.
std::optional<Curves> curves_of(const ClaimedRun& run, std::int64_t interval_ms);

/// The time from one generator batch's begin to the next one's.
struct Spacing {
  struct Bar {
    double from_us, to_us, share;  // of all gaps, 0 to 1
  };
  std::uint64_t gaps = 0;
  double wanted_us = 0;             // 0: the rate is not one and even
  std::optional<double> near = {};  // the share within a tenth of it
  double p1_us = 0, p50_us = 0, p90_us = 0, p99_us = 0, max_us = 0;
  std::vector<Bar> bars = {};  // equally wide

  static void fields(auto& self, auto& io) {
    io("gaps", self.gaps);
    io("wanted_us", self.wanted_us);
    io("share_near", self.near);
    io("p1_us", self.p1_us);
    io("p50_us", self.p50_us);
    io("p90_us", self.p90_us);
    io("p99_us", self.p99_us);
    io("max_us", self.max_us);
  }
};
std::optional<Spacing> spacing_of(const ClaimedRun& run);

}  // namespace ds
