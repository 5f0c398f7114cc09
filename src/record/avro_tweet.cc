#include "record/avro_tweet.h"

#include <bit>
#include <cstring>
#include <limits>

#include "base/varint.h"

namespace ds {
namespace {

void append_text(ByteVec& out, std::string_view text) {
  std::uint8_t length[kVarintBytesMax];
  out.insert(out.end(), length, put_zigzag(length, static_cast<std::int64_t>(text.size())));
  out.insert(out.end(), text.begin(), text.end());
}

[[gnu::always_inline]] inline bool take_text(const std::uint8_t*& at, const std::uint8_t* end,
                                             std::string_view& text) {
  std::uint64_t length;
  if (!take_size(at, end, std::numeric_limits<std::int64_t>::max(), length)) return false;
  if (length > static_cast<std::uint64_t>(end - at)) return false;
  text = {reinterpret_cast<const char*>(at), static_cast<std::size_t>(length)};
  at += length;
  return true;
}

/// A timestamp's varint takes six bytes: found and packed by words where eight bytes are there.
[[gnu::always_inline]] inline bool take_long(const std::uint8_t*& at, const std::uint8_t* end,
                                             std::uint64_t& value) {
  constexpr std::uint64_t kMore = 0x8080808080808080;
  std::uint64_t word = 0;
  if (std::endian::native != std::endian::little || end - at < 8 ||
      (std::memcpy(&word, at, 8), (word & kMore) == kMore))
    return take_varint(at, end, value);
  const int bits = std::countr_zero(~word & kMore) + 1;  // of the bytes up to the last
  word &= ~std::uint64_t{0} >> (64 - bits);
  word = (word & 0x007f007f007f007f) | (word & 0x7f007f007f007f00) >> 1;
  word = (word & 0x00003fff00003fff) | (word & 0x3fff00003fff0000) >> 2;
  value = (word & 0x000000000fffffff) | (word & 0x0fffffff00000000) >> 4;
  at += bits / 8;
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

bool decode_avro_tweet(ByteView bytes, TweetView& tweet) {
  const std::uint8_t* at = bytes.data();
  const std::uint8_t* const end = at + bytes.size();
  std::uint64_t timestamp = 0;
  if (!take_text(at, end, tweet.tweet_id) || !take_long(at, end, timestamp) ||
      !take_text(at, end, tweet.text) || !take_text(at, end, tweet.brand) ||
      !take_text(at, end, tweet.sentiment))
    return false;
  tweet.timestamp = unzigzag(timestamp);
  return at == end;
}

std::optional<TweetView> decode_avro_tweet(ByteView bytes) {
  std::optional<TweetView> tweet(std::in_place);
  if (!decode_avro_tweet(bytes, *tweet)) tweet.reset();
  return tweet;
}

std::optional<ConfluentFrame> take_confluent_frame(ByteView bytes) {
  if (bytes.size() < ConfluentFrame::kBytes || bytes[0] != 0) return std::nullopt;
  return ConfluentFrame{load_be<std::int32_t>(bytes.data() + 1),
                        bytes.subspan(ConfluentFrame::kBytes)};
}

}  // namespace ds
