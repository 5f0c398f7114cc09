#include "record/tweet_forms.h"

#include <charconv>
#include <string>

#include "base/json_writer.h"
#include "base/varint.h"
#include "record/avro_tweet.h"
#include "record/identity.h"

namespace ds {
namespace {

constexpr std::string_view kProto =
    "syntax = \"proto3\";\n\npackage com.brandpulse;\n\nmessage Tweet {\n"
    "  string tweetId = 1;\n  int64 timestamp = 2;\n  string text = 3;\n  string brand = 4;\n"
    "  string sentiment = 5;\n}\n";
constexpr std::string_view kJsonSchema =
    R"({"title":"Tweet","type":"object","properties":{"tweetId":{"type":"string","format":"uuid"},)"
    R"("timestamp":{"type":"integer"},"text":{"type":"string"},"brand":{"type":"string"},)"
    R"("sentiment":{"enum":["positive","negative","neutral"]}},)"
    R"("required":["tweetId","timestamp","text","brand","sentiment"]})";

// A field's number and its wire type: 2 for texts, 0 for numbers.
constexpr std::uint8_t kIdTag = 1 << 3 | 2, kTimeTag = 2 << 3, kTextTag = 3 << 3 | 2,
                       kBrandTag = 4 << 3 | 2, kSentimentTag = 5 << 3 | 2;

std::uint8_t* put(std::uint8_t* to, std::string_view text) {
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

void append_field(ByteVec& out, std::uint8_t tag, std::string_view text) {
  std::uint8_t length[kVarintBytesMax];
  out.push_back(tag);
  out.insert(out.end(), length, put_varint(length, text.size()));
  out.insert(out.end(), text.begin(), text.end());
}

}  // namespace

SchemaText tweet_schema(Encoding encoding) {
  if (encoding == Encoding::kJson) return {.type = "JSON", .text = std::string(kJsonSchema)};
  if (encoding == Encoding::kProtobuf)
    return {.type = "PROTOBUF", .text = std::string(kProto), .message_index = {0}};
  return {.type = "AVRO", .text = std::string(kTweetSchema)};
}

std::uint8_t* put_tweet_head(std::uint8_t* to, Encoding encoding, std::string_view id,
                             std::int64_t timestamp_ms) {
  if (encoding == Encoding::kProtobuf) {
    *to++ = kIdTag;
    *to++ = kTweetIdLength;
    to = put(to, id);
    *to++ = kTimeTag;
    return put_varint(to, static_cast<std::uint64_t>(timestamp_ms));
  }
  to = put(put(put(to, R"({"tweetId":")"), id), R"(","timestamp":)");
  char* const digits = reinterpret_cast<char*>(to);
  return reinterpret_cast<std::uint8_t*>(std::to_chars(digits, digits + 20, timestamp_ms).ptr);
}

void append_tweet_tail(ByteVec& out, Encoding encoding, std::string_view text,
                       std::string_view brand, std::string_view sentiment) {
  if (encoding == Encoding::kProtobuf) {
    append_field(out, kTextTag, text);
    append_field(out, kBrandTag, brand);
    append_field(out, kSentimentTag, sentiment);
    return;
  }
  std::string tail;
  for (const auto& [name, value] :
       {std::pair("text", text), std::pair("brand", brand), std::pair("sentiment", sentiment)}) {
    tail += std::string(",\"") + name + "\":";
    append_json_string(tail, value);
  }
  tail += '}';
  out.insert(out.end(), tail.begin(), tail.end());
}

bool decode_protobuf_tweet(ByteView bytes, TweetView& tweet) {
  unsigned seen = 0;
  while (!bytes.empty()) {
    const std::uint8_t tag = bytes[0];
    bytes = bytes.subspan(1);
    const auto value = take_varint(bytes);  // a number, or a length
    if (!value) return false;
    seen |= 1u << (tag >> 3);
    if (tag == kTimeTag) {
      tweet.timestamp = static_cast<std::int64_t>(*value);
      continue;
    }
    std::string_view* const field = tag == kIdTag          ? &tweet.tweet_id
                                    : tag == kTextTag      ? &tweet.text
                                    : tag == kBrandTag     ? &tweet.brand
                                    : tag == kSentimentTag ? &tweet.sentiment
                                                           : nullptr;
    if (field == nullptr || *value > bytes.size()) return false;
    *field = as_text(bytes.first(*value));
    bytes = bytes.subspan(*value);
  }
  return seen == 0b111110;
}

}  // namespace ds
