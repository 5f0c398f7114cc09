// The knee: the highest rate that a chain of stages carries within its limits, and the stage that
// ends it.
//
//   generator -> client and network -> broker -> sink
//
// The search raises the rate by doubling until a trial fails, then halves the interval. What a
// trial leaves behind says which stage it was: behind the bottleneck nothing waits, before it all
// is full. The log is the one queue without a bound, so that a slow sink shows as records in it. A
// slow broker or network shows as records under way, until the storm's memory, which is bounded, is
// full of them: then it has work and no room. A slow generator shows as work that is neither.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace ds {

enum class Stage { kNone, kGenerator, kClient, kBroker, kSink };
std::string_view name_of(Stage stage);

/// What one rate did.
struct Trial {
  double offered = 0;   // records a second
  double achieved = 0;  // through the last stage
  Nanos p99 = 0;        // from the intended instant to the last stage
  // When the schedule ended:
  double records = 0;    // offered until then
  double unmade = 0;     // due, and not with the client
  double under_way = 0;  // with client or broker
  double in_log = 0;     // acknowledged, and not through the sink
  // Meanwhile:
  double blocked = 0;       // share of the time that the storm had work and no room
  double below_broker = 0;  // share of what it had under way that had not reached the broker
  double generator_ms = 0;  // mean time that a record was with each stage
  double client_ms = 0;
  double broker_ms = 0;
  double sink_ms = 0;
};

struct KneeLimits {
  Nanos p99 = 100 * kMillisecond;
  double keep_up = 0.97;  // achieved / offered
  bool met_by(const Trial& trial) const {
    return trial.achieved >= keep_up * trial.offered && trial.p99 <= p99;
  }
};

/// The stage that made a trial miss the limits; kNone for one that met them.
Stage stage_of(const Trial& trial, const KneeLimits& limits);

struct KneeSearch {
  double from = 50e3;       // records a second
  double most = 200e6;      // where the search gives up
  double precision = 1.02;  // between the rate that held and the one that did not
  KneeLimits limits;
};

struct Knee {
  double rate = 0;             // the highest that met the limits; 0: not even the first did
  Stage stage = Stage::kNone;  // kNone: nothing saturates up to `most`
  std::vector<Trial> trials;   // in the order in which they were made
};

/// A trial that fails is made once more, and the better of the two counts: a machine that is busy
/// elsewhere may spoil one.
Result<Knee> find_knee(const KneeSearch& search,
                       const std::function<Result<Trial>(double rate)>& make_trial);

}  // namespace ds
