// A run of the storm: its workers, its plan, its account and its claims. `produce` and `up` start
// the same object.
//
//   auto run = Run::start(settings, parts, clock, log);
//   while (!(*run)->finished()) show((*run)->account());
//   (*run)->stop();                                        // drains; a second call does nothing
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "ledger/claim.h"
#include "storm/worker.h"

namespace ds {

struct RunSettings {
  RunClaim claim;  // run, topic, partitions, streams, batch size, seed …
  Schedule schedule = Schedule::flat_out();
  std::uint64_t total = 0;  // records of the whole run; 0: no end
  Nanos duration = 0;       // 0: no end
  int threads = 1;
  std::uint32_t shard = 0;
  std::uint32_t shards = 1;
  std::size_t batch_bytes_max = 1'048'576;
  std::uint32_t piece_records_max = UINT32_MAX;  // records in a record batch, whatever fits
  kafka::Acks acks = kafka::Acks::kLeader;
  Dress dress;                            // keys, headers, tombstones, partitions
  std::uint64_t transaction_records = 0;  // 0: no transactions
  double abort_rate = 0;                  // of transactions
  bool timestamps_each = false;           // every record its own; else a batch's records share one
  Nanos drain_timeout = 30 * kSecond;
  Nanos claim_interval = kSecond;
};

/// The concrete parts a run is put together from; only the command line knows their types.
struct RunParts {
  std::function<std::unique_ptr<Filler>()> make_filler;
  Worker::MakeOutlet make_outlet;
  /// Publishes the run's claim, and the claims that changed; called on a thread of its own.
  std::function<Status(const RunClaim&, const ClaimChanges&)> publish;
  /// What an earlier process of this shard left, when this one goes on with its run.
  std::optional<TakenUp> earlier = std::nullopt;
};

/// Threads: start, change and read from any thread.
/// Lifetime: the destructor stops and drains.
class Run {
 public:
  static Result<std::unique_ptr<Run>> start(RunSettings settings, RunParts parts,
                                            const Clock& clock, Log& log);
  ~Run();

  bool finished() const { return running_.load() == 0; }
  /// Nothing new is begun; what is under way is delivered or given up, claimed, and all is joined.
  void stop();

  Account account() const;
  Histogram latency_us() const;
  Histogram wait_us() const;  // from the intended instant until a batch was made
  void clear_latencies();
  const RunClaim& claim() const { return settings_.claim; }
  /// What is claimed of every stream so far.
  std::vector<StreamClaim> claims() const;
  /// Between the begins of one batch and the next, whoever made them.
  Histogram spacing_ns() const { return plan_.spacing_ns(); }
  /// What it should be, in microseconds; 0 where the rate is not one and even.
  double spacing_wanted_us() const;
  /// How many it will have scheduled; nothing when there is no end, or it goes flat out to a time.
  std::optional<std::uint64_t> scheduled_at_end() const {
    if (settings_.duration != 0 && !wanted_rate()) return std::nullopt;
    return plan_.scheduled_at_end();
  }
  std::optional<double> wanted_rate() const { return plan_.wanted_rate(clock_.now()); }
  /// When the last worker had drained; now while any runs.
  Nanos ended() const;
  Nanos started() const { return started_; }

  // While it runs:
  void change_schedule(Schedule schedule) {
    plan_.change_schedule(std::move(schedule), clock_.now());
  }
  /// `claim` says the same of the mix; from which batch on it holds is filled in.
  void change_mix(std::uint32_t mix, MixClaim claim);

 private:
  Run(RunSettings settings, RunParts parts, const Clock& clock, Log& log);
  Status open();
  void take_up(const TakenUp& earlier);
  bool publish_claims(bool last);  // false: there was nothing to claim
  void claim_until_stopped(std::stop_token stop);

  RunSettings settings_;
  RunParts parts_;
  const Clock& clock_;
  Log& log_;
  Nanos started_;
  Plan plan_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::atomic<int> running_{0};
  std::atomic<Nanos> ended_{0};
  bool claim_failed_ = false;  // said once
  CurveKeeper curve_;          // the claimer's
  bool curve_begun_ = false;
  std::mutex mixes_mutex_;  // of what a change of mix adds to the claim
  std::vector<MixClaim> mixes_;
  std::jthread claimer_;
  std::vector<std::jthread> threads_;  // last: join before what they use goes
};

}  // namespace ds
