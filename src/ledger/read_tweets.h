// From fetched record batches to tweets, without a copy: what the sinks and verify share.
//
//   struct Visitor {
//     void tweet(const kafka::RecordView&, const TweetView&);
//     void undecodable(const Undecodable&);
//     void batch_done(const kafka::BatchHeader&);   // its records have all been visited
//   };
#pragma once

#include <algorithm>
#include <string_view>

#include "kafka/client/source.h"
#include "kafka/wire/record_batch.h"
#include "record/avro_tweet.h"

namespace ds {

/// A record, or the rest of a damaged batch, that is no tweet.
struct Undecodable {
  std::int64_t first_offset = 0;
  std::int64_t last_offset = 0;
  ByteView bytes;  // the record's value, or the batch
  std::string_view why;
  std::uint64_t count() const { return static_cast<std::uint64_t>(last_offset - first_offset + 1); }
};

/// A tweet as it travels: Avro, bare or in Confluent's frame. A bare tweet never starts with the
/// frame's zero, because its first byte is the length of its id.
inline std::optional<TweetView> read_tweet(ByteView value) {
  if (!value.empty() && value[0] == 0) {
    const auto frame = take_confluent_frame(value);
    if (frame) value = frame->payload;
  }
  return decode_avro_tweet(value);
}

/// Visits every record from fetched.first_offset on. Batches that fail their checksum and records
/// that cannot be read are told as undecodable, and the walk goes on behind them.
///
/// Lifetime: views point into `fetched`, or into `scratch` until the batch is done when it was
///           compressed.
/// Cost:     a checksum over the bytes, then no allocation and no virtual call.
template <typename Visitor>
void read_tweets(const kafka::Fetched& fetched, ByteVec& scratch, Visitor&& visitor) {
  kafka::BatchCursor batches(fetched.bytes);
  while (const auto batch = batches.next()) {
    const kafka::BatchHeader& header = batch->header;
    std::int64_t next = std::max(header.base_offset, fetched.first_offset);
    if (header.control()) {
      visitor.batch_done(header);
      continue;
    }
    Status sound = header.verify(batch->bytes);
    if (sound) {
      kafka::RecordReader records(*batch, scratch);
      while (const auto record = records.next()) {
        if (record->offset < fetched.first_offset) continue;
        next = record->offset + 1;
        const auto tweet = record->value ? read_tweet(*record->value) : std::nullopt;
        if (tweet)
          visitor.tweet(*record, *tweet);
        else
          visitor.undecodable({record->offset, record->offset, record->value.value_or(ByteView{}),
                               record->value ? "not a tweet in Avro" : "no value"});
      }
      sound = records.status();
    }
    if (!sound && next <= header.last_offset())
      visitor.undecodable({next, header.last_offset(), batch->bytes, sound.error().message});
    visitor.batch_done(header);
  }
}

}  // namespace ds
