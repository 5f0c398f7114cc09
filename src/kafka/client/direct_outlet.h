// How the direct engine sends. Read docs/client.md first; callers use direct_producer.h.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "kafka/client/cluster.h"
#include "kafka/client/outlet.h"
#include "kafka/client/slot_pool.h"
#include "kafka/wire/messages/00_produce.h"
#include "kafka/wire/record_batch.h"

namespace ds::kafka {

/// Under which name the broker counts a partition's sequence.
struct ProducerIdentity {
  std::int64_t id = -1;
  std::int16_t epoch = -1;
  bool operator==(const ProducerIdentity&) const = default;
};

class DirectOutlet final : public Outlet, private AnswerListener {
 public:
  DirectOutlet(const ClientSettings& client, const ProducerSettings& settings, Compression codec,
               DeliveryListener& listener, const Clock& clock, Log& log);
  ~DirectOutlet() override;

  /// Blocks: reaches the cluster and, for idempotence, gets the producer id.
  Status start();

  std::optional<Slot> reserve(std::int32_t partition, std::size_t bytes_max) override;
  void submit(const Slot& slot, const OutBatch& batch) override;
  void turn(Nanos timeout) override;
  void wake() override { poller_.wake(); }
  std::size_t pending() const override { return pending_; }
  void close(Nanos deadline) override;

 private:
  /// One connection of several to a broker, and when to open it again.
  struct Link {
    Link(std::int32_t broker_id, const ClientSettings& client, Poller& poller, const Clock& clock)
        : broker(broker_id), connection(client, poller, clock) {}
    std::int32_t broker;
    Connection connection;
    bool opened = false;  // and not yet seen closed
    bool wanted = false;  // a batch waits for it
    int attempts = 0;
    Nanos not_before = 0;
  };

  /// A slot's batch on its way.
  struct Batch {
    OutBatch out;
    std::uint64_t order = 0;  // of submission; a partition's queue is sorted by it
    Nanos deadline = 0;
    Nanos ready_at = 0;  // until then it lingers, for others to go with it
    ProducerIdentity identity;
    std::int32_t sequence = -1;
    KafkaError last_error = KafkaError::kNone;
    bool told_written = false;
    bool alone = false;         // sent again, and nothing beside it
    bool maybe_stored = false;  // an earlier request with it was sent and never refused
    Link* link = nullptr;       // while a request with it is under way
  };

  struct Partition {
    std::int32_t number = 0;
    std::deque<std::uint32_t> queue;  // slots that wait, in order of submission
    std::size_t in_flight = 0;
    Link* link = nullptr;   // where its requests go
    bool active = false;    // in active_
    bool reserved = false;  // a slot is being filled
    bool draining = false;  // one failed: nothing more until the others are decided
    bool has_hole = false;  // a sequence number was given up: needs a new identity
    bool asked_identity = false;
    ProducerIdentity identity;
    std::int32_t next_sequence = 0;
    int attempts = 0;
    Nanos not_before = 0;
  };

  Partition& partition(std::int32_t number);
  std::size_t window() const;

  // Sending.
  void send_what_can_go(Nanos now);
  bool send_from(Partition& partition, Nanos now);
  bool lingers(const Partition& partition, Nanos now);
  Link* link_of(Partition& partition);
  bool send(Partition& partition, std::uint32_t slot, Link& link, Nanos now);
  void flush();
  void compress_slot(std::uint32_t slot);
  void stamp(std::uint32_t slot, const ProducerIdentity& identity, std::int32_t sequence);

  // What became of it.
  void on_written(std::uint64_t tag) override;
  void on_answer(std::uint64_t tag, ByteView body, const FrameOwner& frame) override;
  void on_lost(std::uint64_t tag, bool sent, const Error& why) override;
  void on_produced(std::uint32_t slot, KafkaError error, std::int64_t base_offset);
  void leave_flight(Partition& partition, Batch& batch);
  void send_again(Partition& partition, std::uint32_t slot, KafkaError why);
  void finish(std::uint32_t slot, Outcome outcome, KafkaError error, std::int64_t base_offset = -1);
  void give_up_overdue(Nanos now);

  // A new identity for a partition with a hole in its sequence.
  void ask_identity(Partition& partition, Nanos now);
  void on_identity(Partition& partition, ByteView body);
  void take_identity(Partition& partition, const ProducerIdentity& identity);

  // Connections.
  void take_map();
  void tend_links(Nanos now);
  void open(Link& link, Nanos now);
  Nanos next_event(Nanos now, Nanos latest) const;
  void ask_last_question(Nanos deadline);

  const ClientSettings client_;
  const ProducerSettings settings_;
  const Compression codec_;
  DeliveryListener& listener_;
  const Clock& clock_;
  Log& log_;
  Poller poller_;
  Random random_;
  Cluster cluster_;
  SlotPool slots_;
  std::vector<Batch> batches_;  // by slot
  std::deque<Partition> partitions_;
  std::vector<std::int32_t> active_;  // partitions with a queue
  std::map<std::int32_t, std::vector<std::unique_ptr<Link>>> links_;
  std::vector<std::size_t> link_index_;  // by partition: which of its leader's links
  ProducerIdentity identity_;
  ProduceRequest request_;  // kept for its memory
  ByteVec packed_;
  std::uint64_t map_version_ = 0;
  std::uint64_t next_order_ = 0;
  std::size_t pending_ = 0;
  std::size_t last_questions_ = 0;
  bool closing_ = false;  // nothing lingers any more
  bool giving_up_ = false;
};

}  // namespace ds::kafka
