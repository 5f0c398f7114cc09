// Turns raw totals into what people look at: rates over five seconds, the sentiment of the last
// five minutes, a point of history a second. Everything that shows a run (terminal, dashboard,
// metrics) shows what one Observer made.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "observe/history.h"
#include "observe/meter.h"
#include "observe/process.h"
#include "observe/snapshot.h"

namespace ds {

/// Threads: one.
class Observer {
 public:
  /// Fills the derived fields of a raw snapshot taken at `now`; call it about once a second.
  Snapshot observe(Snapshot raw, Nanos now, const ProcessCost& cost);
  /// What has been observed since the last call, as the whole seconds from `first_t` (ms) on. What
  /// several seconds saw together is spread evenly, so that sums stay right.
  std::vector<HistoryPoint> close(std::int64_t first_t, std::int64_t seconds);

 private:
  static constexpr std::int64_t kWindowSeconds = 300;

  void grow(const Snapshot& from, const Snapshot& to);
  WindowShown window() const;

  Meter offered_, achieved_;
  std::optional<Snapshot> before_;
  std::uint64_t reached_before_ = 0;  // what was there before it was looked at
  HistoryPoint open_;                 // of the second that has not been closed
  std::deque<HistoryPoint> window_;
  Nanos cpu_at_ = 0;
  double cpu_before_ = 0, cpu_cores_ = 0;
};

}  // namespace ds
