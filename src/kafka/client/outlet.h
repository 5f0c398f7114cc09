// Where record batches leave the storm: the narrow interface that both engines implement
// (direct/ and rdkafka/), one Outlet for each worker thread.
//
//   while (auto slot = outlet.reserve(partition, bytes_max)) {
//     batch.size = fill(slot->bytes);              // Kafka's record-batch format, in place
//     outlet.submit(*slot, batch);
//     outlet.turn(0);
//   }
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/result.h"

namespace ds::kafka {

enum class Acks : std::int8_t { kNone = 0, kLeader = 1, kAll = -1 };

/// A filled record batch. What the sender needs to recognise it again travels in `token`.
struct OutBatch {
  std::int32_t partition = 0;
  std::uint32_t records = 0;
  std::uint32_t size = 0;  // bytes filled of the slot
  std::uint64_t token = 0;
  Nanos intended = 0;  // the instant the schedule wanted it to start
};

enum class Outcome {
  kWritten,       // handed to the socket whole; all that acks=0 ever tells
  kAcknowledged,  // the broker said yes
  kFailed,        // surely not stored, and given up
  kUnknown,       // no answer in time: may be stored or not
  kAborted,       // its transaction was taken back, as asked: in the log, and nobody's to read
};

struct Delivery {
  Outcome outcome = Outcome::kAcknowledged;
  std::int64_t base_offset = -1;  // -1 when not told
  std::int16_t error = 0;         // Kafka's error code, for kFailed
  Nanos at = 0;
};

/// Hears what became of batches. Called from inside submit(), turn() and close(), on the
/// outlet's own thread. With acks 1 and all a batch is told kWritten first (once), then exactly
/// one of the others; with acks=0 either kWritten or kFailed.
class DeliveryListener {
 public:
  virtual ~DeliveryListener() = default;
  virtual void on_delivery(const OutBatch& batch, const Delivery& delivery) = 0;
};

/// Threads: one. Cost: reserve, submit and the virtual calls are per batch, never per record.
class Outlet {
 public:
  /// The filler writes producer_id, producer_epoch and base_sequence into the batch's header before
  /// it computes the CRC, so that no byte is summed twice; without idempotence they are all -1.
  struct Slot {
    ByteSpan bytes;       // at least the bytes asked for
    std::uint32_t index;  // the outlet's own
    std::int64_t producer_id = -1;
    std::int16_t producer_epoch = -1;
    std::int32_t base_sequence = -1;
  };

  virtual ~Outlet() = default;

  /// Room for one batch to `partition`; nothing while the memory or the partition's window is used
  /// up (then turn(), and ask again). A partition has at most one slot reserved and not yet
  /// submitted: the next batch's sequence is known only after submit(). `bytes_max` is at most
  /// ProducerSettings::batch_bytes_max.
  virtual std::optional<Slot> reserve(std::int32_t partition, std::size_t bytes_max) = 0;
  /// Takes the batch, whole and with its CRC; the slot is the outlet's again. batch.size may be 0:
  /// the slot is given back. A compressing outlet reports the size it sent.
  virtual void submit(const Slot& slot, const OutBatch& batch) = 0;
  /// Sends, receives and reports; waits up to `timeout` when there is nothing to do (0: never).
  virtual void turn(Nanos timeout) = 0;
  /// Any thread: ends a turn() that waits, or the next one. Outlets that cannot let it wait.
  virtual void wake() {}
  /// Of a transactional outlet: ends the transaction of everything submitted since the last one.
  /// Blocks until the broker has decided; every batch of it is told kAcknowledged or kAborted then
  /// (or kFailed, kUnknown), and none before.
  virtual void end_transaction(bool /*commit*/) { check(false, "this outlet has no transactions"); }
  /// Batches submitted and not yet decided.
  virtual std::size_t pending() const = 0;
  /// Sends and hears what is pending until `deadline`, reports the rest as failed (never sent) or
  /// unknown, and closes. With acks=0 it asks a last question on each connection behind the last
  /// batch, so that log-end offsets read afterwards count every batch the broker took.
  virtual void close(Nanos deadline) = 0;
};

struct ProducerSettings {
  std::string topic;
  Acks acks = Acks::kLeader;
  bool idempotent = false;
  std::string transactional_id;      // of this outlet; empty: no transactions. librdkafka alone
  std::string compression = "none";  // none, gzip, snappy, lz4, zstd
  int compression_level = -1;        // the codec's own default
  std::size_t batch_bytes_max = 1'048'576;
  std::size_t buffer_memory = 64u << 20;  // of this outlet
  int in_flight_max = 5;                  // requests per connection
  int connections_per_broker = 4;
  bool timestamps_each = false;  // a batch's records have times of their own, to be kept
  Nanos linger = 0;              // a small batch waits this long for others of its partition
  Nanos delivery_timeout = 120 * kSecond;
  Nanos retry_backoff = 100 * kMillisecond;
  Nanos retry_backoff_max = kSecond;
};

}  // namespace ds::kafka
