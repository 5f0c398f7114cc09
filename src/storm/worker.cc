#include "storm/worker.h"

#include <algorithm>

namespace ds {
namespace {

/// How long a turn may sleep: plans change while workers wait.
constexpr Nanos kNapMax = 20 * kMillisecond;

}  // namespace

Worker::Worker(const WorkerSettings& settings, std::vector<std::uint32_t> streams, Plan& plan,
               std::unique_ptr<Filler> filler, const Clock& clock)
    : settings_(settings), plan_(plan), filler_(std::move(filler)), clock_(clock) {
  for (const std::uint32_t stream : streams)
    streams_.push_back({.stream = stream, .batch = stream, .turn = {}});
}

Status Worker::open(const MakeOutlet& make_outlet) {
  auto outlet = make_outlet(*this);
  if (!outlet) return std::move(outlet).error();
  outlet_ = std::move(outlet).value();
  return Done{};
}

void Worker::run(std::stop_token stop) {
  // Streams are visited in the order of their next batches, so that batches begin in the order in
  // which they are due. A stream whose partition is busy is passed over, not waited for.
  while (!stop.stop_requested()) {
    bool made = false, blocked = false;
    std::size_t finished = 0;
    wait_until_ = clock_.now() + kNapMax;
    for (Stream& stream : streams_) {
      const Step step = stream.finished ? Step::kFinished : advance(stream, clock_.now());
      made |= step == Step::kMade;
      blocked |= step == Step::kBlocked;
      finished += step == Step::kFinished;
      if (step == Step::kMade) outlet_->turn(0);
    }
    if (finished == streams_.size()) break;
    if (made) continue;
    const Nanos nap = blocked ? kNapMax : std::max<Nanos>(0, wait_until_ - clock_.now());
    outlet_->turn(std::min(nap, kNapMax));
  }
  outlet_->close(clock_.now() + settings_.drain_timeout);
}

Worker::Step Worker::advance(Stream& stream, Nanos now) {
  // First due, then room, then begun: what is begun is also sent, so that a run which is stopped
  // while its partitions are busy has not scheduled more than it made.
  const bool begun = stream.turn.answer == Plan::Answer::kBegin;
  if (!begun) {
    const Plan::Turn next = plan_.look(stream.batch, now);
    if (next.answer != Plan::Answer::kBegin) return rest(stream, next);
  }
  const auto slot = outlet_->reserve(partition_of(stream), settings_.batch_bytes_max);
  if (!slot) return Step::kBlocked;
  if (!begun) {
    const Plan::Turn turn = plan_.begin(stream.batch, now);
    if (turn.answer != Plan::Answer::kBegin) {  // the plan has changed meanwhile
      outlet_->submit(*slot, {.partition = partition_of(stream)});
      return rest(stream, turn);
    }
    stream.turn = turn;
  }
  submit_piece(stream, *slot);
  if (stream.made == stream.turn.records) {
    stream.batch += settings_.streams;
    stream.made = 0;
    stream.turn = {};
  }
  return Step::kMade;
}

Worker::Step Worker::rest(Stream& stream, const Plan::Turn& turn) {
  if (turn.answer == Plan::Answer::kFinished) {
    stream.finished = true;
    return Step::kFinished;
  }
  wait_until_ = std::min(wait_until_, turn.intended);
  return Step::kWaits;
}

std::int32_t Worker::partition_of(const Stream& stream) const {
  return static_cast<std::int32_t>(stream.stream %
                                   static_cast<std::uint32_t>(settings_.partitions));
}

void Worker::submit_piece(Stream& stream, const kafka::Outlet::Slot& slot) {
  const Filled filled =
      filler_->fill({.batch = stream.batch,
                     .mix_batch = stream.turn.mix_batch,
                     .mix = stream.turn.mix,
                     .first = stream.made,
                     .count = stream.turn.records - stream.made,
                     .timestamp_ms = clock_.wall_ms(),
                     .stamp = {slot.producer_id, slot.producer_epoch, slot.base_sequence}},
                    slot.bytes.first(std::min(slot.bytes.size(), settings_.batch_bytes_max)));
  check(filled.records > 0, "a record is larger than the largest batch");
  account_.enqueued(filled.records, filled.by_sentiment, stream.turn.intended);
  outlet_->submit(slot, {.partition = partition_of(stream),
                         .records = filled.records,
                         .size = filled.bytes,
                         .token = stream.batch * settings_.batch_size + stream.made,
                         .intended = stream.turn.intended});
  stream.made += filled.records;
}

void Worker::on_delivery(const kafka::OutBatch& batch, const kafka::Delivery& delivery) {
  // The token is the run-wide number of the batch's first record.
  const std::uint64_t generated = batch.token / settings_.batch_size;
  const auto stream = static_cast<std::uint32_t>(generated % settings_.streams);
  const std::uint64_t sequence =
      generated / settings_.streams * settings_.batch_size + batch.token % settings_.batch_size;
  const Interval range{sequence, sequence + batch.records};
  const Nanos latency = delivery.at - batch.intended;
  switch (delivery.outcome) {
    case kafka::Outcome::kWritten:
      account_.written(batch.records, batch.size);
      if (settings_.acks != kafka::Acks::kNone) return;
      account_.delivered(batch.records, latency, delivery.at, false);
      ledger_.written(stream, range);
      return;
    case kafka::Outcome::kAcknowledged:
      account_.delivered(batch.records, latency, delivery.at, true);
      ledger_.acknowledged(stream, range);
      return;
    case kafka::Outcome::kFailed:
      account_.failed(batch.records, latency);
      ledger_.failed(stream, range);
      return;
    case kafka::Outcome::kUnknown:
      account_.unknown(batch.records, latency);
      ledger_.unknown(stream, range);
      return;
  }
}

}  // namespace ds
