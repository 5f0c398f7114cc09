// From fetched record batches to tweets and readings, without a copy: what the sinks and verify
// share.
//
//   struct Visitor {
//     void tweet(const kafka::RecordView&, const TweetView&, Sentiment);
//     void reading(const kafka::RecordView&, const Reading&);   // left out: they are no tweets
//     /// Left out: what follows decides. A record that carries its identity in a header; `reading`
//     /// when it is one, too. False: it is to be taken for what it looks like.
//     bool payload(const kafka::RecordView&, const RecordId&, const std::optional<Reading>&);
//     void undecodable(const Undecodable&);
//     void batch_done(const kafka::BatchHeader&);   // its records have all been visited
//   };
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "kafka/client/source.h"
#include "kafka/wire/record_batch.h"
#include "ledger/record_id.h"
#include "record/avro_tweet.h"
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

/// Cost: no branch on which of the three it is, and no call to compare a few letters.
inline std::optional<Sentiment> sentiment_named(std::string_view name) {
  static constexpr auto kQuads = [] {  // the first four letters of each and the last four
    std::array<std::array<char, 8>, kSentiments> quads{};
    for (std::size_t i = 0; i < kSentiments; ++i)
      for (std::size_t j = 0; j < 4; ++j) {
        quads[i][j] = kSentimentNames[i][j];
        quads[i][4 + j] = kSentimentNames[i][kSentimentNames[i].size() - 4 + j];
      }
    return quads;
  }();
  static_assert(kSentimentNames[0][2] == 's' && kSentimentNames[1][2] == 'g' &&
                kSentimentNames[2][2] == 'u');
  if (name.size() < 4) return std::nullopt;
  const std::size_t which = (name[2] == 'g') + 2 * (name[2] == 'u');
  std::array<char, 8> quads;
  std::memcpy(quads.data(), name.data(), 4);
  std::memcpy(quads.data() + 4, name.data() + name.size() - 4, 4);
  if (name.size() != kSentimentNames[which].size() ||
      std::bit_cast<std::uint64_t>(quads) != std::bit_cast<std::uint64_t>(kQuads[which]))
    return std::nullopt;
  return static_cast<Sentiment>(which);
}

/// Reads tweetIds one after the other: within a batch each is the next of its stream.
/// Cost: a comparison of 36 bytes with the id that is expected, a whole id when it is another.
class TweetIdReader {
 public:
  std::optional<RecordId> read(std::string_view text) {
    if (is_next(text)) return last_;
    const auto id = parse_tweet_id(text);
    if (!id) return id;
    last_ = *id;
    std::memcpy(expected_.data(), text.data(), kTweetIdLength);
    expect_next();
    return last_;
  }
  /// Whether it is the one after the last; then it is the last. Else nothing has changed.
  bool is_next(std::string_view text) {
    if (text.size() != kTweetIdLength || !same(text.data(), expected_.data())) return false;
    ++last_.sequence;
    expect_next();
    return true;
  }

 private:
  static bool same(const char* a, const char* b) {
    std::array<std::uint64_t, 4> x, y;
    std::uint32_t x_end, y_end;
    std::memcpy(x.data(), a, sizeof x);
    std::memcpy(y.data(), b, sizeof y);
    std::memcpy(&x_end, a + sizeof x, sizeof x_end);
    std::memcpy(&y_end, b + sizeof y, sizeof y_end);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x_end ^ y_end)) == 0;
  }
  /// After the last sequence comes one that no id has.
  void expect_next() {
    for (std::size_t i = kTweetIdLength; i-- > kTweetIdPrefix;) {
      char& digit = expected_[i];
      if (digit != 'f') {
        digit = digit == '9' ? 'a' : static_cast<char>(digit + 1);
        return;
      }
      digit = '0';
    }
    expected_[0] = 0;
  }

  RecordId last_;
  std::array<char, kTweetIdLength> expected_{};
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

/// What a reading says of itself must be what its header says, so nothing else passes for one.
inline std::optional<Reading> reading_of(const kafka::RecordView& record, const RecordId& id,
                                         TweetDecoder& decoder) {
  if (!record.value || record.value->empty()) return std::nullopt;
  std::optional<Reading> reading;
  // A number's first byte may be a brace, too.
  if ((*record.value)[0] == '{') reading = decoder.reading(*record.value);
  if (!reading) reading = decode_avro_reading(*record.value);
  if (!reading) reading = decode_avro_reading(unframed(*record.value));
  if (reading && (reading->producer_id != static_cast<std::int64_t>(id.stream) ||
                  reading->sequence != static_cast<std::int64_t>(id.sequence)))
    reading.reset();
  return reading;
}

template <typename Visitor>
bool visit_payload(const kafka::RecordView& record, TweetDecoder& decoder, Visitor& visitor) {
  if constexpr (requires { visitor.payload(record, RecordId(), std::optional<Reading>()); }) {
    if (record.header_count == 0) [[likely]]
      return false;
    const auto id = id_in_headers(record);
    return id && visitor.payload(record, *id, reading_of(record, *id, decoder));
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
  kafka::RecordView record;
  TweetView tweet;
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
      while (records.next(record)) {
        if (record.offset < fetched.first_offset) continue;
        next = record.offset + 1;
        if (visit_payload(record, decoder, visitor)) continue;
        const bool json = record.value && !record.value->empty() && (*record.value)[0] == '{';
        if (json && visit_reading(record, *record.value, decoder, true, visitor)) continue;
        const bool is_tweet = record.value && decoder.decode(*record.value, tweet);
        const auto sentiment = is_tweet ? sentiment_named(tweet.sentiment) : std::nullopt;
        if (sentiment)
          visitor.tweet(record, tweet, *sentiment);
        else if (record.value && !json && !is_tweet &&
                 visit_reading(record, *record.value, decoder, false, visitor))
          continue;
        else
          visitor.undecodable({record.offset, record.offset, record.value.value_or(ByteView{}),
                               !record.value ? "it has no value"
                               : !is_tweet   ? "it is neither a tweet nor a reading"
                                             : "its sentiment is none of the three",
                               &record});
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
