// All that `datastorm up` is told.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/events.h"
#include "cli/faults.h"
#include "cli/hook_options.h"
#include "cli/intake.h"
#include "cli/limits.h"
#include "cli/sensor_options.h"
#include "cli/storm_options.h"
#include "web/dashboard.h"

namespace ds::cli {

struct UpOptions {
  std::string data_dir;
  bool embedded = true;
  kafka::broker::BrokerSettings broker;
  StormOptions storm;
  IntakeOptions intake;
  Dashboard::Settings dashboard;
  std::string scenario;
  bool sensors = false;  // instead of the storm
  SensorOptions sensing;
  std::string via;  // "hook": the one mounted here
  HookOptions hook;
  bool drawn_secret = false;
  std::vector<Event> events;
  std::vector<Fault> faults;
  std::vector<Limit> limits;
  std::string junit;
  bool json = false, quiet = false;
};

/// What is wrong is told to `read`.
UpOptions read_up(Reader& read);

}  // namespace ds::cli
