#include "record/avro_tweet.h"

#include "base/varint.h"

namespace ds {
namespace {

void append_text(ByteVec& out, std::string_view text) {
  std::uint8_t length[kVarintBytesMax];
  out.insert(out.end(), length, put_zigzag(length, static_cast<std::int64_t>(text.size())));
  out.insert(out.end(), text.begin(), text.end());
}

bool take_text(ByteView& from, std::string_view& text) {
  const auto length = take_zigzag(from);
  if (!length || *length < 0 || static_cast<std::uint64_t>(*length) > from.size()) return false;
  text = as_text(from.first(static_cast<std::size_t>(*length)));
  from = from.subspan(text.size());
  return true;
}

}  // namespace

const std::string_view kTweetSchema =
    R"({"type":"record","name":"Tweet","namespace":"com.brandpulse","fields":[)"
    R"({"name":"tweetId","type":"string"},{"name":"timestamp","type":"long"},)"
    R"({"name":"text","type":"string"},{"name":"brand","type":"string"},)"
    R"({"name":"sentiment","type":"string"}]})";

void append_avro_tail(ByteVec& out, std::string_view text, std::string_view brand,
                      std::string_view sentiment) {
  append_text(out, text);
  append_text(out, brand);
  append_text(out, sentiment);
}

void append_avro(ByteVec& out, const TweetView& tweet) {
  append_text(out, tweet.tweet_id);
  std::uint8_t timestamp[kVarintBytesMax];
  out.insert(out.end(), timestamp, put_zigzag(timestamp, tweet.timestamp));
  append_avro_tail(out, tweet.text, tweet.brand, tweet.sentiment);
}

std::optional<TweetView> decode_avro_tweet(ByteView bytes) {
  TweetView tweet;
  if (!take_text(bytes, tweet.tweet_id)) return std::nullopt;
  const auto timestamp = take_zigzag(bytes);
  if (!timestamp) return std::nullopt;
  tweet.timestamp = *timestamp;
  if (!take_text(bytes, tweet.text) || !take_text(bytes, tweet.brand) ||
      !take_text(bytes, tweet.sentiment) || !bytes.empty())
    return std::nullopt;
  return tweet;
}

std::optional<ConfluentFrame> take_confluent_frame(ByteView bytes) {
  if (bytes.size() < ConfluentFrame::kBytes || bytes[0] != 0) return std::nullopt;
  return ConfluentFrame{load_be<std::int32_t>(bytes.data() + 1),
                        bytes.subspan(ConfluentFrame::kBytes)};
}

}  // namespace ds
