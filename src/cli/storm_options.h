// What `produce` and `up` read alike: the run, its data, its rate and its producer.
#pragma once

#include <memory>
#include <string>

#include "cli/common.h"
#include "kafka/client/admin.h"
#include "kafka/client/outlet.h"
#include "ledger/exchange.h"
#include "ledger/regenerate.h"
#include "observe/snapshot.h"
#include "registry/registry.h"
#include "storm/pooled_filler.h"
#include "storm/run.h"
#include "storm/tweet_filler.h"

namespace ds::cli {

/// Who is asked for the id that stands before each value.
struct RegistryOptions {
  RegistrySettings settings;  // without a URL nobody is
  std::string subject;        // empty: TOPIC-value
  bool look_up = false;       // what is not there is an error; else it is registered
};

struct StormOptions {
  kafka::ClientSettings client;
  kafka::ProducerSettings producer;
  std::string engine;
  bool one_by_one = false;  // each record after the last one's answer
  kafka::TopicSpec topic;
  TweetSettings tweets;
  Encoding tweet_encoding = Encoding::kAvro;
  std::int32_t schema_id = 0;  // of Confluent's frame; 0: none
  ByteVec frame;               // what it is; empty: none
  RegistryOptions registry;
  Mix mix;
  std::shared_ptr<const ImagePool> values;  // of payloads that are not tweets; null for tweets
  bool run_named = false;                   // by --run: it may have begun already
  RunSettings run;  // what the topic tells (partitions, streams) comes in Storm::start()
};

/// The settings that read_storm() takes, those for Kafka among them.
std::vector<std::string_view> storm_settings();

/// Everything wrong is told to `read`; then the result is of no use.
StormOptions read_storm(Reader& read);

/// Topics, offsets and claims by the engine that sends. Borrows clock and log.
Result<std::unique_ptr<kafka::TopicKeeper>> make_keeper(const std::string& engine,
                                                        const kafka::ClientSettings& client,
                                                        const Clock& clock, Log& log);

/// A run and what it is made of: generator, mixes, claims.
///
/// Lifetime: borrows clock and log.
class Storm {
 public:
  /// Makes the topics (the storm's and the claims') if they are missing, and starts the run.
  static Result<std::unique_ptr<Storm>> start(StormOptions options, const Clock& clock, Log& log);

  Run& run() { return *run_; }
  const StormOptions& options() const { return options_; }
  MixBook& mixes() { return *mixes_; }

  /// From the first batch that nobody has begun on.
  void change_mix(Mix mix) {
    const MixClaim claim = mix_claim(mix);
    run_->change_mix(mixes_->add(std::move(mix)), claim);
  }

  /// The run's part of a snapshot: counters, wanted rate, latency, mix.
  void show(Snapshot& into) const;

 private:
  Storm(StormOptions options, const Clock& clock, Log& log);

  StormOptions options_;
  const Clock& clock_;
  Log& log_;
  std::unique_ptr<TweetGenerator> generator_;
  std::unique_ptr<MixBook> mixes_;
  std::unique_ptr<kafka::TopicKeeper> keeper_;  // start() first, then the claimer's thread
  std::unique_ptr<TopicClaims> claims_;
  int outlets_ = 0;
  std::unique_ptr<Run> run_;  // last: stops before what it borrows goes
};

/// A record of the run that these options describe.
Tweet dry_record(const TweetGenerator& generator, const StormOptions& options, std::uint64_t record,
                 std::int64_t timestamp_ms);

Quantiles quantiles_of(const Histogram& histogram);

}  // namespace ds::cli
