// Turns raw totals into what people look at: rates over five seconds, the sentiment of the last
// five minutes, a point of history a second. Everything that shows a run (terminal, dashboard,
// metrics) shows what one Observer made.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "observe/history.h"
#include "observe/meter.h"
#include "observe/process.h"
#include "observe/snapshot.h"

namespace ds {

struct Observation {
  Snapshot snapshot;
  HistoryPoint point;  // since the observation before
};

/// Threads: one.
class Observer {
 public:
  /// Fills the derived fields of a raw snapshot taken at `now`; call it about once a second.
  Observation observe(Snapshot raw, Nanos now, const ProcessCost& cost);

 private:
  static constexpr std::int64_t kWindowSeconds = 300;

  Meter offered_, achieved_, stored_;
  std::optional<Snapshot> before_;
  std::deque<HistoryPoint> window_;
  Nanos first_ = 0;
  Nanos last_ = 0;
  double last_cpu_ = 0;
};

}  // namespace ds
