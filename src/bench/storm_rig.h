// A storm for measuring: tweets or bytes, either engine, no claims.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "kafka/client/client_settings.h"
#include "kafka/client/outlet.h"
#include "record/generator.h"
#include "storm/preset.h"
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
  std::uint64_t batch_size = 8000;
  std::size_t pool = 1024;  // 0: each record is serialised afresh
  std::string payload;      // "random:100", "file:PATH"; empty: tweets
  int brands = 1;
  std::string compression = "none";
  std::size_t batch_bytes = 1'048'576;
  std::size_t buffer_memory = 64u << 20;
  Nanos linger = 5 * kMillisecond;  // librdkafka's best; a full batch never waits
  bool one_by_one = false;
  bool time_filling = false;  // costs two looks at the thread's clock a record batch
  std::map<std::string, std::string> properties = {};
  /// Between the storm and its outlets; may be empty.
  std::function<std::unique_ptr<kafka::Outlet>(std::unique_ptr<kafka::Outlet>)> wrap_outlet = {};
  std::function<std::unique_ptr<Filler>(std::unique_ptr<Filler>)> wrap_filler = {};
};

/// The rung's way of producing, as fast as it goes: capacity is asked, not the old pace.
StormRigSettings rig_of(const Preset& preset);

/// What a run was worth.
struct Stormed {
  Account account;
  double seconds = 0;  // from the first intended instant to the last delivery
  double records_per_second = 0;
  double bytes_per_second = 0;
  double cpu_seconds = 0;   // of this process meanwhile
  double fill_seconds = 0;  // of them in the filler, with time_filling
  double record_bytes = 0;
  Histogram latency_us;
  std::vector<double> window_rates;  // acknowledged, a second

  /// (max - min) / median of the windows' rates.
  double instability() const;
};

/// Lifetime: borrows clock and log.
class StormRig {
 public:
  static int threads();
  /// Makes the topic if it is missing.
  static Result<std::unique_ptr<StormRig>> start(const StormRigSettings& settings,
                                                 const Clock& clock, Log& log);
  Run& run() { return *run_; }
  /// Waits until the run has ended by itself and drained.
  Account finish();
  /// The same, told whole; an error when not all that was sent is acknowledged. `window` is the
  /// length of those in window_rates; 0: none.
  Result<Stormed> measure(Nanos window = 0);

 private:
  StormRig(const StormRigSettings& settings, const Clock& clock);
  Status ready_topic(const StormRigSettings& settings, const Clock& clock, Log& log);

  const Clock& clock_;
  kafka::ClientSettings client_;
  kafka::ProducerSettings producer_;
  TweetGenerator generator_;
  MixBook mixes_;
  double cpu_before_ = 0;
  std::atomic<Nanos> filling_{0};
  std::unique_ptr<Run> run_;
};

/// Starts, measures.
Result<Stormed> storm(const StormRigSettings& settings, const Clock& clock, Log& log,
                      Nanos window = 0);

/// 50/30/20, as everywhere.
Mix usual_mix();

}  // namespace ds
