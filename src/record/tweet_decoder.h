// A tweet from bytes, in whichever encoding it travels.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "record/reading.h"
#include "record/tweet.h"

namespace ds {

/// kAuto tells them apart by their first bytes: '{' is JSON (a negative length in Avro), 0 is
/// Confluent's frame unless what follows is no tweet, 0a 24 is Protobuf's field 1 of 36 characters.
/// In the frame lies any of the three.
enum class TweetEncoding { kAuto, kAvro, kConfluent, kJson };
Result<TweetEncoding> parse_tweet_encoding(std::string_view name);

/// Threads: one. Cost: nothing beyond the walk for Avro; JSON goes through simdjson and one copy.
class TweetDecoder {
 public:
  explicit TweetDecoder(TweetEncoding encoding = TweetEncoding::kAuto);
  ~TweetDecoder();
  TweetDecoder(TweetDecoder&&) noexcept;
  TweetDecoder& operator=(TweetDecoder&&) noexcept;

  /// Nothing when the bytes are no tweet. Views point into `bytes`, or when it was JSON into the
  /// decoder, until forget().
  std::optional<TweetView> decode(ByteView bytes);
  /// The same without a copy, for loops over millions; false when they are none.
  bool decode(ByteView bytes, TweetView& tweet);
  /// Nothing when the bytes are no reading in JSON, or JSON is not what is expected here.
  std::optional<Reading> reading(ByteView bytes);
  /// Lets go of what JSON tweets were unpacked into; for whoever no longer holds a view.
  void forget();

 private:
  struct Json;
  bool decode_json(ByteView bytes, TweetView& tweet);
  bool decode_confluent(ByteView bytes, TweetView& tweet);

  TweetEncoding encoding_;
  std::unique_ptr<Json> json_;  // made for the first JSON
  ReadingDecoder readings_;
};

}  // namespace ds
