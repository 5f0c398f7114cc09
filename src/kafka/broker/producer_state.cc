#include "kafka/broker/producer_state.h"

#include <algorithm>
#include <limits>

#include "kafka/wire/crc32c.h"

namespace ds::kafka::broker {
namespace {

constexpr std::uint32_t kMagic = 0x44535052;  // "DSPR"
constexpr std::int32_t kVersion = 1;
constexpr std::size_t kFrontBytes = 20;

template <typename Number>
void append_be(ByteVec& out, Number value) {
  out.resize(out.size() + sizeof value);
  store_be(out.data() + out.size() - sizeof value, value);
}

/// Takes numbers off the front; zeros once there is too little.
struct Taker {
  ByteView rest;
  bool whole = true;

  template <typename Number>
  Number next() {
    if (rest.size() < sizeof(Number)) return whole = false, Number{};
    const auto value = load_be<Number>(rest.data());
    rest = rest.subspan(sizeof(Number));
    return value;
  }
};

/// Sequences wrap to 0 after 2^31 - 1.
std::int32_t advance(std::int32_t sequence, std::int64_t by) {
  constexpr std::int64_t kNumbers = std::int64_t{1} << 31;
  return static_cast<std::int32_t>((sequence + by) % kNumbers);
}

}  // namespace

ProducerState::Verdict ProducerState::check(const BatchHeader& batch) const {
  if (batch.producer_id < 0) return {};
  if (batch.base_sequence < 0 || batch.producer_epoch < 0) return {KafkaError::kInvalidRecord, {}};
  const auto found = producers_.find(batch.producer_id);
  const bool waits = waits_for_another(batch);
  if (found == producers_.end())  // its batches are gone, or it is new: it may begin anywhere
    return {waits ? KafkaError::kNotEnoughReplicas : KafkaError::kNone, {}};
  const Producer& producer = found->second;
  if (batch.producer_epoch < producer.epoch) return {KafkaError::kInvalidProducerEpoch, {}};
  if (batch.producer_epoch > producer.epoch)
    return {batch.base_sequence == 0 ? KafkaError::kNone : KafkaError::kOutOfOrderSequenceNumber,
            {}};
  const std::int32_t last = advance(batch.base_sequence, batch.last_offset_delta);
  for (std::size_t i = 0; i < std::min(producer.noted, kWindow); ++i) {
    const Batch& stored = producer.batches[i];
    if (stored.first_sequence == batch.base_sequence && stored.last_sequence == last)
      return {KafkaError::kNone, stored.base_offset};
  }
  if (waits) return {KafkaError::kNotEnoughReplicas, {}};
  if (batch.base_sequence != advance(producer.last().last_sequence, 1))
    return {KafkaError::kOutOfOrderSequenceNumber, {}};
  return {};
}

bool ProducerState::waits_for_another(const BatchHeader& batch) const {
  const auto found = refused_.find(batch.producer_id);
  return found != refused_.end() && found->second.epoch == batch.producer_epoch &&
         found->second.sequence != batch.base_sequence;
}

void ProducerState::refuse(const BatchHeader& batch) {
  if (batch.producer_id < 0) return;
  if (refused_.size() >= kProducersMax) refused_.erase(refused_.begin());
  refused_[batch.producer_id] = {batch.producer_epoch, batch.base_sequence};
}

void ProducerState::note(const BatchHeader& batch) {
  if (batch.producer_id < 0) return;
  refused_.erase(batch.producer_id);
  if (producers_.size() >= kProducersMax && !producers_.contains(batch.producer_id))
    forget_the_most_silent();
  Producer& producer = producers_[batch.producer_id];
  if (batch.producer_epoch != producer.epoch) producer = {.epoch = batch.producer_epoch};
  producer.batches[producer.noted++ % kWindow] = {
      batch.base_sequence, advance(batch.base_sequence, batch.last_offset_delta),
      batch.base_offset};
  producer.last_offset = batch.last_offset();
  producer.time_ms = now_ms_;
}

void ProducerState::expire(std::int64_t now_ms, std::int64_t lives_ms) {
  now_ms_ = now_ms;
  for (auto& [id, producer] : producers_)
    if (producer.time_ms == 0) producer.time_ms = now_ms;  // from before the clock was told
  std::erase_if(producers_,
                [&](const auto& each) { return each.second.time_ms < now_ms - lives_ms; });
}

ByteVec ProducerState::encode(std::int64_t log_end) const {
  ByteVec out;
  append_be(out, kMagic);
  append_be(out, kVersion);
  append_be(out, log_end);
  append_be(out, static_cast<std::uint32_t>(producers_.size()));
  for (const auto& [id, producer] : producers_) {
    const std::size_t count = std::min(producer.noted, kWindow);
    append_be(out, id);
    append_be(out, producer.epoch);
    append_be(out, producer.time_ms);
    append_be(out, static_cast<std::uint8_t>(count));
    for (std::size_t i = producer.noted - count; i < producer.noted; ++i) {
      const Batch& batch = producer.batches[i % kWindow];
      append_be(out, batch.first_sequence);
      append_be(out, batch.last_sequence);
      append_be(out, batch.base_offset);
    }
  }
  append_be(out, crc32c(out));
  return out;
}

std::optional<std::pair<ProducerState, std::int64_t>> ProducerState::decode(ByteView bytes) {
  if (bytes.size() < kFrontBytes + 4) return std::nullopt;
  const ByteView body = bytes.first(bytes.size() - 4);
  if (load_be<std::uint32_t>(bytes.data() + body.size()) != crc32c(body)) return std::nullopt;
  Taker take{body};
  if (take.next<std::uint32_t>() != kMagic || take.next<std::int32_t>() != kVersion)
    return std::nullopt;
  std::pair<ProducerState, std::int64_t> decoded;
  decoded.second = take.next<std::int64_t>();
  for (auto left = take.next<std::uint32_t>(); left > 0 && take.whole; --left) {
    const auto id = take.next<std::int64_t>();
    Producer producer{.epoch = take.next<std::int16_t>()};
    producer.time_ms = take.next<std::int64_t>();
    for (auto count = take.next<std::uint8_t>(); count > 0 && take.whole; --count) {
      Batch& batch = producer.batches[producer.noted++ % kWindow];
      batch.first_sequence = take.next<std::int32_t>();
      batch.last_sequence = take.next<std::int32_t>();
      batch.base_offset = take.next<std::int64_t>();
      producer.last_offset = last_offset(batch);
    }
    if (producer.noted > 0) decoded.first.producers_[id] = producer;
  }
  if (!take.whole || !take.rest.empty()) return std::nullopt;
  return decoded;
}

void ProducerState::forget_from(std::int64_t offset) {
  for (auto& [id, producer] : producers_) {
    Producer kept{.epoch = producer.epoch, .time_ms = producer.time_ms};
    const std::size_t count = std::min(producer.noted, kWindow);
    for (std::size_t i = producer.noted - count; i < producer.noted; ++i) {
      const Batch& batch = producer.batches[i % kWindow];
      if (last_offset(batch) >= offset) continue;
      kept.batches[kept.noted++ % kWindow] = batch;
      kept.last_offset = last_offset(batch);
    }
    producer = kept;
  }
  std::erase_if(producers_, [](const auto& each) { return each.second.noted == 0; });
}

std::int64_t ProducerState::last_offset(const Batch& batch) {
  constexpr std::int64_t kNumbers = std::int64_t{1} << 31;
  const std::int64_t more = batch.last_sequence - std::int64_t{batch.first_sequence};
  return batch.base_offset + (more < 0 ? more + kNumbers : more);
}

std::size_t ProducerState::count_between(std::int64_t from, std::int64_t to) const {
  return static_cast<std::size_t>(
      std::count_if(producers_.begin(), producers_.end(), [&](const auto& each) {
        return each.second.last_offset >= from && each.second.last_offset < to;
      }));
}

void ProducerState::forget_the_most_silent() {
  const auto silent = std::min_element(
      producers_.begin(), producers_.end(),
      [](const auto& a, const auto& b) { return a.second.last_offset < b.second.last_offset; });
  producers_.erase(silent);
}

}  // namespace ds::kafka::broker
