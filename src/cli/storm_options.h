// What `produce` and `up` read alike: the run, its data, its rate and its producer.
#pragma once

#include <memory>
#include <string>

#include "cli/common.h"
#include "kafka/client/admin.h"
#include "kafka/client/outlet.h"
#include "observe/snapshot.h"
#include "storm/run.h"
#include "storm/tweet_filler.h"

namespace ds::cli {

struct StormOptions {
  kafka::ClientSettings client;
  kafka::ProducerSettings producer;
  std::string engine;
  kafka::TopicSpec topic;
  TweetFillerSettings tweets;
  RunSettings run;  // but for what only the topic's partitions tell; see start_storm()
  bool batch_size_given = false;
  bool streams_given = false;
};

/// The settings that read_storm() takes, beside those for Kafka.
std::span<const std::string_view> storm_settings();

/// Everything wrong is told to `read`; then the result is of no use.
StormOptions read_storm(Reader& read);

/// Makes the topic if it is missing, and starts the run.
Result<std::unique_ptr<Run>> start_storm(StormOptions& options, const Clock& clock, Log& log);

/// The run's part of a snapshot: counters, rates wanted, latency, mix.
void show_run(const Run& run, const StormOptions& options, const Clock& clock, Snapshot& into);

Quantiles quantiles_of(const Histogram& histogram);

}  // namespace ds::cli
