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

void Worker::take_up(const TakenUp& taken) {
  const auto ours = [&](std::uint32_t stream) {
    return std::ranges::find(streams_, stream, &Stream::stream);
  };
  EarlierRecords sum;
  for (const StreamClaim& claim : taken.streams) {
    const auto stream = ours(claim.stream);
    if (stream == streams_.end()) continue;
    ledger_.take_up(claim);
    for (const IntervalSet* set :
         {&claim.acknowledged, &claim.written, &claim.failed, &claim.unknown})
      stream->earlier.add(*set);
    sum.acknowledged += claim.acknowledged.count();
    sum.written += claim.acknowledged.count() + claim.written.count() + claim.unknown.count();
    sum.failed += claim.failed.count();
    sum.unknown += claim.unknown.count();
  }
  for (const WindowClaim& claim : taken.windows)
    if (ours(claim.stream) != streams_.end()) ledger_.take_up(claim);
  for (const SentPiece& piece : taken.found) {
    const auto stream = ours(piece.stream);
    if (stream == streams_.end()) continue;
    stream->earlier.add(piece.range);
    sum.written += piece.range.size();
    if (settings_.acks == kafka::Acks::kNone) {
      ledger_.written(piece);
    } else {
      ledger_.acknowledged(piece);
      sum.acknowledged += piece.range.size();
    }
  }
  account_.take_up(sum);
  for (Stream& stream : streams_) pass_over_earlier(stream);
}

std::uint64_t Worker::first_batch() const {
  return std::ranges::min(streams_, {}, &Stream::batch).batch;
}

std::uint64_t Worker::sequence_of(const Stream& stream) const {
  return stream.batch / settings_.streams * settings_.batch_size + stream.made;
}

void Worker::pass_over_earlier(Stream& stream) {
  const std::uint64_t at = sequence_of(stream);
  const auto range = stream.earlier.at_or_after(at);
  if (!range || at < range->begin) return;
  const std::uint64_t batches = range->end / settings_.batch_size;
  stream.batch = batches * settings_.streams + stream.stream;
  stream.made = static_cast<std::uint32_t>(range->end % settings_.batch_size);
}

std::uint64_t Worker::earlier_in_batch(const Stream& stream) const {
  const std::uint64_t first = sequence_of(stream) - stream.made;
  return stream.earlier.count_in({first, first + settings_.batch_size});
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
    if (stream.made >= next.records) {  // the last batch, a short one: an earlier process made it
      next_batch(stream);
      return advance(stream, now);
    }
  }
  const auto slot = outlet_->reserve(partition_of(stream), settings_.batch_bytes_max);
  if (!slot) return Step::kBlocked;
  if (!begun) {
    const Plan::Turn turn = plan_.begin(stream.batch, now, earlier_in_batch(stream));
    if (turn.answer != Plan::Answer::kBegin) {  // the plan has changed meanwhile
      outlet_->submit(*slot, {.partition = partition_of(stream)});
      return rest(stream, turn);
    }
    stream.turn = turn;
    stream.timestamp_ms =
        clock_.wall_ms() - std::max<Nanos>(0, clock_.now() - turn.intended) / kMillisecond;
  }
  submit_piece(stream, *slot);
  const std::uint64_t batch = stream.batch;
  if (stream.made == stream.turn.records) next_batch(stream);
  pass_over_earlier(stream);
  if (stream.batch != batch || stream.made == stream.turn.records) stream.turn = {};
  return Step::kMade;
}

void Worker::next_batch(Stream& stream) {
  stream.batch += settings_.streams;
  stream.made = 0;
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
  std::uint64_t count = std::min(stream.turn.records - stream.made, settings_.piece_records_max);
  if (const auto earlier = stream.earlier.at_or_after(sequence_of(stream)))
    count = std::min(count, earlier->begin - sequence_of(stream));
  const Filled filled =
      filler_->fill({.batch = stream.batch,
                     .mix_batch = stream.turn.mix_batch,
                     .mix = stream.turn.mix,
                     .first = stream.made,
                     .count = static_cast<std::uint32_t>(count),
                     .timestamp_ms = stream.timestamp_ms,
                     .each = settings_.timestamps_each ? &clock_ : nullptr,
                     .stamp = {slot.producer_id, slot.producer_epoch, slot.base_sequence}},
                    slot.bytes.first(std::min(slot.bytes.size(), settings_.batch_bytes_max)));
  check(filled.records > 0, "a record is larger than the largest batch");
  account_.enqueued(filled.records, filled.by_sentiment, stream.turn.intended,
                    clock_.now() - stream.turn.intended);
  outlet_->submit(slot, {.partition = partition_of(stream),
                         .records = filled.records,
                         .size = filled.bytes,
                         .token = remember(stream, filled),
                         .intended = stream.turn.intended});
  stream.made += filled.records;
}

std::size_t Worker::remember(const Stream& stream, const Filled& filled) {
  if (free_pieces_.empty()) {
    free_pieces_.push_back(pieces_.size());
    pieces_.emplace_back();
  }
  const std::size_t index = free_pieces_.back();
  free_pieces_.pop_back();
  SentPiece& piece = pieces_[index];
  const std::uint64_t first = sequence_of(stream);
  piece.stream = stream.stream;
  piece.range = {first, first + filled.records};
  piece.window = window_of(stream.timestamp_ms, 1000) / 1000;
  piece.kinds.clear();
  for (std::size_t k = 0; k < filled.kinds.size(); ++k)
    if (filled.kinds[k].count > 0)
      piece.kinds.push_back({static_cast<std::uint16_t>(k), filled.kinds[k]});
  return index;
}

void Worker::on_delivery(const kafka::OutBatch& batch, const kafka::Delivery& delivery) {
  const SentPiece& piece = pieces_[batch.token];
  const Nanos latency = delivery.at - batch.intended;
  switch (delivery.outcome) {
    case kafka::Outcome::kWritten:
      account_.written(batch.records, batch.size);
      if (settings_.acks != kafka::Acks::kNone) return;  // to be decided yet
      account_.delivered(batch.records, latency, delivery.at, false);
      ledger_.written(piece);
      break;
    case kafka::Outcome::kAcknowledged:
      account_.delivered(batch.records, latency, delivery.at, true);
      ledger_.acknowledged(piece);
      break;
    case kafka::Outcome::kFailed:
      account_.failed(batch.records, latency);
      ledger_.failed(piece);
      break;
    case kafka::Outcome::kUnknown:
      account_.unknown(batch.records, latency);
      ledger_.unknown(piece);
      break;
  }
  free_pieces_.push_back(batch.token);
}

}  // namespace ds
