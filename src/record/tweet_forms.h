// com.brandpulse.Tweet in JSON and in Protobuf (schemas/tweet.proto); Avro's form is avro_tweet.h.
//
//   {"tweetId":"…","timestamp":1763700123456,"text":"…","brand":"…","sentiment":"positive"}
//
// Each form is a head, with what differs from record to record, and a tail that is the text's own.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "record/payload/payload.h"
#include "record/tweet.h"

namespace ds {

/// What a registry is told of tweets in each form; Avro's too.
SchemaText tweet_schema(Encoding encoding);

/// The most that put_tweet_head() writes.
constexpr std::size_t kTweetHeadMax = 96;
/// `id` has 36 characters; JSON or Protobuf. Returns the place after the last byte.
std::uint8_t* put_tweet_head(std::uint8_t* to, Encoding encoding, std::string_view id,
                             std::int64_t timestamp_ms);
void append_tweet_tail(ByteVec& out, Encoding encoding, std::string_view text,
                       std::string_view brand, std::string_view sentiment);

/// False when the bytes are not exactly one tweet with all its fields. Views point into `bytes`.
bool decode_protobuf_tweet(ByteView bytes, TweetView& tweet);

}  // namespace ds
