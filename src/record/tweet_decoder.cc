#include "record/tweet_decoder.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <deque>

#include "record/avro_tweet.h"

namespace ds {
namespace {

bool decode_confluent(ByteView bytes, TweetView& tweet) {
  const auto frame = take_confluent_frame(bytes);
  return frame && decode_avro_tweet(frame->payload, tweet);
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
  return decode_avro_tweet(bytes, tweet);
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
