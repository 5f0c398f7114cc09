// A pipeline for measuring: from a topic's start into one sink, until so many records are stored.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "net/socket.h"
#include "pipeline/pipeline.h"

namespace ds {

struct PipelineRigSettings {
  std::vector<Address> brokers;
  std::string topic;
  std::string group = "bench";
  std::string cluster_id = "bench";
  Nanos flush = 0;
};

/// Reads all partitions without joining a group.
Result<std::unique_ptr<Pipeline>> start_pipeline(const PipelineRigSettings& settings,
                                                 std::unique_ptr<Sink> sink, const Clock& clock,
                                                 Log& log);

/// Waits until `records` are stored, stops it, and holds the count against them.
Result<PipelineAccount> finish_pipeline(Pipeline& pipeline, std::uint64_t records, Nanos timeout,
                                        const Clock& clock);

/// What lies in the topic, through the sink: records a second from the first fetch to the last
/// store.
Result<double> drain_topic(const PipelineRigSettings& settings, std::unique_ptr<Sink> sink,
                           std::uint64_t records, const Clock& clock, Log& log);

}  // namespace ds
