// Makes the records of a generator batch, in Kafka's record-batch format, in place. One for each
// kind of payload; the tweets' is tweet_batch.h.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "record/content_hash.h"

namespace ds {

/// What idempotent producing writes into a batch's header; the outlet gives it with the slot.
struct BatchStamp {
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
  std::int32_t base_sequence = -1;
};

struct FillRequest {
  std::uint64_t batch = 0;      // the generator batch
  std::uint64_t mix_batch = 0;  // counted from where the present mix began
  std::uint32_t mix = 0;        // which of the run's mixes, in the order of their changes
  std::uint32_t first = 0;      // the first record of it to write
  std::uint32_t count = 0;      // how many at the most
  std::int64_t timestamp_ms = 0;
  const Clock* each = nullptr;  // every record takes its own time from here; null: the batch's
  BatchStamp stamp;
};

struct Filled {
  std::uint32_t bytes = 0;
  std::uint32_t records = 0;                    // fewer than asked when the space ended
  std::array<std::uint32_t, 3> by_sentiment{};  // positive, negative, neutral
  /// For the ledger: of tweets by 3 * brand + sentiment, of other payloads one. The filler's, until
  /// it fills again.
  std::span<const KindSum> kinds = {};
};

/// Writes the header of a batch whose records are made, and its checksum.
void seal_batch(const FillRequest& request, ByteSpan batch, std::uint32_t records,
                std::int64_t newest_ms);

/// Threads: one, a worker's. Cost: one virtual call a batch.
class Filler {
 public:
  virtual ~Filler() = default;
  virtual Filled fill(const FillRequest& request, ByteSpan into) = 0;
};

}  // namespace ds
