// What one partition remembers of idempotent producers: enough to answer a batch that is sent again
// with the offset it got the first time, and to refuse one that leaves a gap.
//
//   const auto verdict = producers.check(header);
//   if (verdict.error != KafkaError::kNone) refuse(verdict.error);
//   if (verdict.duplicate_of) answer(*verdict.duplicate_of);
//   … append, then producers.note(header with its base offset);
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>

#include "kafka/wire/error_codes.h"
#include "kafka/wire/record_batch.h"

namespace ds::kafka::broker {

/// Threads: none of its own: Partition's lock guards it.
/// Cost:    a hash look-up and at most five comparisons a batch.
class ProducerState {
 public:
  /// Kafka's own bound on requests in flight of one idempotent producer.
  static constexpr std::size_t kWindow = 5;
  /// Above this many producers the one that has been silent for longest is forgotten.
  static constexpr std::size_t kProducersMax = 10'000;

  struct Verdict {
    KafkaError error = KafkaError::kNone;
    std::optional<std::int64_t> duplicate_of;  // the base offset of the same batch, stored before
  };
  Verdict check(const BatchHeader& batch) const;

  /// Remembers a batch that is in the log; in order, at appends and at recovery.
  void note(const BatchHeader& batch);

  /// Remembers that a batch was sent back for want of room: until it comes again, check() sends
  /// back what follows it, even of a producer of whom nothing is in the log.
  void refuse(const BatchHeader& batch);

  /// Forgets who has appended nothing for `lives_ms`. What is appended from now on happens at
  /// `now_ms`: the clock need be no finer than these calls.
  void expire(std::int64_t now_ms, std::int64_t lives_ms);

  /// All of it but refusals, as bytes with a checksum: docs/formats/log.md.
  ByteVec encode(std::int64_t log_end) const;
  /// What encode() made, and the log's end at that time; nothing for other bytes.
  static std::optional<std::pair<ProducerState, std::int64_t>> decode(ByteView bytes);
  /// Forgets batches from `offset` on: the log has lost them.
  void forget_from(std::int64_t offset);
  void forget(std::int64_t producer_id) { producers_.erase(producer_id); }

  std::size_t size() const { return producers_.size(); }
  /// Of the producers whose last batch lies in [from, to): how many there are.
  std::size_t count_between(std::int64_t from, std::int64_t to) const;

 private:
  struct Batch {
    std::int32_t first_sequence = -1;
    std::int32_t last_sequence = -1;
    std::int64_t base_offset = -1;
  };
  struct Producer {
    std::int16_t epoch = -1;
    std::array<Batch, kWindow> batches{};  // a ring
    std::size_t noted = 0;
    std::int64_t last_offset = -1;
    std::int64_t time_ms = 0;
    const Batch& last() const { return batches[(noted - 1) % kWindow]; }
  };

  struct Refused {
    std::int16_t epoch = -1;
    std::int32_t sequence = -1;
  };

  static std::int64_t last_offset(const Batch& batch);
  bool waits_for_another(const BatchHeader& batch) const;
  void forget_the_most_silent();

  std::int64_t now_ms_ = 0;  // 0: not told yet, so nothing expires
  std::unordered_map<std::int64_t, Producer> producers_;
  std::unordered_map<std::int64_t, Refused> refused_;  // the first one of each producer
};

}  // namespace ds::kafka::broker
