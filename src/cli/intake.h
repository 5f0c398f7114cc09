// What `consume` and `up` read alike: the pipeline from a topic into a store, and the claims that
// follow it there.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cli/common.h"
#include "cli/fault_parts.h"
#include "cli/instance.h"
#include "kafka/client/source.h"
#include "ledger/clock_watch.h"
#include "observe/snapshot.h"
#include "pipeline/claim_follower.h"
#include "pipeline/pipeline.h"
#include "sink/kafka_dead_letters.h"
#include "sink/make_sink.h"

namespace ds::cli {

struct IntakeOptions {
  kafka::ClientSettings client;
  kafka::ConsumerSettings consumer;
  std::string engine;              // "direct" or "librdkafka"
  std::vector<std::string> sinks;  // "sqlite:PATH", "influx:URL", …; at least one
  SinkSettings store;
  PipelineSettings pipeline;
  bool until_end = false;
  std::shared_ptr<IntakeTrouble> trouble;  // what a scenario's faults do to it; usually none

  /// The first of them, which is the one that is shown and asked.
  const std::string& sink() const { return sinks.front(); }
  /// The first SQLite file among them, which keeps the claims too.
  std::optional<std::string> store_file() const;
  bool prints() const;
  /// Reads the topic's dead letters instead of the topic, up to their end.
  void replay_dead_letters();
};

/// Where InfluxDB and MongoDB are, and who we are to them.
inline constexpr std::string_view kStoreAccess[] = {"influx-url",   "influx-org",    "influx-user",
                                                    "influx-token", "influx-bucket", "mongo-url"};
SinkSettings read_store_access(Reader& read);

std::vector<std::string_view> intake_settings();
IntakeOptions read_intake(Reader& read);

/// Lifetime: borrows clock and log.
class Intake {
 public:
  static Result<std::unique_ptr<Intake>> start(IntakeOptions options, const Clock& clock, Log& log);

  Pipeline& pipeline() { return *pipeline_; }
  const IntakeOptions& options() const { return options_; }
  /// Where the store stood before anything was read.
  const Sink::Offsets& positions_at_start() const { return positions_; }
  /// Stops the pipeline, then takes the claims over once more.
  void stop();

  /// The pipeline's part of a snapshot: stored, lag, latency, sentiment, store.
  /// Records count as visible when it is called.
  void show(Snapshot& into);

 private:
  Intake(IntakeOptions options, const Clock& clock, Log& log)
      : options_(std::move(options)), clock_(clock), log_(log) {}

  IntakeOptions options_;
  const Clock& clock_;
  Log& log_;
  Nanos started_ = 0;
  Sink::Offsets positions_;
  std::optional<InstanceSlot> slot_;
  std::optional<std::uint64_t> rows_before_;  // in the store, when it is one that can tell
  std::mutex visible_mutex_;
  Histogram visible_us_;
  SeenLetters seen_;
  std::unique_ptr<KafkaDeadLetters> dead_letters_;
  std::unique_ptr<ClaimFollower> claims_;  // null when the store keeps no claims
  std::unique_ptr<Pipeline> pipeline_;
  std::optional<ClockWatch> clocks_;
};

}  // namespace ds::cli
