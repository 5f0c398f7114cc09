#include "storm/filler.h"

#include "kafka/wire/record_batch.h"

namespace ds {

void seal_batch(const FillRequest& request, ByteSpan batch, std::uint32_t records,
                std::int64_t newest_ms) {
  kafka::BatchHeader header;
  header.length = static_cast<std::int32_t>(batch.size() - kafka::kBatchLengthEnd);
  header.last_offset_delta = static_cast<std::int32_t>(records) - 1;
  header.base_timestamp = request.timestamp_ms;
  header.max_timestamp = newest_ms;
  header.producer_id = request.stamp.producer_id;
  header.producer_epoch = request.stamp.producer_epoch;
  header.base_sequence = request.stamp.base_sequence;
  header.record_count = static_cast<std::int32_t>(records);
  header.write(batch.data());
  kafka::seal(batch);
}

}  // namespace ds
