#include "kafka/client/direct_outlet.h"

#include <algorithm>

#include "base/wrong_use.h"
#include "kafka/client/direct_producer.h"
#include "kafka/wire/messages/22_init_producer_id.h"

namespace ds::kafka {
namespace {

// Tags of requests: a slot's number, or one of these above them.
constexpr std::uint64_t kIdentityTag = 1ULL << 40;  // + partition
constexpr std::uint64_t kLastQuestionTag = 1ULL << 41;

// Where the identity lies in a batch's header; see wire/record_batch.h.
constexpr std::size_t kProducerIdAt = 43;
constexpr std::size_t kProducerEpochAt = 51;
constexpr std::size_t kBaseSequenceAt = 53;

std::int32_t as_ms(Nanos time) {
  return static_cast<std::int32_t>(std::clamp<Nanos>(time / kMillisecond, 1, 1 << 30));
}

// Sequence numbers wrap to 0 after 2^31 - 1.
std::int32_t sequence_after(std::int32_t sequence, std::uint32_t records) {
  return static_cast<std::int32_t>((static_cast<std::uint32_t>(sequence) + records) & 0x7fffffffu);
}

/// The answer says that the broker may have it all the same.
bool leaves_doubt(KafkaError error) {
  return error == KafkaError::kRequestTimedOut ||
         error == KafkaError::kNotEnoughReplicasAfterAppend;
}

/// The broker's idea of our sequence is not ours.
bool is_about_sequence(KafkaError error) {
  return error == KafkaError::kOutOfOrderSequenceNumber ||
         error == KafkaError::kUnknownProducerId || error == KafkaError::kInvalidProducerEpoch ||
         error == KafkaError::kInvalidProducerIdMapping;
}

Status check_settings(const ClientSettings& client, const ProducerSettings& settings) {
  if (!client.properties.empty()) {
    return wrong_use(fmt::format("the direct engine does not know the property {}",
                                 client.properties.begin()->first),
                     "use --engine librdkafka for it");
  }
  if (settings.idempotent && settings.acks != Acks::kAll)
    return wrong_use("idempotent producing needs acks=all", "add --acks all");
  if (settings.idempotent && (settings.in_flight_max < 1 || settings.in_flight_max > 5))
    return wrong_use(fmt::format("idempotent producing allows 1 to 5 requests in flight, not {}",
                                 settings.in_flight_max),
                     "the broker remembers the last five batches of a producer");
  if (settings.in_flight_max < 1 || settings.connections_per_broker < 1)
    return wrong_use("in-flight requests and connections must be at least 1", "");
  return Done{};
}

}  // namespace

Result<std::unique_ptr<Outlet>> make_direct_outlet(const ClientSettings& client,
                                                   const ProducerSettings& producer,
                                                   DeliveryListener& listener, const Clock& clock,
                                                   Log& log) {
  const Status possible = check_settings(client, producer);
  if (!possible) return possible.error();
  const auto codec = compression_named(producer.compression);
  if (!codec)
    return wrong_use(fmt::format("there is no compression {}", producer.compression),
                     "use none, gzip, snappy, lz4 or zstd");
  auto outlet = std::make_unique<DirectOutlet>(client, producer, *codec, listener, clock, log);
  const Status started = outlet->start();
  if (!started) return started.error();
  return std::unique_ptr<Outlet>(std::move(outlet));
}

DirectOutlet::DirectOutlet(const ClientSettings& client, const ProducerSettings& settings,
                           Compression codec, DeliveryListener& listener, const Clock& clock,
                           Log& log)
    : client_(client),
      settings_(settings),
      codec_(codec),
      listener_(listener),
      clock_(clock),
      log_(log),
      random_(client.jitter_seed, static_cast<std::uint64_t>(clock.now())),
      cluster_(client_, poller_, clock, log),
      slots_(settings.batch_bytes_max,
             std::max<std::size_t>(2, settings.buffer_memory / settings.batch_bytes_max)),
      batches_(slots_.size()) {
  cluster_.follow(settings_.topic);
  request_.acks = static_cast<std::int16_t>(settings_.acks);
  request_.topic_data.resize(1);
  request_.topic_data[0].name = settings_.topic;
  request_.topic_data[0].partition_data.resize(1);
}

DirectOutlet::~DirectOutlet() = default;

Status DirectOutlet::start() {
  const Status known =
      cluster_.refresh_now({settings_.topic}, clock_.now() + client_.connect_timeout);
  if (!known) return known;
  take_map();
  const Nanos deadline = clock_.now() + client_.request_timeout;  // a cold cluster loads first
  for (int attempt = 0; settings_.idempotent; ++attempt) {
    const auto answer = call<InitProducerIdResponse>(*cluster_.control(), poller_, clock_,
                                                     InitProducerIdRequest{}, deadline);
    if (!answer) return answer.error();
    if (answer->error_code == KafkaError::kNone) {
      identity_ = {answer->producer_id, answer->producer_epoch};
      break;
    }
    const Nanos pause =
        backoff(attempt, settings_.retry_backoff, settings_.retry_backoff_max, random_);
    const Nanos until = clock_.now() + pause;
    if (!is_retriable(answer->error_code) || until >= deadline)
      return to_error(answer->error_code, "a producer id for idempotent producing");
    for (Nanos now = clock_.now(); now < until; now = clock_.now()) poller_.wait(until - now);
  }
  return Done{};
}

// From the filler.

DirectOutlet::Partition& DirectOutlet::partition(std::int32_t number) {
  check(number >= 0, "a batch for a negative partition");
  while (partitions_.size() <= static_cast<std::size_t>(number)) {
    Partition& fresh = partitions_.emplace_back();
    fresh.number = static_cast<std::int32_t>(partitions_.size() - 1);
    fresh.identity = identity_;
  }
  return partitions_[static_cast<std::size_t>(number)];
}

std::size_t DirectOutlet::window() const {
  // So that one partition without a leader does not take all memory from the others.
  const std::size_t share = slots_.size() / std::max<std::size_t>(link_index_.size(), 1);
  return std::max(share, static_cast<std::size_t>(settings_.in_flight_max));
}

std::optional<Outlet::Slot> DirectOutlet::reserve(std::int32_t number, std::size_t bytes_max) {
  check(bytes_max <= slots_.slot_bytes(), "a batch larger than batch_bytes_max");
  Partition& to = partition(number);
  check(!to.reserved, "two slots reserved for one partition");
  if (to.queue.size() + to.in_flight >= window()) return std::nullopt;
  const auto slot = slots_.take();
  if (!slot) return std::nullopt;
  to.reserved = true;
  Batch& batch = batches_[*slot];
  batch = {};
  if (settings_.idempotent) {
    batch.identity = to.identity;
    batch.sequence = to.next_sequence;
  }
  batch.out.partition = number;
  return Slot{.bytes = slots_.bytes(*slot),
              .index = *slot,
              .producer_id = batch.identity.id,
              .producer_epoch = batch.identity.epoch,
              .base_sequence = batch.sequence};
}

void DirectOutlet::submit(const Slot& slot, const OutBatch& out) {
  Batch& batch = batches_[slot.index];
  check(batch.out.partition == out.partition, "a slot used for another partition");
  check(out.size <= slots_.slot_bytes(), "a batch larger than its slot");
  Partition& to = partition(out.partition);
  to.reserved = false;
  if (out.size == 0) return slots_.give_back(slot.index);
  batch.out = out;
  batch.order = next_order_++;
  const Nanos now = clock_.now();
  batch.deadline = now + settings_.delivery_timeout;
  // The next one would not share a request's space with a large batch: waiting for it gains
  // nothing.
  const bool large = out.size > settings_.batch_bytes_max / 2;
  batch.ready_at = large ? now : now + settings_.linger;
  if (codec_ != Compression::kNone) compress_slot(slot.index);
  if (settings_.idempotent) {
    // A new identity may have come while the slot was filled.
    if (batch.identity != to.identity || batch.sequence != to.next_sequence)
      stamp(slot.index, to.identity, to.next_sequence);
    to.next_sequence = sequence_after(to.next_sequence, out.records);
  }
  ++pending_;
  to.queue.push_back(slot.index);
  if (!std::exchange(to.active, true)) active_.push_back(to.number);
}

void DirectOutlet::compress_slot(std::uint32_t slot) {
  OutBatch& out = batches_[slot].out;
  const ByteSpan bytes = slots_.bytes(slot).first(out.size);
  const ByteSpan records = bytes.subspan(kBatchHeaderBytes);
  packed_.clear();
  if (!compress(codec_, settings_.compression_level, records, packed_)) return;
  if (packed_.size() >= records.size()) return;  // goes as it is
  std::memcpy(records.data(), packed_.data(), packed_.size());
  out.size = static_cast<std::uint32_t>(kBatchHeaderBytes + packed_.size());
  BatchHeader header = BatchHeader::read(bytes).value();
  header.attributes = static_cast<std::int16_t>(header.attributes | static_cast<int>(codec_));
  header.length = static_cast<std::int32_t>(out.size - kBatchLengthEnd);
  header.write(bytes.data());
  seal(bytes.first(out.size));
}

void DirectOutlet::stamp(std::uint32_t slot, const ProducerIdentity& identity,
                         std::int32_t sequence) {
  Batch& batch = batches_[slot];
  batch.identity = identity;
  batch.sequence = sequence;
  const ByteSpan bytes = slots_.bytes(slot).first(batch.out.size);
  store_be(bytes.data() + kProducerIdAt, identity.id);
  store_be(bytes.data() + kProducerEpochAt, identity.epoch);
  store_be(bytes.data() + kBaseSequenceAt, sequence);
  seal(bytes);
}

// A turn.

void DirectOutlet::turn(Nanos timeout) {
  Nanos now = clock_.now();
  cluster_.turn(now);
  tend_links(now);
  give_up_overdue(now);
  send_what_can_go(now);
  flush();
  poller_.wait(timeout <= 0 ? 0 : next_event(now, now + timeout) - now);
  send_what_can_go(clock_.now());  // answers have made room
  flush();
}

void DirectOutlet::send_what_can_go(Nanos now) {
  if (cluster_.version() != map_version_) take_map();
  std::size_t kept = 0;
  for (std::size_t i = 0; i < active_.size(); ++i) {
    Partition& from = partitions_[static_cast<std::size_t>(active_[i])];
    while (send_from(from, now)) {
    }
    from.active = !from.queue.empty();
    if (from.active) active_[kept++] = active_[i];
  }
  active_.resize(kept);
}

bool DirectOutlet::send_from(Partition& from, Nanos now) {
  if (from.queue.empty() || now < from.not_before || lingers(from, now)) return false;
  if (from.in_flight == 0) from.draining = false;
  if (from.draining) return false;
  if (from.has_hole) {
    if (from.in_flight == 0 && !from.asked_identity) ask_identity(from, now);
    return false;
  }
  Link* const link = link_of(from);
  if (!link) return false;
  link->wanted = true;
  if (!link->connection.ready()) return false;
  const auto in_flight_max = static_cast<std::size_t>(settings_.in_flight_max);
  if (link->connection.unanswered() >= in_flight_max) return false;
  // Without sequences the broker cannot restore order after a failure: one at a time. acks=0 has
  // no failures that leave the connection standing.
  const bool pipelined = settings_.idempotent || settings_.acks == Acks::kNone;
  if (from.in_flight >= (pipelined ? in_flight_max : 1)) return false;
  const std::uint32_t slot = from.queue.front();
  // The broker remembers five batches: while one of unknown fate is asked about again, no newer
  // ones may push it out of that memory.
  batches_[slot].alone = batches_[slot].last_error != KafkaError::kNone;
  from.draining = batches_[slot].alone;
  from.queue.pop_front();
  return send(from, slot, *link, now);
}

/// Once one batch has lingered, those behind it go along.
bool DirectOutlet::lingers(const Partition& from, Nanos now) {
  if (settings_.linger == 0 || closing_) return false;
  if (now < batches_[from.queue.front()].ready_at) return true;
  for (const std::uint32_t slot : from.queue)
    batches_[slot].ready_at = std::min(batches_[slot].ready_at, now);
  return false;
}

/// Where the partition's requests go now. While some are under way over another connection, none:
/// they could be overtaken.
DirectOutlet::Link* DirectOutlet::link_of(Partition& of) {
  const ClusterMap::Topic* topic = cluster_.map().usable(settings_.topic);
  const auto number = static_cast<std::size_t>(of.number);
  const std::int32_t leader =
      topic && number < topic->partitions.size() ? topic->partitions[number].leader : -1;
  if (leader < 0) {
    cluster_.want_refresh();
    return nullptr;
  }
  auto& links = links_[leader];
  while (links.size() < static_cast<std::size_t>(settings_.connections_per_broker))
    links.push_back(std::make_unique<Link>(leader, client_, poller_, clock_));
  Link* const wanted = links[link_index_[number] % links.size()].get();
  if (of.in_flight > 0 && wanted != of.link) return nullptr;
  of.link = wanted;
  return wanted;
}

bool DirectOutlet::send(Partition& from, std::uint32_t slot, Link& link, Nanos now) {
  Batch& batch = batches_[slot];
  auto& part = request_.topic_data[0].partition_data[0];
  part.index = from.number;
  part.records = Records{slots_.bytes(slot).first(batch.out.size)};
  const Nanos deadline =
      std::min(now + client_.request_timeout, std::max(batch.deadline, now + kMillisecond));
  request_.timeout_ms = as_ms(client_.request_timeout);
  const Status asked =
      link.connection.ask(request_, {.listener = this,
                                     .tag = slot,
                                     .deadline = deadline,
                                     .expects_answer = settings_.acks != Acks::kNone});
  if (!asked) {  // a broker that does not know Produce as we do
    log_.error("{}", asked.error().message);
    from.queue.push_front(slot);
    link.connection.close(asked.error());
    return false;
  }
  batch.link = &link;
  ++from.in_flight;
  return true;
}

void DirectOutlet::flush() {
  for (auto& [broker, links] : links_)
    for (auto& link : links) link->connection.flush();
}

// What became of it.

void DirectOutlet::on_written(std::uint64_t tag) {
  if (tag >= kIdentityTag) return;
  const auto slot = static_cast<std::uint32_t>(tag);
  Batch& batch = batches_[slot];
  if (settings_.acks == Acks::kNone) {
    batch.link->attempts = 0;
    leave_flight(partition(batch.out.partition), batch);
    return finish(slot, Outcome::kWritten, KafkaError::kNone);
  }
  if (std::exchange(batch.told_written, true)) return;
  listener_.on_delivery(batch.out, {.outcome = Outcome::kWritten, .at = clock_.now()});
}

void DirectOutlet::on_answer(std::uint64_t tag, ByteView body, const FrameOwner& /*frame*/) {
  if (tag >= kLastQuestionTag) {
    --last_questions_;
    return;
  }
  if (tag >= kIdentityTag)
    return on_identity(partition(static_cast<std::int32_t>(tag - kIdentityTag)), body);

  const auto slot = static_cast<std::uint32_t>(tag);
  Batch& batch = batches_[slot];
  Link& link = *batch.link;
  const auto answer =
      decode<ProduceResponse>(body, link.connection.version_of(ProduceRequest::api).value());
  const bool fits = answer && answer->responses.size() == 1 &&
                    answer->responses[0].partition_responses.size() == 1 &&
                    answer->responses[0].partition_responses[0].index == batch.out.partition;
  if (!fits) {
    const Error why = answer ? Error{.code = ErrorCode::kProtocol,
                                     .message = "a produce answer names other partitions"}
                             : answer.error();
    on_lost(tag, true, why);
    return link.connection.close(why);
  }
  link.attempts = 0;
  const auto& result = answer->responses[0].partition_responses[0];
  on_produced(slot, result.error_code, result.base_offset);
}

void DirectOutlet::on_produced(std::uint32_t slot, KafkaError error, std::int64_t base_offset) {
  Batch& batch = batches_[slot];
  Partition& of = partition(batch.out.partition);
  leave_flight(of, batch);
  if (error == KafkaError::kNone || error == KafkaError::kDuplicateSequenceNumber) {
    of.attempts = 0;
    return finish(slot, Outcome::kAcknowledged, KafkaError::kNone, base_offset);
  }
  if (leaves_doubt(error)) batch.maybe_stored = true;
  if (settings_.idempotent && is_about_sequence(error)) {
    // Behind a failed batch the broker must refuse the next ones: they wait their turn. The first
    // in line has no such excuse: the broker has lost count, and we start a new one.
    if (!of.draining || batch.alone) of.has_hole = true;
    return send_again(of, slot, error);
  }
  if (is_retriable(error)) {
    cluster_.want_refresh();
    return send_again(of, slot, error);
  }
  log_.warn("{} partition {}: {}", settings_.topic, of.number, describe(error).sentence);
  if (settings_.idempotent) of.has_hole = true;
  finish(slot, batch.maybe_stored ? Outcome::kUnknown : Outcome::kFailed, error);
}

void DirectOutlet::on_lost(std::uint64_t tag, bool sent, const Error& /*why*/) {
  if (tag >= kLastQuestionTag) {
    --last_questions_;
    return;
  }
  if (tag >= kIdentityTag) {
    Partition& of = partition(static_cast<std::int32_t>(tag - kIdentityTag));
    of.asked_identity = false;
    return;
  }
  const auto slot = static_cast<std::uint32_t>(tag);
  Batch& batch = batches_[slot];
  Partition& of = partition(batch.out.partition);
  leave_flight(of, batch);
  batch.maybe_stored = batch.maybe_stored || sent;
  cluster_.want_refresh();
  send_again(of, slot, KafkaError::kNetworkException);
}

void DirectOutlet::leave_flight(Partition& of, Batch& batch) {
  --of.in_flight;
  batch.link = nullptr;
}

void DirectOutlet::send_again(Partition& of, std::uint32_t slot, KafkaError why) {
  Batch& batch = batches_[slot];
  batch.last_error = why;
  const Nanos now = clock_.now();
  if (giving_up_ || now >= batch.deadline) {
    if (settings_.idempotent) of.has_hole = true;
    return finish(slot, batch.maybe_stored ? Outcome::kUnknown : Outcome::kFailed, why);
  }
  of.draining = true;
  if (of.not_before <= now) {
    of.not_before =
        now + backoff(of.attempts++, settings_.retry_backoff, settings_.retry_backoff_max, random_);
  }
  const auto later = [&](std::uint32_t other) { return batches_[other].order > batch.order; };
  of.queue.insert(std::find_if(of.queue.begin(), of.queue.end(), later), slot);
  if (!std::exchange(of.active, true)) active_.push_back(of.number);
}

void DirectOutlet::finish(std::uint32_t slot, Outcome outcome, KafkaError error,
                          std::int64_t base_offset) {
  --pending_;
  const OutBatch out = batches_[slot].out;
  slots_.give_back(slot);
  listener_.on_delivery(out, {.outcome = outcome,
                              .base_offset = base_offset,
                              .error = static_cast<std::int16_t>(error),
                              .at = clock_.now()});
}

/// Batches that wait; those under way are decided by their request's deadline.
void DirectOutlet::give_up_overdue(Nanos now) {
  for (const std::int32_t number : active_) {
    Partition& of = partitions_[static_cast<std::size_t>(number)];
    while (!of.queue.empty()) {
      const std::uint32_t slot = of.queue.front();
      const Batch& batch = batches_[slot];
      if (!giving_up_ && now < batch.deadline) break;
      of.queue.pop_front();
      if (settings_.idempotent) of.has_hole = true;
      finish(
          slot, batch.maybe_stored ? Outcome::kUnknown : Outcome::kFailed,
          batch.last_error == KafkaError::kNone ? KafkaError::kRequestTimedOut : batch.last_error);
    }
  }
}

// Identities.

void DirectOutlet::ask_identity(Partition& of, Nanos now) {
  Connection* const control = cluster_.control();
  if (!control) return cluster_.want_refresh();
  const Status asked = control->ask(InitProducerIdRequest{},
                                    {.listener = this,
                                     .tag = kIdentityTag + static_cast<std::uint64_t>(of.number),
                                     .deadline = now + client_.request_timeout});
  if (!asked) return;
  of.asked_identity = true;
  control->flush();
}

void DirectOutlet::on_identity(Partition& of, ByteView body) {
  of.asked_identity = false;
  Connection* const control = cluster_.control();
  const auto answer = decode<InitProducerIdResponse>(
      body, control ? control->version_of(InitProducerIdRequest::api).value() : 0);
  if (answer && answer->error_code == KafkaError::kNone)
    return take_identity(of, {answer->producer_id, answer->producer_epoch});
  of.not_before = clock_.now() + backoff(of.attempts++, settings_.retry_backoff,
                                         settings_.retry_backoff_max, random_);
}

void DirectOutlet::take_identity(Partition& of, const ProducerIdentity& identity) {
  of.has_hole = false;
  of.identity = identity;
  of.next_sequence = 0;
  // What may be stored under the old identity must not be sent under the new one: the broker could
  // not tell that it is the same.
  for (auto it = of.queue.begin(); it != of.queue.end();) {
    Batch& batch = batches_[*it];
    if (batch.maybe_stored) {
      const std::uint32_t slot = *it;
      it = of.queue.erase(it);
      finish(slot, Outcome::kUnknown, batch.last_error);
      continue;
    }
    stamp(*it, identity, of.next_sequence);
    of.next_sequence = sequence_after(of.next_sequence, batch.out.records);
    ++it;
  }
}

// Connections.

void DirectOutlet::take_map() {
  map_version_ = cluster_.version();
  const ClusterMap::Topic* topic = cluster_.map().usable(settings_.topic);
  if (!topic) return;
  // Consecutive partitions of one leader go over its connections in turn.
  std::map<std::int32_t, std::size_t> next;
  link_index_.resize(topic->partitions.size());
  for (std::size_t p = 0; p < topic->partitions.size(); ++p)
    link_index_[p] = next[topic->partitions[p].leader]++;
}

void DirectOutlet::tend_links(Nanos now) {
  for (auto& [broker, links] : links_) {
    for (auto& link : links) {
      link->connection.expire(now);
      if (!link->connection.closed()) continue;
      if (std::exchange(link->opened, false)) {
        if (link->attempts == 0)
          log_.warn("broker {}: {}; trying again", broker, link->connection.error().message);
        link->not_before = now + backoff(link->attempts++, settings_.retry_backoff,
                                         settings_.retry_backoff_max, random_);
        cluster_.want_refresh();
      }
      if (link->wanted && now >= link->not_before) open(*link, now);
    }
  }
}

void DirectOutlet::open(Link& link, Nanos now) {
  const auto address = cluster_.map().brokers.find(link.broker);
  if (address == cluster_.map().brokers.end()) {  // it may come back under its number
    link.not_before = now + settings_.retry_backoff;
    return cluster_.want_refresh();
  }
  link.wanted = false;
  link.opened = true;
  link.connection.open(address->second);
}

Nanos DirectOutlet::next_event(Nanos now, Nanos latest) const {
  Nanos next = latest;
  const auto consider = [&](Nanos at) {
    if (at >= 0) next = std::min(next, std::max(at, now));
  };
  for (const auto& [broker, links] : links_) {
    for (const auto& link : links) {
      consider(link->connection.next_deadline());
      if (link->connection.closed() && (link->wanted || link->opened)) consider(link->not_before);
    }
  }
  for (const std::int32_t number : active_) {
    const Partition& each = partitions_[static_cast<std::size_t>(number)];
    if (each.queue.empty()) continue;
    if (each.not_before > now) consider(each.not_before);
    if (const Nanos ready = batches_[each.queue.front()].ready_at; ready > now && !closing_)
      consider(ready);
    consider(batches_[each.queue.front()].deadline);
  }
  consider(cluster_.next_turn());
  return next;
}

// The end.

void DirectOutlet::close(Nanos deadline) {
  closing_ = true;
  for (Nanos now = clock_.now(); pending_ > 0 && now < deadline; now = clock_.now())
    turn(std::min<Nanos>(deadline - now, 100 * kMillisecond));
  if (settings_.acks == Acks::kNone) ask_last_question(deadline);
  giving_up_ = true;
  for (auto& [broker, links] : links_)
    for (auto& link : links)
      link->connection.close({.code = ErrorCode::kTimeout, .message = "the time was up"});
  give_up_overdue(clock_.now());
  active_.clear();
  check(pending_ == 0, "batches without an outcome after close()");
}

/// Answers come in order: the answer to a question behind the last batch says that the broker has
/// taken (or refused) every batch before it.
void DirectOutlet::ask_last_question(Nanos deadline) {
  MetadataRequest request{.topics = std::vector<MetadataRequest::Topic>{}};
  for (auto& [broker, links] : links_) {
    for (auto& link : links) {
      if (!link->connection.ready()) continue;
      if (link->connection.ask(request,
                               {.listener = this, .tag = kLastQuestionTag, .deadline = deadline})) {
        ++last_questions_;
      }
    }
  }
  flush();
  for (Nanos now = clock_.now(); last_questions_ > 0 && now < deadline; now = clock_.now()) {
    tend_links(now);
    poller_.wait(next_event(now, std::min(deadline, now + 100 * kMillisecond)) - now);
  }
}

}  // namespace ds::kafka
