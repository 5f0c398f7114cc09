// com.brandpulse.Tweet in Avro's binary form (schemas/tweet.avsc), by hand because it is one fixed
// record: five fields in a row, strings with a zigzag length before them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "record/tweet.h"

namespace ds {

extern const std::string_view kTweetSchema;  // the text of schemas/tweet.avsc

void append_avro(ByteVec& out, const TweetView& tweet);
/// What follows the timestamp.
void append_avro_tail(ByteVec& out, std::string_view text, std::string_view brand,
                      std::string_view sentiment);

/// False when the bytes are not exactly one tweet. Views point into `bytes`.
bool decode_avro_tweet(ByteView bytes, TweetView& tweet);
std::optional<TweetView> decode_avro_tweet(ByteView bytes);

/// Confluent's frame: a zero byte and the schema's id, 4 bytes.
struct ConfluentFrame {
  static constexpr std::size_t kBytes = 5;
  std::int32_t schema_id;
  ByteView payload;
};
std::optional<ConfluentFrame> take_confluent_frame(ByteView bytes);
/// What lies in the frame, or the bytes themselves where there is none.
inline ByteView unframed(ByteView bytes) {
  const auto frame = take_confluent_frame(bytes);
  return frame ? frame->payload : bytes;
}

}  // namespace ds
