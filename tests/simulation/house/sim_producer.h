// A producer's process: idempotent batches over a network that loses answers, and the real ledger
// of what it did, published to the broker once a second as claims.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "house/sim_broker.h"
#include "house/world.h"
#include "ledger/producer_ledger.h"
#include "record/identity.h"

namespace ds::simulation {

/// Lifetime: stays with the world after its process's death, since answers may still come for it.
class SimProducer {
 public:
  SimProducer(World& world, SimBroker& broker, std::uint64_t run);

  void turn();
  /// Dies with all that it had not told.
  void kill() { dead_ = true; }
  /// Makes no more; works off what it has, and tells.
  void finish() { finishing_ = true; }
  bool dead() const { return dead_; }
  /// All is answered and all of that is told.
  bool at_rest() const { return dead_ || (finishing_ && batches_.empty() && told_all_); }
  std::uint64_t run() const { return run_.run; }
  std::int32_t partition() const { return partition_; }
  std::int64_t acknowledged() const { return acknowledged_; }

 private:
  struct Batch {
    std::uint64_t first;
    std::uint64_t count;
    ByteVec bytes;
    std::int64_t window;
    bool in_flight = false;
  };
  void make();
  void send();
  void on_answer(std::uint64_t connection, std::uint64_t first, const ProduceAnswer& answer);
  void break_connection();
  void tell();
  SentPiece piece_of(const Batch& batch) const;

  World& world_;
  SimBroker& broker_;
  RunClaim run_;
  const std::int32_t partition_;
  std::int64_t producer_id_ = -1;
  bool asked_id_ = false;
  std::uint64_t next_ = 0;
  std::deque<Batch> batches_;
  std::uint64_t connection_ = 1;
  std::shared_ptr<World::Link> link_ = std::make_shared<World::Link>();
  Nanos not_before_ = 0;
  std::int64_t acknowledged_ = 0;

  ProducerLedger ledger_;
  Nanos tell_at_ = 0;
  bool telling_ = false, told_all_ = false, told_run_ = false;
  bool dead_ = false, finishing_ = false;
};

}  // namespace ds::simulation
