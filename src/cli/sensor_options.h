// What `sensors` and `up` read alike.
#pragma once

#include <optional>

#include "cli/common.h"
#include "storm/sensors.h"

namespace ds::cli {

/// But for those of Kafka, the topic, rate, total and duration.
inline constexpr std::string_view kSensorSettings[] = {
    "producers", "interval-ms", "via", "distribution", "lines", "first-producer", "seed"};

struct SensorOptions {
  SensorSettings settings;
  std::optional<SensorsViaHook> hook;  // its secret is the caller's; none: straight into Kafka
};

/// `rate` is of all sensors together; 0 leaves it to the interval.
SensorOptions read_sensors(Reader& read, double rate);

}  // namespace ds::cli
