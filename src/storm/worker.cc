#include "storm/worker.h"

#include <algorithm>

#include "base/check.h"
#include "base/random.h"

namespace ds {
namespace {

/// How long a turn may sleep: plans change while workers wait.
constexpr Nanos kNapMax = 20 * kMillisecond;
constexpr std::uint64_t kAbortSalt = 0x61626f7274696f6eULL;
constexpr int kPartShift = 32;  // a token: the part above it, the piece below

}  // namespace

bool aborts_transaction(const WorkerSettings& settings, std::uint64_t record) {
  const std::uint64_t number = record / settings.transaction_records;
  return Random(settings.seed ^ kAbortSalt, number).unit() < settings.abort_rate;
}

Worker::Worker(const WorkerSettings& settings, std::vector<std::uint32_t> streams, Plan& plan,
               std::unique_ptr<Filler> filler, const Clock& clock, std::unique_ptr<Dresser> dresser)
    : settings_(settings),
      plan_(plan),
      filler_(std::move(filler)),
      clock_(clock),
      dresser_(std::move(dresser)) {
  for (const std::uint32_t stream : streams)
    streams_.push_back({.stream = stream, .batch = stream, .turn = {}});
  if (dresser_) plain_.resize(settings_.batch_bytes_max);
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
         {&claim.acknowledged, &claim.written, &claim.failed, &claim.unknown, &claim.aborted})
      stream->earlier.add(*set);
    sum.acknowledged += claim.acknowledged.count();
    sum.written += claim.acknowledged.count() + claim.written.count() + claim.unknown.count() +
                   claim.aborted.count();
    sum.failed += claim.failed.count();
    sum.unknown += claim.unknown.count();
    sum.aborted += claim.aborted.count();
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
  const Nanos deadline = clock_.now() + settings_.drain_timeout;
  finish_parts(deadline);
  outlet_->close(deadline);
}

Worker::Step Worker::advance(Stream& stream, Nanos now) {
  if (settings_.transaction_records != 0) return advance_transaction(stream, now);
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
  if (dresser_) {
    if (!send_parts()) return Step::kBlocked;
    if (const Step step = begun ? Step::kMade : begin(stream, now); step != Step::kMade)
      return step;
    dress_piece(stream);
    send_parts();
    return Step::kMade;
  }
  const auto slot = outlet_->reserve(partition_of(stream), settings_.batch_bytes_max);
  if (!slot) return Step::kBlocked;
  if (!begun) {
    if (const Step step = begin(stream, now); step != Step::kMade) {
      outlet_->submit(*slot, {.partition = partition_of(stream)});
      return step;
    }
  }
  submit_piece(stream, *slot);
  return Step::kMade;
}

/// Takes the stream's next batch up; anything but kMade: the plan has changed meanwhile.
Worker::Step Worker::begin(Stream& stream, Nanos now) {
  const Plan::Turn turn = plan_.begin(stream.batch, now, earlier_in_batch(stream));
  if (turn.answer != Plan::Answer::kBegin) return rest(stream, turn);
  stream.turn = turn;
  stream.timestamp_ms =
      clock_.wall_ms() - std::max<Nanos>(0, clock_.now() - turn.intended) / kMillisecond;
  return Step::kMade;
}

/// A producer has one transaction at a time, so one of a stream is made in one go.
Worker::Step Worker::advance_transaction(Stream& stream, Nanos now) {
  if (stream.turn.answer != Plan::Answer::kBegin) {
    if (const Step step = begin(stream, now); step != Step::kMade) return step;
  }
  const std::uint64_t first = stream.batch * settings_.batch_size + stream.made;
  const bool commit = !aborts_transaction(settings_, first);
  do {
    if (dresser_) {
      dress_piece(stream);
      finish_parts(clock_.now() + settings_.drain_timeout);
    } else {
      auto slot = outlet_->reserve(partition_of(stream), settings_.batch_bytes_max);
      for (; !slot; slot = outlet_->reserve(partition_of(stream), settings_.batch_bytes_max))
        outlet_->turn(kNapMax);
      submit_piece(stream, *slot);
    }
  } while (stream.made % settings_.transaction_records != 0);
  outlet_->end_transaction(commit);
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

/// The rest of the stream's batch, or of its transaction.
FillRequest Worker::request_of(const Stream& stream) const {
  std::uint64_t count = std::min(stream.turn.records - stream.made, settings_.piece_records_max);
  if (const auto earlier = stream.earlier.at_or_after(sequence_of(stream)))
    count = std::min(count, earlier->begin - sequence_of(stream));
  if (const std::uint64_t of = settings_.transaction_records; of != 0)
    count = std::min(count, of - stream.made % of);
  return {.batch = stream.batch,
          .mix_batch = stream.turn.mix_batch,
          .mix = stream.turn.mix,
          .first = stream.made,
          .count = static_cast<std::uint32_t>(count),
          .timestamp_ms = stream.timestamp_ms,
          .each = settings_.timestamps_each ? &clock_ : nullptr,
          .stamp = {}};
}

void Worker::submit_piece(Stream& stream, const kafka::Outlet::Slot& slot) {
  FillRequest request = request_of(stream);
  request.stamp = {slot.producer_id, slot.producer_epoch, slot.base_sequence};
  const Filled filled = filler_->fill(
      request, slot.bytes.first(std::min(slot.bytes.size(), settings_.batch_bytes_max)));
  check(filled.records > 0, "a record is larger than the largest batch");
  account_.enqueued(filled.records, filled.by_sentiment, stream.turn.intended,
                    clock_.now() - stream.turn.intended);
  const std::size_t index = remember(stream, request, filled);
  pieces_[index].left = 1;
  outlet_->submit(slot, {.partition = partition_of(stream),
                         .records = filled.records,
                         .size = filled.bytes,
                         .token = index,
                         .intended = stream.turn.intended});
  go_on(stream, filled.records);
}

void Worker::go_on(Stream& stream, std::uint32_t records) {
  stream.made += records;
  const std::uint64_t batch = stream.batch;
  if (stream.made == stream.turn.records) next_batch(stream);
  pass_over_earlier(stream);
  if (stream.batch != batch || stream.made == stream.turn.records) stream.turn = {};
}

std::size_t Worker::remember(const Stream& stream, const FillRequest& request,
                             const Filled& filled) {
  if (free_pieces_.empty()) {
    free_pieces_.push_back(pieces_.size());
    pieces_.emplace_back();
  }
  const std::size_t index = free_pieces_.back();
  free_pieces_.pop_back();
  Piece& piece = pieces_[index];
  piece.request = request;
  piece.request.count = filled.records;
  const std::uint64_t first = sequence_of(stream);
  piece.sent.stream = stream.stream;
  piece.sent.range = {first, first + filled.records};
  piece.sent.window = window_of(stream.timestamp_ms, 1000) / 1000;
  piece.sent.kinds.clear();
  for (std::size_t k = 0; k < filled.kinds.size(); ++k)
    if (filled.kinds[k].count > 0)
      piece.sent.kinds.push_back({static_cast<std::uint16_t>(k), filled.kinds[k]});
  return index;
}

// Dressed pieces.

void Worker::dress_piece(Stream& stream) {
  const FillRequest request = request_of(stream);
  const Filled filled = filler_->fill(request, plain_);
  check(filled.records > 0, "a record is larger than the largest batch");
  const std::array<std::uint32_t, 3> by_sentiment = filled.by_sentiment;
  dresser_->dress(ByteView(plain_).first(filled.bytes), request);
  dressed_piece_ = remember(stream, request, filled);
  dressed_intended_ = stream.turn.intended;
  Piece& piece = pieces_[dressed_piece_];
  take_out_tombstones(request, dresser_->tombstones(), piece.sent);
  account_.enqueued(filled.records, by_sentiment, stream.turn.intended,
                    clock_.now() - stream.turn.intended);
  piece.parts.clear();
  for (const Dresser::Part& part : dresser_->parts())
    piece.parts.push_back({part.partition, part.first, part.last, kafka::Outcome::kUnknown});
  piece.left = static_cast<std::uint32_t>(piece.parts.size());
  parts_left_ = piece.parts.size();
  part_sent_.assign(parts_left_, false);
  go_on(stream, filled.records);
}

/// What a tombstone's record would have said is not said; its own content is nothing.
void Worker::take_out_tombstones(const FillRequest& request,
                                 std::span<const std::uint32_t> positions, SentPiece& sent) {
  const std::uint64_t time = time_hash(request.timestamp_ms);
  for (const std::uint32_t position : positions) {
    FillRequest one = request;
    one.first = position;
    one.count = 1;
    const Filled filled = filler_->fill(one, plain_);
    const std::uint64_t sequence = sent.range.begin + position - request.first;
    for (std::size_t k = 0; k < filled.kinds.size(); ++k)
      if (filled.kinds[k].count > 0)
        add_total(sent.kinds, static_cast<std::uint16_t>(k),
                  {std::uint64_t{0} - 1, std::uint64_t{0} - filled.kinds[k].sum});
    add_total(sent.kinds, nameless_kind(filled.kinds.size()),
              {1, record_hash(content_hash(ByteView{}), time, sequence)});
  }
  std::erase_if(sent.kinds, [](const KindTotal& each) { return each.total.count == 0; });
}

/// Those for which there is room; true when none is left.
bool Worker::send_parts() {
  const auto parts = dresser_->parts();
  std::vector<std::int32_t> blocked;  // a partition's next part must not overtake
  for (std::size_t i = 0; parts_left_ > 0 && i < parts.size(); ++i) {
    if (part_sent_[i] || std::ranges::find(blocked, parts[i].partition) != blocked.end()) continue;
    const auto slot = outlet_->reserve(parts[i].partition, settings_.batch_bytes_max);
    if (!slot) {
      blocked.push_back(parts[i].partition);
      continue;
    }
    const std::uint32_t size = dresser_->finish(
        parts[i], {slot->producer_id, slot->producer_epoch, slot->base_sequence}, slot->bytes);
    part_sent_[i] = true;
    --parts_left_;
    outlet_->submit(*slot, {.partition = parts[i].partition,
                            .records = parts[i].records,
                            .size = size,
                            .token = dressed_piece_ | i << kPartShift,
                            .intended = dressed_intended_});
  }
  return parts_left_ == 0;
}

/// Waits for room; what has found none by the deadline has failed.
void Worker::finish_parts(Nanos deadline) {
  if (!dresser_) return;
  while (!send_parts() && clock_.now() < deadline) outlet_->turn(kNapMax);
  const auto parts = dresser_->parts();
  for (std::size_t i = 0; parts_left_ > 0 && i < parts.size(); ++i) {
    if (part_sent_[i]) continue;
    part_sent_[i] = true;
    --parts_left_;
    on_delivery({.partition = parts[i].partition,
                 .records = parts[i].records,
                 .token = dressed_piece_ | i << kPartShift,
                 .intended = dressed_intended_},
                {.outcome = kafka::Outcome::kFailed, .at = clock_.now()});
  }
}

// What became of them.

void Worker::on_delivery(const kafka::OutBatch& batch, const kafka::Delivery& delivery) {
  account_for(batch, delivery);
  if (delivery.outcome == kafka::Outcome::kWritten && settings_.acks != kafka::Acks::kNone)
    return;  // to be decided yet
  const std::size_t index = batch.token & ((std::uint64_t{1} << kPartShift) - 1);
  Piece& piece = pieces_[index];
  if (dresser_) piece.parts[batch.token >> kPartShift].outcome = delivery.outcome;
  if (--piece.left > 0) return;
  const bool same = std::ranges::all_of(
      piece.parts, [&](const Piece::Part& part) { return part.outcome == delivery.outcome; });
  if (same)
    settle(delivery.outcome, piece.sent);
  else
    settle_mixed(piece);
  free_pieces_.push_back(index);
}

void Worker::account_for(const kafka::OutBatch& batch, const kafka::Delivery& delivery) {
  const Nanos latency = delivery.at - batch.intended;
  switch (delivery.outcome) {
    case kafka::Outcome::kWritten:
      account_.written(batch.records, batch.size);
      if (settings_.acks == kafka::Acks::kNone)
        account_.delivered(batch.records, latency, delivery.at, false);
      break;
    case kafka::Outcome::kAcknowledged:
      account_.delivered(batch.records, latency, delivery.at, true);
      break;
    case kafka::Outcome::kFailed:
      account_.failed(batch.records, latency);
      break;
    case kafka::Outcome::kUnknown:
      account_.unknown(batch.records, latency);
      break;
    case kafka::Outcome::kAborted:
      account_.aborted(batch.records);
      break;
  }
}

void Worker::settle(kafka::Outcome outcome, const SentPiece& sent) {
  switch (outcome) {
    case kafka::Outcome::kWritten:
      return ledger_.written(sent);
    case kafka::Outcome::kAcknowledged:
      return ledger_.acknowledged(sent);
    case kafka::Outcome::kFailed:
      return ledger_.failed(sent);
    case kafka::Outcome::kUnknown:
      return ledger_.unknown(sent);
    case kafka::Outcome::kAborted:
      return ledger_.aborted(sent);
  }
}

/// Parts of one piece fared differently. It is made once more, to see who went where, and told to
/// the ledger run by run of neighbours that had the same fate.
void Worker::settle_mixed(Piece& piece) {
  const Filled filled = filler_->fill(piece.request, plain_);
  const auto [partitions, tombstones] =
      dresser_->route(ByteView(plain_).first(filled.bytes), piece.request);
  const auto fate = [&](std::uint32_t i) {
    const std::uint32_t position = piece.request.first + i;
    for (const Piece::Part& part : piece.parts)
      if (part.partition == partitions[i] && part.first <= position && position <= part.last)
        return part.outcome;
    check(false, "a record of no part");
    return kafka::Outcome::kUnknown;
  };
  const auto count = static_cast<std::uint32_t>(partitions.size());
  for (std::uint32_t from = 0, to; from < count; from = to) {
    const kafka::Outcome outcome = fate(from);
    for (to = from + 1; to < count && fate(to) == outcome;) ++to;
    FillRequest some = piece.request;
    some.first += from;
    some.count = to - from;
    SentPiece sent{.stream = piece.sent.stream,
                   .range = {piece.sent.range.begin + from, piece.sent.range.begin + to},
                   .window = piece.sent.window,
                   .kinds = {}};
    if (some.each == nullptr) {  // else their times are gone, and with them their sums
      const Filled again = filler_->fill(some, plain_);
      for (std::size_t k = 0; k < again.kinds.size(); ++k)
        add_total(sent.kinds, static_cast<std::uint16_t>(k), again.kinds[k]);
      std::vector<std::uint32_t> among;
      for (const std::uint32_t each : tombstones)
        if (each >= some.first && each < some.first + some.count) among.push_back(each);
      take_out_tombstones(some, among, sent);
    }
    settle(outcome, sent);
  }
}

}  // namespace ds
