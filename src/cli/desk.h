// What the dashboard's buttons do to a running storm.
#pragma once

#include <optional>
#include <string>

#include "cli/storm_options.h"
#include "web/dashboard.h"

namespace ds::cli {

/// Threads: the dashboard's lane, but for the constructor. Lifetime: borrows the storm.
class Desk {
 public:
  Desk(Storm& storm, const Clock& clock);

  Controls controls();
  /// Once a second: a crisis that was triggered passes by itself.
  void tick();
  /// State and wanted rate: while the storm is stopped, the rate with which it starts again.
  void show(Snapshot& into) const;

 private:
  Status start();
  Status stop();
  Status swing(std::string_view positive, std::string_view negative, std::string_view neutral);
  Status set_rate(std::optional<double> records_per_second);
  Status set_mix(const std::string& json);

  static constexpr Nanos kSwingTime = 30 * kSecond;

  Storm& storm_;
  const Clock& clock_;
  Schedule schedule_;  // while it runs
  Mix mix_;            // while nothing is triggered
  bool stopped_ = false;
  Nanos swing_until_ = 0;  // 0: none
};

}  // namespace ds::cli
