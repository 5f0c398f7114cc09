// What `sensors` and `up` read alike.
#pragma once

#include <optional>

#include "cli/common.h"
#include "kafka/client/admin.h"
#include "ledger/exchange.h"
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

/// Where what the sensors claim goes: the topic of claims, through a connection of its own.
/// Lifetime: longer than the sensors; borrows clock and log.
class SensorClaims {
 public:
  SensorClaims(const kafka::ClientSettings& client, const std::string& topic, std::uint64_t run,
               const Clock& clock, Log& log)
      : admin_(client, clock, log),
        claims_(admin_, clock),
        ledger_(
            {.run = run, .topic = topic, .engine = "direct", .acks = "all"},
            [this](const RunClaim& claim, const ClaimChanges& changes) {
              return claims_.publish(claim, changes);
            },
            clock, log) {}
  SensorLedger& ledger() { return ledger_; }

 private:
  kafka::Admin admin_;
  TopicClaims claims_;
  SensorLedger ledger_;
};

}  // namespace ds::cli
