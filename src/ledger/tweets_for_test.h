// Fetched batches of tweets, for the tests of whoever reads them.
#pragma once

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "kafka/client/source.h"
#include "kafka/wire/record_batch.h"
#include "record/avro_tweet.h"
#include "record/identity.h"
#include "record/mix.h"

namespace ds {

constexpr std::uint64_t kTestRun = 0xd5;
constexpr std::int64_t kTestTime = 1'700'000'000'000;

/// The tweet with this number in a stream; sentiments take turns.
inline ByteVec test_tweet(std::uint32_t stream, std::uint64_t sequence,
                          std::string_view brand = "SuperCoffee",
                          std::string_view text = "a text") {
  const std::string id = to_tweet_id({kTestRun, stream, sequence});
  ByteVec value;
  append_avro(value, {.tweet_id = id,
                      .timestamp = kTestTime,
                      .text = text,
                      .brand = brand,
                      .sentiment = kSentimentNames[sequence % kSentiments]});
  return value;
}

/// One record batch at `base_offset`.
inline ByteVec test_batch(std::int64_t base_offset, const std::vector<ByteVec>& values,
                          kafka::Compression codec = kafka::Compression::kNone) {
  kafka::RecordBatchBuilder builder({.codec = codec});
  for (const ByteVec& value : values) builder.add({.timestamp = kTestTime, .value = value});
  auto batch = builder.build();
  check(batch.ok(), "a test batch can be built");
  kafka::assign_base_offset(*batch, base_offset, 0);
  return std::move(batch).value();
}

/// Tweets of a stream, their sequence numbers from `first` to below `end`.
inline ByteVec test_batch(std::int64_t base_offset, std::uint32_t stream, std::uint64_t first,
                          std::uint64_t end, kafka::Compression codec = kafka::Compression::kNone) {
  std::vector<ByteVec> values;
  for (std::uint64_t sequence = first; sequence < end; ++sequence)
    values.push_back(test_tweet(stream, sequence));
  return test_batch(base_offset, values, codec);
}

inline kafka::Fetched fetched(std::int32_t partition, std::int64_t first_offset, ByteVec bytes) {
  auto owner = std::make_shared<const ByteVec>(std::move(bytes));
  return {.from = {"tweets", partition},
          .first_offset = first_offset,
          .high_watermark = std::numeric_limits<std::int64_t>::max(),
          .bytes = *owner,
          .owner = owner,
          .at = 0};
}

}  // namespace ds
