#include "storm/tweet_filler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/random.h"
#include "kafka/wire/record_batch.h"
#include "record/avro_tweet.h"

namespace ds {
namespace {

constexpr std::int64_t kNow = 1'763'700'000'000;

Mix mix_of(const char* a, const char* b, const char* c) {
  return *Mix::fixed(*Percent::parse(a), *Percent::parse(b), *Percent::parse(c));
}

struct Made {
  kafka::BatchHeader header;
  std::vector<TweetView> tweets;
  ByteVec scratch;
};

/// Reads a batch back with the reader that the pipeline uses, checksum and all.
void read_batch(ByteView bytes, bool confluent, Made& made) {
  kafka::BatchCursor batches(bytes);
  const auto batch = batches.next();
  ASSERT_TRUE(batch) << (batches.status() ? "" : batches.status().error().message);
  ASSERT_TRUE(batch->header.verify(batch->bytes).ok());
  made.header = batch->header;
  kafka::RecordReader records(*batch, made.scratch);
  while (const auto record = records.next()) {
    ASSERT_TRUE(record->value && !record->key && record->header_count == 0);
    ByteView value = *record->value;
    if (confluent) {
      const auto frame = take_confluent_frame(value);
      ASSERT_TRUE(frame && frame->schema_id == 77);
      value = frame->payload;
    }
    const auto tweet = decode_avro_tweet(value);
    ASSERT_TRUE(tweet) << "record " << made.tweets.size();
    made.tweets.push_back(*tweet);
  }
  ASSERT_TRUE(records.status().ok()) << records.status().error().message;
}

TEST(TweetFiller, EveryRecordIsWhatTheGeneratorSaysOfItsNumber) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    TweetSettings tweets{.seed = random(), .pool = random.below(4) == 0 ? 0 : random.below(3000)};
    if (random.below(2) == 0)
      tweets.brands = *parse_brands("A:2,A brand with quite a long name,Zoë");
    tweets.numbering = {.batch_size = 1 + random.below(9000),
                        .streams = 1 + static_cast<std::uint32_t>(random.below(200))};
    const TweetGenerator generator(tweets);
    const MixBook mixes(random.below(2) == 0
                            ? mix_of("50", "30", "20")
                            : *Mix::swinging(*Percent::parse("33.3"), *Percent::parse("33.3"),
                                             *Percent::parse("33.4"), random.unit(), seed));
    const std::uint64_t run = random() & kRunMax;
    const bool confluent = random.below(2) == 0;
    const TweetKernel& kernel = tweet_kernels()[seed % tweet_kernels().size()];
    TweetFiller filler({.run = run, .confluent = confluent, .schema_id = 77}, generator, mixes,
                       kernel.usable ? kernel : best_tweet_kernel());

    const std::uint64_t batch = random.below(1u << 20);
    ByteVec buffer(200 + random.below(1u << 20));
    std::array<std::uint32_t, kSentiments> by_sentiment{};
    std::uint32_t first = 0;
    while (first < tweets.numbering.batch_size) {
      const Filled filled =
          filler.fill({.batch = batch,
                       .mix_batch = batch,
                       .first = first,
                       .count = static_cast<std::uint32_t>(tweets.numbering.batch_size) - first,
                       .timestamp_ms = kNow,
                       .stamp = {5, 6, 7}},
                      buffer);
      if (filled.records == 0) {
        buffer.resize(buffer.size() + 512);
        continue;
      }
      Made made;
      ASSERT_NO_FATAL_FAILURE(read_batch(ByteView(buffer).first(filled.bytes), confluent, made));
      ASSERT_EQ(made.tweets.size(), filled.records);
      EXPECT_EQ(made.header.producer_id, 5);
      EXPECT_EQ(made.header.producer_epoch, 6);
      EXPECT_EQ(made.header.base_sequence, 7);
      EXPECT_EQ(made.header.base_timestamp, kNow);
      // What the checker sums over the decoded fields is what the filler claims, by kind.
      std::vector<KindSum> sums(kSentiments * tweets.brands.size());
      for (const TweetView& tweet : made.tweets) {
        const auto id = parse_tweet_id(tweet.tweet_id);
        ASSERT_TRUE(id);
        std::size_t kind = 0;
        while (tweets.brands[kind / kSentiments].name != tweet.brand) kind += kSentiments;
        while (kSentimentNames[kind % kSentiments] != tweet.sentiment) ++kind;
        sums[kind].add(
            {1, record_hash(content_hash(tweet.text, kind_hash(tweet.brand, tweet.sentiment)),
                            time_hash(tweet.timestamp), id->sequence)});
      }
      ASSERT_TRUE(std::ranges::equal(sums, filled.kinds));
      for (std::uint32_t j = 0; j < filled.records; ++j) {
        const std::uint64_t record = batch * tweets.numbering.batch_size + first + j;
        const Tweet expected = generator.tweet(run, record, kNow, mixes.at(0), batch);
        const TweetView& found = made.tweets[j];
        ASSERT_EQ((Tweet{std::string(found.tweet_id), found.timestamp, std::string(found.text),
                         std::string(found.brand), std::string(found.sentiment)}),
                  expected)
            << "record " << record;
      }
      for (std::size_t k = 0; k < kSentiments; ++k) by_sentiment[k] += filled.by_sentiment[k];
      first += filled.records;
    }
    EXPECT_EQ(by_sentiment, mixes.at(0).counts(batch, tweets.numbering.batch_size));
  }
}

TEST(TweetFiller, ABatchOf8000DefaultTweetsFitsKafkasDefaultLimit) {
  const TweetGenerator generator(TweetSettings{});
  const MixBook mixes(mix_of("50", "30", "20"));
  TweetFiller filler({.run = 1}, generator, mixes);
  ByteVec buffer(1'048'576);
  for (std::uint64_t batch = 0; batch < 50; ++batch) {
    const Filled filled = filler.fill(
        {.batch = batch, .mix_batch = batch, .count = 8000, .timestamp_ms = kNow}, buffer);
    EXPECT_EQ(filled.records, 8000u);
    EXPECT_EQ(filled.by_sentiment, (std::array<std::uint32_t, 3>{4000, 2400, 1600}));
  }
}

TEST(TweetKernel, EachMakesTheSameBytesAndStaysInItsSpace) {
  for (const TweetKernel& kernel : tweet_kernels().first(tweet_kernels().size() - 1)) {
    if (!kernel.usable) continue;  // the last is the one that the others are held against
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      SCOPED_TRACE(testing::Message() << kernel.name << ", seed " << seed);
      Random random(seed);
      TweetSettings tweets{.seed = random(), .pool = 1 + random.below(3000)};
      if (seed % 3 == 0) tweets.brands = *parse_brands(std::string(64, 'b') + ":2,A");
      tweets.numbering = {.batch_size = 1 + random.below(20'000), .streams = 3};
      const TweetGenerator generator(tweets);
      const MixBook mixes(mix_of("33.3", "0", "66.7"));
      const TweetFillerSettings settings{.run = 1, .confluent = seed % 2 == 0, .schema_id = 5};
      TweetFiller plain(settings, generator, mixes, tweet_kernels().back());
      TweetFiller other(settings, generator, mixes, kernel);
      // The time's varint grows from one fill to the next, and with it every length.
      for (const std::int64_t time : {std::int64_t{0}, kNow, std::int64_t{1} << 41}) {
        const std::size_t space = 200 + random.below(3u << 20);
        ByteVec expected(space), found(space + 64, 0xee);
        const FillRequest request{.batch = random.below(1u << 30),
                                  .count = static_cast<std::uint32_t>(tweets.numbering.batch_size),
                                  .timestamp_ms = time};
        const Filled a = plain.fill(request, expected);
        const Filled b = other.fill(request, ByteSpan(found).first(space));
        ASSERT_EQ(a.records, b.records);
        ASSERT_EQ(a.by_sentiment, b.by_sentiment);
        ASSERT_TRUE(std::ranges::equal(a.kinds, b.kinds));
        ASSERT_TRUE(
            std::ranges::equal(ByteView(expected).first(a.bytes), ByteView(found).first(b.bytes)));
        ASSERT_EQ(ByteVec(found.end() - 64, found.end()), ByteVec(64, 0xee));
      }
    }
  }
}

TEST(TweetFiller, SequencesCarryOverEveryPatchedDigit) {
  const TweetGenerator generator(TweetSettings{.numbering = {.batch_size = 70'000, .streams = 1}});
  const MixBook mixes(mix_of("100", "0", "0"));
  TweetFiller filler({.run = kRunMax}, generator, mixes);
  ByteVec buffer(16 << 20);
  const std::uint64_t batch = 65'536ull * 65'536 / 70'000;  // around 2^32
  const Filled filled =
      filler.fill({.batch = batch, .count = 70'000, .timestamp_ms = kNow}, buffer);
  Made made;
  ASSERT_NO_FATAL_FAILURE(read_batch(ByteView(buffer).first(filled.bytes), false, made));
  ASSERT_EQ(made.tweets.size(), 70'000u);
  for (std::uint64_t j = 0; j < 70'000; ++j)
    ASSERT_EQ(parse_tweet_id(made.tweets[j].tweet_id), (RecordId{kRunMax, 0, batch * 70'000 + j}));
}

/// Another millisecond with every look; now and then it is set back, as clocks are.
class TickingClock final : public Clock {
 public:
  Nanos now() const override { return 0; }
  std::int64_t wall_ms() const override {
    ++looks_;
    return kNow + (looks_ % 50 == 0 ? -3 : looks_);
  }
  std::int64_t looks() const { return looks_; }

 private:
  mutable std::int64_t looks_ = 0;
};

/// Each record's timestamp as Kafka has it, and the largest.
std::vector<std::int64_t> kafka_times(ByteView bytes, std::int64_t& max) {
  ByteVec scratch;
  kafka::BatchCursor batches(bytes);
  const auto batch = batches.next();
  check(batch && batch->header.verify(batch->bytes).ok(), "a sound batch");
  max = batch->header.max_timestamp;
  std::vector<std::int64_t> times;
  kafka::RecordReader records(*batch, scratch);
  while (const auto record = records.next()) times.push_back(record->timestamp);
  check(records.status().ok(), "sound records");
  return times;
}

TEST(TweetFiller, GivesEachRecordItsOwnTimeWhenToldTo) {
  for (const std::uint64_t pool : {0u, 1024u}) {
    const TweetGenerator generator(
        TweetSettings{.pool = pool, .numbering = {.batch_size = 8000, .streams = 64}});
    const MixBook mixes(mix_of("50", "30", "20"));
    TweetFiller filler({.run = 1}, generator, mixes);
    ByteVec buffer(2'000'000);
    const TickingClock clock;
    const Filled filled = filler.fill(
        {.batch = 3, .mix_batch = 3, .count = 8000, .timestamp_ms = kNow, .each = &clock}, buffer);
    ASSERT_EQ(filled.records, 8000u);
    ASSERT_EQ(clock.looks(), 8000);
    const ByteView bytes = ByteView(buffer).first(filled.bytes);
    Made made;
    ASSERT_NO_FATAL_FAILURE(read_batch(bytes, false, made));
    std::int64_t max = 0;
    const auto times = kafka_times(bytes, max);
    ASSERT_EQ(times.size(), 8000u);
    for (std::int64_t j = 0; j < 8000; ++j) {
      const std::int64_t look = j + 1;
      const auto at = static_cast<std::size_t>(j);
      ASSERT_EQ(times[at], kNow + (look % 50 == 0 ? -3 : look)) << j;
      ASSERT_EQ(made.tweets[at].timestamp, times[at]) << "the Avro field is Kafka's timestamp";
      const Tweet expected = generator.tweet(1, 3 * 8000 + at, times[at], mixes.at(0), 3);
      ASSERT_EQ(made.tweets[at].text, expected.text) << "nothing else changes";
      ASSERT_EQ(made.tweets[at].tweet_id, expected.tweet_id);
    }
    EXPECT_EQ(max, *std::ranges::max_element(times));
  }
}

}  // namespace
}  // namespace ds
