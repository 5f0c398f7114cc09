// A storm for measuring: default tweets, either engine, no claims.
#pragma once

#include <memory>
#include <vector>

#include "kafka/client/client_settings.h"
#include "kafka/client/outlet.h"
#include "record/generator.h"
#include "storm/run.h"
#include "storm/tweet_filler.h"

namespace ds {

enum class Engine { kDirect, kRdkafka };

struct StormRigSettings {
  Engine engine = Engine::kDirect;
  std::vector<Address> brokers;
  std::string topic = "bench";
  std::int32_t partitions = 32;
  int connections = 4;  // to a broker; the direct engine's
  int in_flight = 5;    // requests a connection
  kafka::Acks acks = kafka::Acks::kLeader;
  std::uint64_t total = 0;  // or
  Nanos duration = 0;
  Schedule schedule = Schedule::flat_out();
  int threads = 0;  // 0: as StormRig::threads()
};

/// Lifetime: borrows clock and log.
class StormRig {
 public:
  static int threads();
  static Result<std::unique_ptr<StormRig>> start(const StormRigSettings& settings,
                                                 const Clock& clock, Log& log);
  Run& run() { return *run_; }
  /// Waits until the run has ended by itself and drained.
  Account finish();

 private:
  StormRig(const StormRigSettings& settings);

  kafka::ClientSettings client_;
  kafka::ProducerSettings producer_;
  TweetGenerator generator_;
  MixBook mixes_;
  std::unique_ptr<Run> run_;
};

}  // namespace ds
