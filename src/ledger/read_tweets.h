// From fetched record batches to tweets and readings, without a copy: what the sinks and verify
// share.
//
//   struct Visitor {
//     void tweet(const kafka::RecordView&, const TweetView&, Sentiment);
//     void reading(const kafka::RecordView&, const Reading&);   // left out: they are no tweets
//     void undecodable(const Undecodable&);
//     void batch_done(const kafka::BatchHeader&);   // its records have all been visited
//   };
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "kafka/client/source.h"
#include "kafka/wire/record_batch.h"
#include "record/identity.h"
#include "record/reading.h"
#include "record/tweet_decoder.h"

namespace ds {

/// A record, or the rest of a damaged batch, that is no tweet.
struct Undecodable {
  std::int64_t first_offset = 0;
  std::int64_t last_offset = 0;
  ByteView bytes;  // the record's value, or the batch
  std::string_view why;
  const kafka::RecordView* record = nullptr;  // null for the rest of a batch
  std::uint64_t count() const { return static_cast<std::uint64_t>(last_offset - first_offset + 1); }
};

inline std::optional<Sentiment> sentiment_named(std::string_view name) {
  for (std::size_t i = 0; i < kSentiments; ++i)
    if (name == kSentimentNames[i]) return static_cast<Sentiment>(i);
  return std::nullopt;
}

/// Reads tweetIds one after the other: within a batch only the last twelve digits change.
/// Cost: a comparison of 24 bytes and twelve digits, a whole id when the stream changes.
class TweetIdReader {
 public:
  std::optional<RecordId> read(std::string_view text) {
    if (text.size() == kTweetIdLength && has_prefix_ &&
        std::memcmp(text.data(), prefix_, kTweetIdPrefix) == 0) {
      std::uint64_t sequence = 0;
      int wrong = 0;
      for (std::size_t i = kTweetIdPrefix; i < kTweetIdLength; ++i) {
        const int digit = kDigits[static_cast<std::uint8_t>(text[i])];
        wrong |= digit;
        sequence = sequence << 4 | static_cast<std::uint64_t>(digit & 15);
      }
      if (wrong < 0) return std::nullopt;
      return RecordId{last_.run, last_.stream, sequence};
    }
    const auto id = parse_tweet_id(text);
    if (id) {
      last_ = *id;
      has_prefix_ = true;
      std::memcpy(prefix_, text.data(), kTweetIdPrefix);
    }
    return id;
  }

 private:
  static constexpr auto kDigits = [] {
    std::array<std::int8_t, 256> values{};
    values.fill(-1);
    for (int i = 0; i < 16; ++i)
      values[static_cast<std::size_t>("0123456789abcdef"[i])] = static_cast<std::int8_t>(i);
    return values;
  }();

  RecordId last_;
  bool has_prefix_ = false;
  char prefix_[kTweetIdPrefix] = {};
};

/// Whatever a value is, by its looks: readings in JSON have a producer_id, readings in Avro are
/// what is left when it is no tweet.
template <typename Visitor>
bool visit_reading(const kafka::RecordView& record, ByteView value, TweetDecoder& decoder,
                   bool json, Visitor& visitor) {
  if constexpr (requires { visitor.reading(record, Reading()); }) {
    const auto reading = json ? decoder.reading(value) : decode_avro_reading(value);
    if (reading) visitor.reading(record, *reading);
    return reading.has_value();
  }
  return false;
}

/// Visits every record from fetched.first_offset on. Batches that fail their checksum and records
/// that cannot be read are told as undecodable, and the walk goes on behind them.
///
/// Lifetime: views point into `fetched`, or until the batch is done into `scratch` (compressed), or
///           until its forget() into the decoder (JSON).
/// Cost:     a checksum over the bytes, then no allocation and no virtual call.
template <typename Visitor>
void read_tweets(const kafka::Fetched& fetched, ByteVec& scratch, TweetDecoder& decoder,
                 Visitor&& visitor) {
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
        const bool json = record->value && !record->value->empty() && (*record->value)[0] == '{';
        if (json && visit_reading(*record, *record->value, decoder, true, visitor)) continue;
        const auto tweet = record->value ? decoder.decode(*record->value) : std::nullopt;
        const auto sentiment = tweet ? sentiment_named(tweet->sentiment) : std::nullopt;
        if (sentiment)
          visitor.tweet(*record, *tweet, *sentiment);
        else if (record->value && !json && !tweet &&
                 visit_reading(*record, *record->value, decoder, false, visitor))
          continue;
        else
          visitor.undecodable({record->offset, record->offset, record->value.value_or(ByteView{}),
                               !record->value ? "it has no value"
                               : !tweet       ? "it is neither a tweet nor a reading"
                                              : "its sentiment is none of the three",
                               &*record});
      }
      sound = records.status();
    }
    if (!sound && next <= header.last_offset())
      visitor.undecodable({next, header.last_offset(), batch->bytes, sound.error().message});
    visitor.batch_done(header);
  }
}

/// The same, with whatever encoding each value shows.
template <typename Visitor>
void read_tweets(const kafka::Fetched& fetched, ByteVec& scratch, Visitor&& visitor) {
  TweetDecoder decoder;
  read_tweets(fetched, scratch, decoder, visitor);
}

}  // namespace ds
