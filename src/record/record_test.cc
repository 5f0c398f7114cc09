#include <gtest/gtest.h>

#include <map>

#include "base/random.h"
#include "record/avro_tweet.h"
#include "record/generator.h"
#include "record/identity.h"
#include "record/mix.h"
#include "record/numbering.h"
#include "record/tweet.h"

namespace ds {
namespace {

TEST(Identity, IsAUuidOfVersion8) {
  struct Case {
    RecordId id;
    const char* text;
  };
  const Case cases[] = {
      {{0, 0, 0}, "00000000-0000-8000-8000-000000000000"},
      {{kRunMax, kStreamMax, kSequenceMax}, "ffffffff-ffff-8fff-bfff-ffffffffffff"},
      {{0x0123456789ab, 0x3000001, 0x42}, "01234567-89ab-8c00-8001-000000000042"},
  };
  for (const auto& [id, text] : cases) {
    EXPECT_EQ(to_tweet_id(id), text);
    EXPECT_EQ(parse_tweet_id(text), id);
  }
  for (const char* text :
       {"", "00000000-0000-8000-8000-00000000000", "00000000-0000-4000-8000-000000000000",
        "00000000-0000-8000-c000-000000000000", "0000000G-0000-8000-8000-000000000000",
        "00000000-0000-8000-8000-00000000000A", "00000000 0000-8000-8000-000000000000"})
    EXPECT_FALSE(parse_tweet_id(text)) << text;
  Random random(1);
  for (int i = 0; i < 10'000; ++i) {
    const RecordId id{random() & kRunMax, static_cast<std::uint32_t>(random()) & kStreamMax,
                      random() & kSequenceMax};
    ASSERT_EQ(parse_tweet_id(to_tweet_id(id)), id);
    const auto binary = to_binary(id);
    ASSERT_EQ(parse_binary_id({reinterpret_cast<const char*>(binary.data()), 16}), id);
  }
}

TEST(Identity, WhatIsReadIsExactlyWhatIsWritten) {
  Random random(2);
  int refused = 0;
  for (int i = 0; i < 20; ++i) {
    const std::string text =
        to_tweet_id({random() & kRunMax, static_cast<std::uint32_t>(random()) & kStreamMax,
                     random() & kSequenceMax});
    for (std::size_t at = 0; at < text.size(); ++at)
      for (int byte = 0; byte < 256; ++byte) {
        std::string changed = text;
        changed[at] = static_cast<char>(byte);
        const auto id = parse_tweet_id(changed);
        refused += !id;
        if (id) {
          ASSERT_EQ(to_tweet_id(*id), changed);
        }
      }
  }
  // 16 digits are right in 30 places, 1 for the version, 4 for the variant, 1 for each dash.
  EXPECT_EQ(refused, 20 * (36 * 256 - 30 * 16 - 1 - 4 - 4));
}

TEST(Numbering, GivesEachRecordOnePlaceAndBack) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Random random(seed);
    const Numbering numbering{1 + random.below(10'000),
                              1 + static_cast<std::uint32_t>(random.below(300))};
    std::map<std::uint32_t, std::uint64_t> next;
    for (std::uint64_t record = 0; record < 3 * numbering.batch_size * numbering.streams;
         record += 1 + record / 50) {
      const auto place = numbering.place(record);
      ASSERT_EQ(numbering.record(place.stream, place.sequence), record);
      ASSERT_EQ(place.stream, place.batch % numbering.streams);
    }
  }
  EXPECT_EQ(default_streams(32), 64u);
  EXPECT_EQ(default_streams(3), 66u);
  EXPECT_EQ(default_streams(100), 100u);
  EXPECT_EQ(default_streams(1), 64u);
}

TEST(Percent, IsExactAndStrict) {
  EXPECT_EQ(Percent::parse("33.333333333")->billionths, 33'333'333'333u);
  EXPECT_EQ(Percent::parse("100.000")->to_string(), "100");
  EXPECT_EQ(Percent::parse("0.5")->to_string(), "0.5");
  for (const char* text :
       {"", ".", "5.", ".5", "-1", "101", "1e1", "50%", "0.1234567891", " 5", "5 "})
    EXPECT_FALSE(Percent::parse(text).ok()) << text;
  EXPECT_FALSE(Mix::fixed({50 * Percent::kOne}, {30 * Percent::kOne}, {21 * Percent::kOne}).ok());
  EXPECT_FALSE(
      Mix::swinging({50 * Percent::kOne}, {30 * Percent::kOne}, {20 * Percent::kOne}, 1.1, 1).ok());
}

TEST(Mix, FixedSharesAreExactInEveryPrefix) {
  EXPECT_EQ(Mix::fixed(*Percent::parse("50"), *Percent::parse("30"), *Percent::parse("20"))
                ->counts(1u << 30, 8000),
            (Mix::Counts{4000, 2400, 1600}));
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Random random(seed);
    const std::uint64_t a = random.below(100 * Percent::kOne + 1),
                        b = random.below(100 * Percent::kOne - a + 1);
    const std::array<Percent, 3> shares{Percent{a}, Percent{b},
                                        Percent{100 * Percent::kOne - a - b}};
    const auto mix = Mix::fixed(shares[0], shares[1], shares[2]);
    const std::uint64_t size = 1 + random.below(seed % 2 == 0 ? 20 : 9000);
    std::array<std::uint64_t, 3> held{};
    for (std::uint64_t batch = 0; batch < 200; ++batch) {
      const auto counts = mix->counts(batch, size);
      ASSERT_EQ(counts[0] + counts[1] + counts[2], size) << "seed " << seed;
      for (std::size_t k = 0; k < 3; ++k) {
        held[k] += counts[k];
        const double share = shares[k].value() / 100 * static_cast<double>(size * (batch + 1));
        ASSERT_NEAR(static_cast<double>(held[k]), share, 2.0)
            << "seed " << seed << " batch " << batch;
        ASSERT_NEAR(counts[k], shares[k].value() / 100 * static_cast<double>(size), 2.0);
      }
    }
  }
}

TEST(Mix, VolatileSwingsByItsFactor) {
  const auto p = *Percent::parse("50"), n = *Percent::parse("30"), u = *Percent::parse("20");
  const auto spread = [&](double factor) {
    const auto mix = Mix::swinging(p, n, u, factor, 7);
    std::uint32_t low = 8000, high = 0;
    for (std::uint64_t batch = 0; batch < 500; ++batch) {
      const auto counts = mix->counts(batch, 8000);
      EXPECT_EQ(counts[0] + counts[1] + counts[2], 8000u);
      low = std::min(low, counts[1]);
      high = std::max(high, counts[1]);
    }
    return high - low;
  };
  EXPECT_EQ(spread(0), 0u);
  EXPECT_LT(spread(0.2), spread(0.8));
  EXPECT_GT(spread(1), 7900u);  // all of one kind, and none of it
}

TEST(Tweet, TextAgreesWithItsLabelAndFits) {
  for (std::size_t k = 0; k < kSentiments; ++k) {
    std::map<std::string, int> texts;
    for (std::uint64_t draw = 0; draw < 3000; ++draw) {
      const std::string text = tweet_text(static_cast<Sentiment>(k), "SuperCoffee", mix_bits(draw));
      EXPECT_NE(text.find("SuperCoffee"), std::string::npos);
      EXPECT_EQ(text.find('{'), std::string::npos) << text;
      ++texts[text];
    }
    EXPECT_GT(texts.size(), 300u) << kSentimentNames[k];
    // No text can be taken for another sentiment's: the banks do not share a template's words.
    for (std::size_t other = 0; other < kSentiments; ++other)
      for (std::uint64_t draw = 0; other != k && draw < 3000; ++draw)
        ASSERT_FALSE(texts.contains(
            tweet_text(static_cast<Sentiment>(other), "SuperCoffee", mix_bits(draw))));
  }
  const std::string endless(400, 'b');
  EXPECT_EQ(tweet_text(Sentiment::kPositive, endless, 5).size(), kTweetTextMax);
}

TEST(Brands, AreReadWithWeightsAndComeByThem) {
  const auto brands = parse_brands("SuperCoffee:3,Mega Tea");
  ASSERT_TRUE(brands.ok());
  EXPECT_EQ((*brands)[0].weight, 3u);
  EXPECT_EQ((*brands)[1].name, "Mega Tea");
  const TweetPool pool(*brands, 4096, 1);
  std::size_t first = 0;
  for (const auto& variant : pool.of(Sentiment::kNeutral)) first += variant.brand == 0;
  EXPECT_NEAR(static_cast<double>(first), 3072, 150);
  for (const char* text : {"", "A,,B", "A:0", "A:x", "A:-1", "A,A", "A\n", ":3", "\xff"})
    EXPECT_FALSE(parse_brands(text).ok()) << text;
}

TEST(AvroTweet, RefusesEveryPrefixAndLeftovers) {
  ByteVec bytes;
  const TweetView tweet{"00000000-0000-8000-8000-000000000000", -5, "a text", "Brand", "neutral"};
  append_avro(bytes, tweet);
  const auto decoded = decode_avro_tweet(bytes);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->timestamp, -5);
  EXPECT_EQ(decoded->text, "a text");
  EXPECT_EQ(decoded->sentiment, "neutral");
  for (std::size_t n = 0; n < bytes.size(); ++n)
    EXPECT_FALSE(decode_avro_tweet(ByteView(bytes).first(n))) << n;
  bytes.push_back(0);
  EXPECT_FALSE(decode_avro_tweet(bytes));
  EXPECT_FALSE(decode_avro_tweet(from_hex("01")));                    // a negative length
  EXPECT_FALSE(decode_avro_tweet(from_hex("feffffffffffffffff01")));  // a huge one
}

}  // namespace
}  // namespace ds
