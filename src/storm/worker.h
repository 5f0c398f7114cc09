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
#include "storm/dresser.h"
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
  /// Transactions of so many records (0: none), of which the share `abort_rate` is aborted. A
  /// generator batch holds a whole number of them.
  std::uint64_t transaction_records = 0;
  double abort_rate = 0;
  std::uint64_t seed = 1;  // which ones
};

/// Whether the transaction that begins with this record of the run is aborted: a pure function of
/// the seed and the record's number.
bool aborts_transaction(const WorkerSettings& settings, std::uint64_t record);

/// Threads: run() is the worker's own; account() and ledger() may be read by any.
/// Cost: nothing per record beyond the filler's; a batch costs a few virtual calls and two locks.
class Worker final : private kafka::DeliveryListener {
 public:
  using MakeOutlet =
      std::function<Result<std::unique_ptr<kafka::Outlet>>(kafka::DeliveryListener&)>;

  /// Owns the streams given, for which it makes batches s, s + S, s + 2S … Without a dresser
  /// records go as the filler makes them, each stream's to its partition.
  Worker(const WorkerSettings& settings, std::vector<std::uint32_t> streams, Plan& plan,
         std::unique_ptr<Filler> filler, const Clock& clock,
         std::unique_ptr<Dresser> dresser = nullptr);

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

  /// A filled piece of a generator batch until all of it is decided. Undressed it is one batch on
  /// the wire; dressed it went out in parts, one for each partition or more.
  struct Piece {
    SentPiece sent;
    FillRequest request;
    std::uint32_t left = 0;  // parts not yet decided
    struct Part {
      std::int32_t partition;
      std::uint32_t first, last;  // positions in the generator batch
      kafka::Outcome outcome;
    };
    std::vector<Part> parts;  // of a dressed one
  };

  Step advance(Stream& stream, Nanos now);
  Step rest(Stream& stream, const Plan::Turn& turn);
  void next_batch(Stream& stream);
  std::uint64_t sequence_of(const Stream& stream) const;
  void pass_over_earlier(Stream& stream);
  std::uint64_t earlier_in_batch(const Stream& stream) const;
  Step begin(Stream& stream, Nanos now);
  Step advance_transaction(Stream& stream, Nanos now);
  std::int32_t partition_of(const Stream& stream) const;
  FillRequest request_of(const Stream& stream) const;
  void submit_piece(Stream& stream, const kafka::Outlet::Slot& slot);
  void go_on(Stream& stream, std::uint32_t records);

  void dress_piece(Stream& stream);
  bool send_parts();
  void finish_parts(Nanos deadline);
  void take_out_tombstones(const FillRequest& request, std::span<const std::uint32_t> positions,
                           SentPiece& sent);

  void on_delivery(const kafka::OutBatch& batch, const kafka::Delivery& delivery) override;
  void account_for(const kafka::OutBatch& batch, const kafka::Delivery& delivery);
  void settle(kafka::Outcome outcome, const SentPiece& sent);
  void settle_mixed(Piece& piece);
  std::size_t remember(const Stream& stream, const FillRequest& request, const Filled& filled);

  const WorkerSettings settings_;
  std::vector<Stream> streams_;
  Plan& plan_;
  std::unique_ptr<Filler> filler_;
  const Clock& clock_;
  WorkerAccount account_;
  ProducerLedger ledger_;
  std::vector<Piece> pieces_;             // under way, and slots to use again; a token's index
  std::vector<std::size_t> free_pieces_;  // among them
  std::unique_ptr<Dresser> dresser_;      // null: records go as they are
  ByteVec plain_;                         // what it dresses
  std::vector<bool> part_sent_;           // of the parts dressed last
  std::size_t parts_left_ = 0;            // of them not yet submitted
  std::size_t dressed_piece_ = 0;         // whose they are
  Nanos dressed_intended_ = 0;
  std::unique_ptr<kafka::Outlet> outlet_;
  Nanos wait_until_ = 0;
};

}  // namespace ds
