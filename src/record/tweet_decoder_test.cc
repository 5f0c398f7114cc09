#include "record/tweet_decoder.h"

#include <gtest/gtest.h>

#include "base/json_writer.h"
#include "record/avro_tweet.h"

namespace ds {
namespace {

const Tweet kTweet{"00000000-0000-8000-8000-000000000000", 1'700'000'000'000,
                   "Love \"SuperCoffee\"!\n☕", "SuperCoffee", "positive"};

ByteVec avro() {
  ByteVec bytes;
  append_avro(bytes,
              {kTweet.tweet_id, kTweet.timestamp, kTweet.text, kTweet.brand, kTweet.sentiment});
  return bytes;
}
ByteVec confluent() {
  ByteVec bytes = from_hex("00 00000007");
  const ByteVec body = avro();
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}
ByteVec json() {
  const std::string text = to_json(kTweet);
  return {text.begin(), text.end()};
}

TEST(TweetDecoder, ReadsEveryEncodingByNameOrByItself) {
  using enum TweetEncoding;
  struct Case {
    const char* what;
    ByteVec bytes;
    TweetEncoding named;
  };
  for (const auto& [what, bytes, named] :
       {Case{"avro", avro(), kAvro}, Case{"confluent", confluent(), kConfluent},
        Case{"json", json(), kJson}}) {
    SCOPED_TRACE(what);
    for (const TweetEncoding encoding : {kAuto, kAvro, kConfluent, kJson}) {
      TweetDecoder decoder(encoding);
      for (int again = 0; again < 2; ++again) {
        const auto found = decoder.decode(bytes);
        ASSERT_EQ(found.has_value(), encoding == kAuto || encoding == named);
        if (!found) continue;
        EXPECT_EQ((Tweet{std::string(found->tweet_id), found->timestamp, std::string(found->text),
                         std::string(found->brand), std::string(found->sentiment)}),
                  kTweet);
      }
    }
    TweetDecoder decoder;
    for (std::size_t n = 0; n < bytes.size(); ++n)
      EXPECT_FALSE(decoder.decode(ByteView(bytes).first(n))) << n;
  }
}

TEST(TweetDecoder, KeepsJsonTweetsUntilTheBatchIsDone) {
  TweetDecoder decoder;
  std::vector<TweetView> views;
  for (int i = 0; i < 1000; ++i) {
    Tweet tweet = kTweet;
    tweet.tweet_id = "id-" + std::to_string(i);
    const auto view = decoder.decode(as_bytes(to_json(tweet)));
    ASSERT_TRUE(view);
    views.push_back(*view);
  }
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(views[static_cast<std::size_t>(i)].tweet_id, "id-" + std::to_string(i));
    EXPECT_EQ(views[static_cast<std::size_t>(i)].text, kTweet.text);
  }
  decoder.forget();
}

TEST(TweetDecoder, ReadsTimesOfEveryLength) {
  TweetDecoder decoder(TweetEncoding::kAvro);
  for (int bits = 0; bits < 64; ++bits)
    for (const std::int64_t sign : {1, -1})
      for (const std::int64_t off : {-1, 0, 1}) {
        const auto time = static_cast<std::int64_t>((std::uint64_t{1} << bits) +
                                                    static_cast<std::uint64_t>(off)) *
                          (bits < 63 ? sign : 1);
        for (const std::string_view text : {"", "some text behind it"}) {
          ByteVec bytes;
          append_avro(bytes, {"id", time, text, "b", "neutral"});
          const auto tweet = decoder.decode(bytes);
          ASSERT_TRUE(tweet) << time;
          EXPECT_EQ(tweet->timestamp, time);
          EXPECT_EQ(tweet->text, text);
          for (std::size_t size = 0; size < bytes.size(); ++size)
            ASSERT_FALSE(decoder.decode(ByteView(bytes).first(size))) << time << " cut to " << size;
        }
      }
  // The tenth byte has room for the 64th bit, and for nothing more.
  const auto with_time = [](const std::string& time) { return from_hex("00" + time + "000000"); };
  ASSERT_TRUE(decoder.decode(with_time("ffffffffffffffffff01")));
  EXPECT_FALSE(decoder.decode(with_time("ffffffffffffffffff02")));
  EXPECT_FALSE(decoder.decode(with_time("ffffffffffffffffffff01")));
}

TEST(TweetDecoder, RefusesJsonThatIsNoTweet) {
  TweetDecoder decoder(TweetEncoding::kJson);
  for (const char* text :
       {"", "{}", "[]", "5", "{\"tweetId\":1}", "{\"tweetId\":\"a\",\"timestamp\":\"now\"}",
        R"({"tweetId":"a","text":"t","brand":"b","sentiment":"positive"})",
        R"({"tweetId":"a","timestamp":1.5,"text":"t","brand":"b","sentiment":"positive"})",
        R"({"tweetId":"a","timestamp":1,"text":null,"brand":"b","sentiment":"positive"})",
        R"({"tweetId":"a","timestamp":1,"text":"t","brand":"b","sentiment":"positive"} x)"})
    EXPECT_FALSE(decoder.decode(as_bytes(text))) << text;
  EXPECT_TRUE(decoder.decode(as_bytes(
      R"( {"sentiment":"neutral","extra":[1],"tweetId":"a","timestamp":1,"text":"","brand":"b"} )")));
  EXPECT_FALSE(parse_tweet_encoding("protobuf").ok());
}

}  // namespace
}  // namespace ds
