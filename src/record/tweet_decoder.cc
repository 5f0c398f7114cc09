#include "record/tweet_decoder.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <deque>

#include "record/avro_tweet.h"
#include "record/tweet_forms.h"

namespace ds {
namespace {

/// By the first field's tag and its length; an Avro tweet would have an id of five characters.
bool looks_like_protobuf(ByteView bytes) {
  return bytes.size() > 2 && bytes[0] == 0x0a && bytes[1] == 36;
}

/// What Protobuf puts before it says which message of the file it is: a zero is the first.
bool decode_framed(ByteView value, TweetView& tweet) {
  if (!value.empty() && value[0] == 0 && looks_like_protobuf(value.subspan(1)))
    return decode_protobuf_tweet(value.subspan(1), tweet);
  return decode_avro_tweet(value, tweet);
}

}  // namespace

struct TweetDecoder::Json {
  simdjson::dom::parser parser;
  std::deque<std::string> kept;  // a tweet's four texts in a row; a deque moves none
};

Result<TweetEncoding> parse_tweet_encoding(std::string_view name) {
  if (name == "auto") return TweetEncoding::kAuto;
  if (name == "avro") return TweetEncoding::kAvro;
  if (name == "confluent") return TweetEncoding::kConfluent;
  if (name == "json") return TweetEncoding::kJson;
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("'{}' is not an encoding", name),
               .hint = "auto, avro, confluent or json"};
}

TweetDecoder::TweetDecoder(TweetEncoding encoding) : encoding_(encoding) {}
TweetDecoder::~TweetDecoder() = default;
TweetDecoder::TweetDecoder(TweetDecoder&&) noexcept = default;
TweetDecoder& TweetDecoder::operator=(TweetDecoder&&) noexcept = default;

std::optional<TweetView> TweetDecoder::decode(ByteView bytes) {
  std::optional<TweetView> tweet(std::in_place);
  if (!decode(bytes, *tweet)) tweet.reset();
  return tweet;
}

bool TweetDecoder::decode(ByteView bytes, TweetView& tweet) {
  switch (encoding_) {
    case TweetEncoding::kAvro:
      return decode_avro_tweet(bytes, tweet);
    case TweetEncoding::kConfluent:
      return decode_confluent(bytes, tweet);
    case TweetEncoding::kJson:
      return decode_json(bytes, tweet);
    case TweetEncoding::kAuto:
      break;
  }
  if (!bytes.empty() && bytes[0] == '{') return decode_json(bytes, tweet);
  if (!bytes.empty() && bytes[0] == 0 && decode_confluent(bytes, tweet)) return true;
  if (looks_like_protobuf(bytes) && decode_protobuf_tweet(bytes, tweet)) return true;
  return decode_avro_tweet(bytes, tweet);
}

bool TweetDecoder::decode_confluent(ByteView bytes, TweetView& tweet) {
  const auto frame = take_confluent_frame(bytes);
  if (!frame) return false;
  if (!frame->payload.empty() && frame->payload[0] == '{')
    return decode_json(frame->payload, tweet);
  return decode_framed(frame->payload, tweet);
}

bool TweetDecoder::decode_json(ByteView bytes, TweetView& tweet) {
  if (!json_) json_ = std::make_unique<Json>();
  simdjson::dom::object object;
  if (json_->parser.parse(bytes.data(), bytes.size()).get(object) != simdjson::SUCCESS)
    return false;
  const auto text = [&](const char* name, std::string_view& into) {
    return object[name].get(into) == simdjson::SUCCESS;
  };
  std::int64_t timestamp = 0;
  if (!text("tweetId", tweet.tweet_id) || !text("text", tweet.text) ||
      !text("brand", tweet.brand) || !text("sentiment", tweet.sentiment) ||
      object["timestamp"].get(timestamp) != simdjson::SUCCESS)
    return false;
  tweet.timestamp = timestamp;
  // The parser's strings last until its next document only.
  std::string& kept = json_->kept.emplace_back();
  kept.reserve(tweet.tweet_id.size() + tweet.text.size() + tweet.brand.size() +
               tweet.sentiment.size());
  for (std::string_view* each : {&tweet.tweet_id, &tweet.text, &tweet.brand, &tweet.sentiment}) {
    const std::size_t at = kept.size();
    kept += *each;
    *each = std::string_view(kept).substr(at);
  }
  return true;
}

std::optional<Reading> TweetDecoder::reading(ByteView bytes) {
  if (encoding_ != TweetEncoding::kAuto && encoding_ != TweetEncoding::kJson) return std::nullopt;
  return readings_.decode_json(bytes);
}

void TweetDecoder::forget() {
  if (json_) json_->kept.clear();
}

}  // namespace ds
