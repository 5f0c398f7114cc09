// libavro knows nothing of our encoder: it reads our bytes by schemas/tweet.avsc's text, and writes
// what our decoder must read.
#include <avro.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "record/avro_tweet.h"

namespace ds {
namespace {

constexpr const char* kNames[] = {"tweetId", "timestamp", "text", "brand", "sentiment"};

/// A value of the schema, and what it needs while it lives.
class AvroTweet {
 public:
  AvroTweet() {
    EXPECT_EQ(avro_schema_from_json_length(kTweetSchema.data(), kTweetSchema.size(), &schema_), 0)
        << avro_strerror();
    face_ = avro_generic_class_from_schema(schema_);
    EXPECT_EQ(avro_generic_value_new(face_, &value_), 0);
  }
  ~AvroTweet() {
    avro_value_decref(&value_);
    avro_value_iface_decref(face_);
    avro_schema_decref(schema_);
  }
  AvroTweet(const AvroTweet&) = delete;

  /// Nothing when libavro refuses the bytes or leaves some over.
  std::optional<Tweet> read(ByteView bytes) {
    avro_reader_t reader = avro_reader_memory(reinterpret_cast<const char*>(bytes.data()),
                                              static_cast<std::int64_t>(bytes.size()));
    const bool whole = avro_value_read(reader, &value_) == 0;
    avro_reader_free(reader);
    std::size_t size = 0;
    if (!whole || avro_value_sizeof(&value_, &size) != 0 || size != bytes.size())
      return std::nullopt;
    Tweet tweet{text(0), 0, text(2), text(3), text(4)};
    avro_value_t field = at(1);
    EXPECT_EQ(avro_value_get_long(&field, &tweet.timestamp), 0);
    return tweet;
  }

  ByteVec write(const Tweet& tweet) {
    set(0, tweet.tweet_id);
    set(2, tweet.text);
    set(3, tweet.brand);
    set(4, tweet.sentiment);
    avro_value_t field = at(1);
    EXPECT_EQ(avro_value_set_long(&field, tweet.timestamp), 0);
    ByteVec bytes(4096);
    avro_writer_t writer = avro_writer_memory(reinterpret_cast<char*>(bytes.data()),
                                              static_cast<std::int64_t>(bytes.size()));
    EXPECT_EQ(avro_value_write(writer, &value_), 0) << avro_strerror();
    bytes.resize(static_cast<std::size_t>(avro_writer_tell(writer)));
    avro_writer_free(writer);
    return bytes;
  }

 private:
  avro_value_t at(std::size_t index) {
    avro_value_t field;
    EXPECT_EQ(avro_value_get_by_name(&value_, kNames[index], &field, nullptr), 0);
    return field;
  }
  std::string text(std::size_t index) {
    avro_value_t field = at(index);
    const char* from = nullptr;
    std::size_t size = 0;
    EXPECT_EQ(avro_value_get_string(&field, &from, &size), 0);
    return {from, size - 1};  // it counts the zero behind
  }
  void set(std::size_t index, std::string text) {
    avro_value_t field = at(index);
    EXPECT_EQ(avro_value_set_string_len(&field, text.data(), text.size() + 1), 0);
  }

  avro_schema_t schema_ = nullptr;
  avro_value_iface_t* face_ = nullptr;
  avro_value_t value_{};
};

TEST(AvroTweet, IsWhatLibavroReadsAndWrites) {
  AvroTweet oracle;
  Random random(11);
  const std::int64_t times[] = {0, -1, 63, 64, 1'763'700'000'000, INT64_MAX, INT64_MIN};
  for (int i = 0; i < 3000; ++i) {
    const auto words = [&](std::uint64_t max) {
      return std::string(random.below(max), static_cast<char>('a' + random.below(26)));
    };
    const Tweet tweet{words(40), i < 7 ? times[i] : static_cast<std::int64_t>(random()), words(256),
                      words(65), words(10)};
    ByteVec ours;
    append_avro(ours, {tweet.tweet_id, tweet.timestamp, tweet.text, tweet.brand, tweet.sentiment});
    ASSERT_EQ(oracle.read(ours), tweet) << i;
    const ByteVec theirs = oracle.write(tweet);
    ASSERT_EQ(to_hex(theirs), to_hex(ours)) << i;
    const auto read = decode_avro_tweet(theirs);
    ASSERT_TRUE(read) << i;
    ASSERT_EQ((Tweet{std::string(read->tweet_id), read->timestamp, std::string(read->text),
                     std::string(read->brand), std::string(read->sentiment)}),
              tweet);
  }
}

}  // namespace
}  // namespace ds
