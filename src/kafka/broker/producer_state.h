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

  std::size_t size() const { return producers_.size(); }

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
    const Batch& last() const { return batches[(noted - 1) % kWindow]; }
  };

  struct Refused {
    std::int16_t epoch = -1;
    std::int32_t sequence = -1;
  };

  bool waits_for_another(const BatchHeader& batch) const;
  void forget_the_most_silent();

  std::unordered_map<std::int64_t, Producer> producers_;
  std::unordered_map<std::int64_t, Refused> refused_;  // the first one of each producer
};

}  // namespace ds::kafka::broker
