// The past from InfluxDB, by Flux: what was stored, by sentiment, also before this machine's own
// history began. A server that was started anew, or elsewhere, shows the same day.
#pragma once

#include "observe/history.h"
#include "sink/influx_server.h"

namespace ds {

/// Threads: one at a time. Cost: a question to the server, which adds up.
class FluxHistory {
 public:
  FluxHistory(InfluxServer server, std::string bucket)
      : server_(std::move(server)), bucket_(std::move(bucket)) {}

  /// Steps in which nothing was stored are left out; `generated` is not known there.
  Result<HistoryColumns> read(const HistorySpan& span, const std::string& brand) const;
  /// The question, for tests and people.
  std::string question(const HistorySpan& span, const std::string& brand) const;

 private:
  const InfluxServer server_;
  const std::string bucket_;
};

/// What the store knows of sentiments and what this machine's own history knows of the storm, step
/// by step.
HistoryColumns merged(const HistoryColumns& own, const HistoryColumns& store);

}  // namespace ds
