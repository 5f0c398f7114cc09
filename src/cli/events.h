// What a scenario does to its own storm, by the clock: "30s crisis", "2m rate 50k".
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "web/dashboard.h"

namespace ds::cli {

struct Event {
  Nanos at;
  std::string what;  // crisis, opportunity, start, stop or rate
  std::optional<double> rate = std::nullopt;
};
Result<Event> parse_event(const std::string& text);

/// Presses the dashboard's buttons when their time has come. Threads: one.
class EventPlay {
 public:
  /// Any order; `controls` are those of the storm.
  EventPlay(std::vector<Event> events, Controls controls, Log& log);
  /// What is due by now; often.
  void turn(Nanos since_start);

 private:
  std::vector<Event> events_;  // by time
  const Controls controls_;
  Log& log_;
  std::size_t next_ = 0;
};

}  // namespace ds::cli
