#include "house/sim_producer.h"

#include <algorithm>

#include "kafka/wire/record_batch.h"

namespace ds::simulation {

using kafka::KafkaError;
using kafka::RecordBatchBuilder;

namespace {

constexpr std::size_t kInFlightMax = 5;
constexpr std::size_t kQueueMax = 12;
constexpr Nanos kPatience = 700 * kMillisecond;
constexpr Nanos kTellEvery = 2 * kSecond;

}  // namespace

SimProducer::SimProducer(World& world, SimBroker& broker, std::uint64_t run)
    : world_(world),
      broker_(broker),
      run_{.run = run, .topic = kTopic, .partitions = kPartitions, .streams = 1, .batch_size = 8},
      partition_(static_cast<std::int32_t>(run % kPartitions)) {
  run_.started_ms = world.clock.wall_ms();
}

void SimProducer::turn() {
  if (dead_) return;
  if (producer_id_ < 0 && !std::exchange(asked_id_, true))
    world_.ask<std::int64_t>(
        kPatience, [this](auto reply) { broker_.new_producer_id(reply); },
        [this](const std::int64_t& id) { producer_id_ = id; }, [this] { asked_id_ = false; });
  if (producer_id_ >= 0) {
    if (!finishing_ && batches_.size() < kQueueMax && world_.random.below(2)) make();
    send();
  }
  tell();
  if (!at_rest())
    world_.in(world_.between(10 * kMillisecond, 80 * kMillisecond), [this] { turn(); });
}

void SimProducer::make() {
  Batch batch{.first = next_,
              .count = 1 + world_.random.below(8),
              .bytes = {},
              .window = world_.clock.wall_ms() / 1000};
  RecordBatchBuilder builder({.producer_id = producer_id_,
                              .producer_epoch = 0,
                              .base_sequence = static_cast<std::int32_t>(batch.first)});
  for (std::uint64_t i = 0; i < batch.count; ++i) {
    const auto id = to_binary({run_.run, 0, batch.first + i});
    builder.add({.timestamp = world_.clock.wall_ms(), .value = ByteView(id)});
  }
  batch.bytes = builder.build().value();
  next_ += batch.count;
  batches_.push_back(std::move(batch));
}

/// In order, and never past one that has to be sent again.
void SimProducer::send() {
  if (world_.now() < not_before_) return;
  std::size_t in_flight = 0;
  for (Batch& batch : batches_) {
    if (++in_flight > kInFlightMax) return;
    if (batch.in_flight) continue;
    batch.in_flight = true;
    world_.ask<ProduceAnswer>(
        kPatience,
        [this, bytes = batch.bytes](auto reply) {
          broker_.produce(kTopic, partition_, bytes, reply);
        },
        [this, connection = connection_, first = batch.first](const ProduceAnswer& answer) {
          on_answer(connection, first, answer);
        },
        [this, connection = connection_] {
          if (connection == connection_) break_connection();
        },
        link_);
  }
}

void SimProducer::on_answer(std::uint64_t connection, std::uint64_t first,
                            const ProduceAnswer& answer) {
  if (dead_ || connection != connection_) return;
  const auto batch =
      std::ranges::find_if(batches_, [&](const Batch& each) { return each.first == first; });
  if (batch == batches_.end()) return;
  // Older than what the broker remembers of this producer: it is there all the same.
  const bool stored =
      answer.error == KafkaError::kNone || answer.error == KafkaError::kDuplicateSequenceNumber;
  if (!stored) return break_connection();
  world_.note(static_cast<std::uint64_t>(answer.base_offset));
  ledger_.acknowledged(piece_of(*batch));
  acknowledged_ += static_cast<std::int64_t>(batch->count);
  batches_.erase(batch);
}

/// What was under way on it is sent again on the next one, in its order.
void SimProducer::break_connection() {
  ++connection_;
  link_ = std::make_shared<World::Link>();
  for (Batch& batch : batches_) batch.in_flight = false;
  not_before_ = world_.now() + world_.between(0, 200 * kMillisecond);
}

SentPiece SimProducer::piece_of(const Batch& batch) const {
  return {.stream = 0,
          .range = {batch.first, batch.first + batch.count},
          .window = batch.window,
          .kinds = {}};
}

void SimProducer::tell() {
  const bool last = finishing_ && batches_.empty();
  if (telling_ || (world_.now() < tell_at_ && !last)) return;
  tell_at_ = world_.now() + kTellEvery;
  auto changes =
      std::make_shared<ClaimChanges>(ledger_.take_changed(world_.clock.wall_ms() / 1000));
  if (changes->empty() && told_run_) {
    told_all_ = last;
    return;
  }
  for (auto& stream : changes->streams) stream.run = run_.run, stream.partition = partition_;
  for (auto& window : changes->windows) window.run = run_.run, window.partition = partition_;
  RecordBatchBuilder builder({});
  for (const auto& [key, value] : to_records(run_, *changes))
    builder.add({.timestamp = world_.clock.wall_ms(),
                 .key = as_bytes(key),
                 .value = value.empty() ? std::nullopt : std::optional(as_bytes(value))});
  telling_ = true;
  world_.ask<ProduceAnswer>(
      kPatience,
      [this, bytes = builder.build().value()](auto reply) {
        broker_.produce(kRunsTopic, 0, bytes, reply);
      },
      [this, changes](const ProduceAnswer& answer) {
        telling_ = false;
        if (answer.error != KafkaError::kNone) return ledger_.mark_changed(*changes);
        told_run_ = true;
      },
      [this, changes] {
        telling_ = false;
        ledger_.mark_changed(*changes);
      });
}

}  // namespace ds::simulation
