#include "kafka/broker/producer_state.h"

#include <gtest/gtest.h>

#include <limits>

namespace ds::kafka::broker {
namespace {

BatchHeader batch(std::int64_t id, std::int16_t epoch, std::int32_t sequence, std::int32_t records,
                  std::int64_t offset = 0) {
  return {.base_offset = offset,
          .last_offset_delta = records - 1,
          .producer_id = id,
          .producer_epoch = epoch,
          .base_sequence = sequence,
          .record_count = records};
}

TEST(ProducerState, JudgesABatchByWhatCameBefore) {
  ProducerState state;
  for (int i = 0; i < 7; ++i) state.note(batch(1, 3, 10 * i, 10, 100 + 10 * i));  // 0 … 69
  struct Case {
    const char* what;
    BatchHeader header;
    KafkaError error;
    std::optional<std::int64_t> duplicate_of;
  };
  const Case cases[] = {
      {"the next one", batch(1, 3, 70, 5), KafkaError::kNone, {}},
      {"the last one again", batch(1, 3, 60, 10), KafkaError::kNone, 160},
      {"the second to last again", batch(1, 3, 50, 10), KafkaError::kNone, 150},
      {"the third to last again", batch(1, 3, 40, 10), KafkaError::kNone, 140},
      {"the fourth to last again", batch(1, 3, 30, 10), KafkaError::kNone, 130},
      {"the fifth to last again", batch(1, 3, 20, 10), KafkaError::kNone, 120},
      {"the sixth to last again", batch(1, 3, 10, 10), KafkaError::kOutOfOrderSequenceNumber, {}},
      {"a part of one", batch(1, 3, 60, 9), KafkaError::kOutOfOrderSequenceNumber, {}},
      {"a gap", batch(1, 3, 71, 1), KafkaError::kOutOfOrderSequenceNumber, {}},
      {"an older epoch", batch(1, 2, 70, 1), KafkaError::kInvalidProducerEpoch, {}},
      {"a newer epoch from 0", batch(1, 4, 0, 1), KafkaError::kNone, {}},
      {"a newer epoch from elsewhere",
       batch(1, 4, 70, 1),
       KafkaError::kOutOfOrderSequenceNumber,
       {}},
      {"somebody unknown", batch(2, 0, 17, 1), KafkaError::kNone, {}},
      {"without idempotence", batch(-1, -1, -1, 1), KafkaError::kNone, {}},
      {"an id without a sequence", batch(1, 3, -1, 1), KafkaError::kInvalidRecord, {}},
  };
  for (const auto& [what, header, error, duplicate_of] : cases) {
    SCOPED_TRACE(what);
    const auto verdict = state.check(header);
    EXPECT_EQ(verdict.error, error);
    EXPECT_EQ(verdict.duplicate_of, duplicate_of);
  }
}

TEST(ProducerState, LetsSequencesWrap) {
  constexpr std::int32_t kLast = std::numeric_limits<std::int32_t>::max();
  ProducerState state;
  state.note(batch(1, 0, kLast - 1, 4, 50));  // kLast - 1, kLast, 0, 1
  EXPECT_EQ(state.check(batch(1, 0, kLast - 1, 4)).duplicate_of, 50);
  EXPECT_EQ(state.check(batch(1, 0, 2, 1)).error, KafkaError::kNone);
  EXPECT_EQ(state.check(batch(1, 0, 3, 1)).error, KafkaError::kOutOfOrderSequenceNumber);
}

TEST(ProducerState, ForgetsTheMostSilentWhenThereAreTooMany) {
  ProducerState state;
  const auto count = static_cast<std::int64_t>(ProducerState::kProducersMax);
  for (std::int64_t id = 0; id <= count; ++id) state.note(batch(id, 0, 0, 1, id));
  EXPECT_EQ(state.size(), ProducerState::kProducersMax);
  EXPECT_EQ(state.check(batch(1, 0, 5, 1)).error, KafkaError::kOutOfOrderSequenceNumber);
  EXPECT_EQ(state.check(batch(0, 0, 5, 1)).error, KafkaError::kNone) << "forgotten";
}

}  // namespace
}  // namespace ds::kafka::broker
