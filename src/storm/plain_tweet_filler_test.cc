#include "storm/plain_tweet_filler.h"

#include <gtest/gtest.h>

#include "kafka/wire/record_batch.h"
#include "record/tweet_decoder.h"

namespace ds {
namespace {

constexpr std::int64_t kNow = 1'763'700'000'000;

/// What the two fillers make of the same batch: tweets and what is claimed of them.
struct Made {
  std::vector<Tweet> tweets;
  std::vector<KindSum> kinds;
};
Made make(Filler& filler) {
  ByteVec buffer(4 << 20), scratch;
  const Filled filled =
      filler.fill({.batch = 9, .mix_batch = 9, .count = 700, .timestamp_ms = kNow}, buffer);
  Made made{.tweets = {}, .kinds = {filled.kinds.begin(), filled.kinds.end()}};
  kafka::BatchCursor batches(ByteView(buffer).first(filled.bytes));
  const auto batch = batches.next();
  check(batch && batch->header.verify(batch->bytes).ok(), "a sound batch");
  TweetDecoder decoder;
  kafka::RecordReader records(*batch, scratch);
  while (const auto record = records.next()) {
    const auto tweet = decoder.decode(*record->value);
    check(tweet.has_value(), "a tweet");
    made.tweets.push_back({std::string(tweet->tweet_id), tweet->timestamp, std::string(tweet->text),
                           std::string(tweet->brand), std::string(tweet->sentiment)});
  }
  return made;
}

TEST(PlainTweetFiller, SaysInEveryEncodingWhatAvroSays) {
  const MixBook mixes(
      *Mix::fixed({50 * Percent::kOne}, {30 * Percent::kOne}, {20 * Percent::kOne}));
  for (const std::size_t pool : {0, 1024}) {
    TweetSettings settings{.pool = pool};
    settings.brands = *parse_brands("A:2,\"quoted\" brand,Zoë");
    settings.numbering = {.batch_size = 700, .streams = 7};
    const TweetGenerator generator(settings);
    TweetFiller avro({.run = 1}, generator, mixes);
    const Made expected = make(avro);
    ASSERT_EQ(expected.tweets.size(), 700u);
    for (const Encoding encoding : {Encoding::kJson, Encoding::kProtobuf})
      for (const bool framed : {false, true}) {
        SCOPED_TRACE(fmt::format("{}, pool {}, framed {}", name_of(encoding), pool, framed));
        ByteVec frame;
        if (framed)
          frame =
              encoding == Encoding::kJson ? from_hex("00 00000007") : from_hex("00 00000007 00");
        PlainTweetFiller plain({.run = 1, .encoding = encoding, .frame = frame}, generator, mixes);
        const Made made = make(plain);
        EXPECT_EQ(made.tweets, expected.tweets);
        EXPECT_EQ(made.kinds, expected.kinds);
      }
  }
}

}  // namespace
}  // namespace ds
