// A worker: a thread that makes the batches of its streams when they are due, in place in its
// outlet's memory, and keeps the account of what became of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "base/clock.h"
#include "kafka/client/outlet.h"
#include "ledger/producer_ledger.h"
#include "ledger/take_up.h"
#include "storm/account.h"
#include "storm/filler.h"
#include "storm/plan.h"

namespace ds {

/// What all workers of a run share and never change.
struct WorkerSettings {
  std::uint32_t streams = 64;
  std::uint64_t batch_size = 8000;
  std::int32_t partitions = 32;
  std::size_t batch_bytes_max = 1'048'576;
  std::uint32_t piece_records_max = UINT32_MAX;  // of a generator batch, sent at once
  kafka::Acks acks = kafka::Acks::kLeader;
  bool timestamps_each = false;
  Nanos drain_timeout = 30 * kSecond;
};

/// Threads: run() is the worker's own; account() and ledger() may be read by any.
/// Cost: nothing per record beyond the filler's; a batch costs a few virtual calls and two locks.
class Worker final : private kafka::DeliveryListener {
 public:
  using MakeOutlet =
      std::function<Result<std::unique_ptr<kafka::Outlet>>(kafka::DeliveryListener&)>;

  /// Owns the streams given, for which it makes batches s, s + S, s + 2S …
  Worker(const WorkerSettings& settings, std::vector<std::uint32_t> streams, Plan& plan,
         std::unique_ptr<Filler> filler, const Clock& clock);

  /// Goes on with its streams where an earlier process left them; called before run().
  void take_up(const TakenUp& taken);
  /// The first batch, of all streams, that is not all made.
  std::uint64_t first_batch() const;
  /// Connects; called before run(), by whoever starts the run.
  Status open(const MakeOutlet& make_outlet);
  /// Makes batches until the plan is finished or a stop is asked for, then drains.
  void run(std::stop_token stop);

  const WorkerAccount& account() const { return account_; }
  WorkerAccount& account() { return account_; }
  ProducerLedger& ledger() { return ledger_; }

 private:
  /// A stream's place: the next batch, and how far into it the pieces have come.
  struct Stream {
    std::uint32_t stream;
    std::uint64_t batch;
    std::uint32_t made = 0;         // records of the batch that are submitted
    Plan::Turn turn;                // of the batch that is begun; kWait: none is
    std::int64_t timestamp_ms = 0;  // its records': the wall clock's at its intended instant
    bool finished = false;
    IntervalSet earlier;  // sequence numbers that an earlier process made
  };
  enum class Step { kMade, kBlocked, kWaits, kFinished };

  Step advance(Stream& stream, Nanos now);
  Step rest(Stream& stream, const Plan::Turn& turn);
  void next_batch(Stream& stream);
  std::uint64_t sequence_of(const Stream& stream) const;
  void pass_over_earlier(Stream& stream);
  std::uint64_t earlier_in_batch(const Stream& stream) const;
  std::int32_t partition_of(const Stream& stream) const;
  void submit_piece(Stream& stream, const kafka::Outlet::Slot& slot);
  void on_delivery(const kafka::OutBatch& batch, const kafka::Delivery& delivery) override;
  std::size_t remember(const Stream& stream, const Filled& filled);

  const WorkerSettings settings_;
  std::vector<Stream> streams_;
  Plan& plan_;
  std::unique_ptr<Filler> filler_;
  const Clock& clock_;
  WorkerAccount account_;
  ProducerLedger ledger_;
  std::vector<SentPiece> pieces_;         // under way, and slots to use again; a token's index
  std::vector<std::size_t> free_pieces_;  // among them
  std::unique_ptr<kafka::Outlet> outlet_;
  Nanos wait_until_ = 0;
};

}  // namespace ds
