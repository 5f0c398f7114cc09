#include "kafka/broker/producer_state.h"

#include <algorithm>
#include <limits>

namespace ds::kafka::broker {
namespace {

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
}

void ProducerState::forget_the_most_silent() {
  const auto silent = std::min_element(
      producers_.begin(), producers_.end(),
      [](const auto& a, const auto& b) { return a.second.last_offset < b.second.last_offset; });
  producers_.erase(silent);
}

}  // namespace ds::kafka::broker
