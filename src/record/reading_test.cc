#include "record/reading.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/random.h"
#include "record/distribution.h"

namespace ds {
namespace {

std::string json_of(const Reading& reading) {
  std::uint8_t text[kReadingBytesMax];
  return std::string(text, put_json(text, reading));
}
ByteVec avro_of(const Reading& reading) {
  std::uint8_t bytes[kReadingBytesMax];
  return ByteVec(bytes, put_avro(bytes, reading));
}

constexpr auto kLeast = std::numeric_limits<std::int64_t>::min();
constexpr auto kMost = std::numeric_limits<std::int64_t>::max();

TEST(Reading, LooksAsTheWebhookSendsIt) {
  EXPECT_EQ(json_of({21.5, 1'700'000'000'000, 7, 12}),
            R"({"data":21.5,"timestamp_producer":1700000000000,"producer_id":7,"sequence":12})");
  EXPECT_EQ(avro_of({1.0, 1, -1, 64}), from_hex("000000000000f03f 02 01 8001"));
}

TEST(Reading, ComesBackFromBothEncodings) {
  ReadingDecoder decoder;
  std::vector<Reading> cases{{0, 0, 0, 0},
                             {-0.1, 1, 1, 1},
                             {5e-324, kLeast, kLeast, kLeast},
                             {-1.7976931348623157e308, kMost, kMost, kMost},
                             {-2.2250738585072014e-308, 1'700'000'000'000, 1'000'000, kMost}};
  Random random(7);
  for (int i = 0; i < 10'000; ++i)
    cases.push_back({static_cast<double>(random()) * std::pow(10, double(random.below(40)) - 30),
                     static_cast<std::int64_t>(random()), static_cast<std::int64_t>(random()),
                     static_cast<std::int64_t>(random())});
  for (const Reading& each : cases) {
    const std::string text = json_of(each);
    EXPECT_LE(text.size(), kReadingBytesMax);
    EXPECT_EQ(decoder.decode_json(as_bytes(text)), each) << text;
    EXPECT_EQ(decode_avro_reading(avro_of(each)), each) << text;
  }
  std::cout << cases.size() << " readings, both encodings\n";
}

TEST(Reading, IsReadWhateverStandsBesideAndBetween) {
  ReadingDecoder decoder;
  const Reading reading{3, 4, 1, 2};
  for (const char* text :
       {R"({"topic":"t","sequence":2,"producer_id":1,"data":3,"timestamp_producer":4,"x":[{}]})",
        R"( { "producer_id" : 1 , "sequence":2,"data":3.0,"timestamp_producer":4 } )"})
    EXPECT_EQ(decoder.decode_json(as_bytes(std::string_view(text))), reading) << text;
}

TEST(Reading, RefusesWhatIsNone) {
  ReadingDecoder decoder;
  for (const char* text :
       {"", "{}", "[]", "7", R"({"producer_id":1})",
        R"({"data":"3","timestamp_producer":4,"producer_id":1,"sequence":2})",
        R"({"data":1e999,"timestamp_producer":4,"producer_id":1,"sequence":2})",
        R"({"data":3,"timestamp_producer":4.5,"producer_id":1,"sequence":2})",
        R"({"data":3,"timestamp_producer":4,"producer_id":1,"sequence":9223372036854775808})",
        R"({"data":3,"timestamp_producer":4,"producer_id":1,"sequence":2)",
        R"({"data":3,"timestamp_producer":4,"producer_id":1,"sequence":2}{})"})
    EXPECT_FALSE(decoder.decode_json(as_bytes(std::string_view(text)))) << text;
  const ByteVec whole = avro_of({1.5, 1'700'000'000'000, 300, 5'000'000'000});
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes)
    EXPECT_FALSE(decode_avro_reading(ByteView(whole).first(bytes))) << bytes;
  ByteVec longer = whole;
  longer.push_back(0);
  EXPECT_FALSE(decode_avro_reading(longer));
}

TEST(Reading, SchemaIsTheFiles) {
  std::ifstream file;
  std::string path = "schemas/reading.avsc";
  for (int up = 0; up < 5 && !file.is_open(); ++up, path = "../" + path) file.open(path);
  ASSERT_TRUE(file.is_open()) << "run from within the repository";
  EXPECT_EQ(nlohmann::json::parse(file), nlohmann::json::parse(kReadingSchema));
}

/// Kolmogorov and Smirnov: the largest distance between what was drawn and the distribution. Under
/// 1.95 / sqrt(n) in 999 of 1,000 samples that are what they say.
template <typename Cdf>
double distance(const Distribution& distribution, std::uint64_t seed, int n, Cdf cdf) {
  std::vector<double> values;
  for (int i = 0; i < n; ++i) values.push_back(distribution.at(seed, i % 100, i / 100));
  std::sort(values.begin(), values.end());
  double most = 0;
  for (int i = 0; i < n; ++i) {
    const double p = cdf(values[static_cast<std::size_t>(i)]);
    most = std::max({most, p - double(i) / n, double(i + 1) / n - p});
  }
  return most;
}

TEST(Distribution, DrawsWhatItSays) {
  constexpr int kValues = 100'000;
  const double bound = 1.95 / std::sqrt(kValues);
  const auto normal = [](double mean, double sd) {
    return [=](double x) { return 0.5 * std::erfc(-(x - mean) / (sd * std::sqrt(2.0))); };
  };
  const auto bell = normal(20, 5);
  EXPECT_LT(distance({Distribution::Kind::kNormal, 20, 5}, 1, kValues, bell), bound);
  const auto flat = [](double x) { return std::clamp((x + 1) / 4, 0.0, 1.0); };
  EXPECT_LT(distance({Distribution::Kind::kUniform, -1, 3}, 2, kValues, flat), bound);
  // The measure itself sees a mean that is a fiftieth of a deviation off.
  EXPECT_GT(distance({Distribution::Kind::kNormal, 20.1, 5}, 1, kValues, bell), bound);
}

TEST(Distribution, ShapesThatAreNotDrawn) {
  const Distribution sine(Distribution::Kind::kSine, 10, 2, 8);
  for (int i = 0; i < 8; ++i) EXPECT_NEAR(sine.at(1, 3, i) + sine.at(1, 3, i + 4), 20, 1e-9) << i;
  EXPECT_NE(sine.at(1, 3, 0), sine.at(1, 4, 0)) << "each producer has its phase";
  const Distribution drift(Distribution::Kind::kDrift, 5, 0.5, 0);
  EXPECT_DOUBLE_EQ(drift.at(1, 1, 10), 10);
  const Distribution stuck(Distribution::Kind::kStuck, 0, 1, 3);
  EXPECT_NE(stuck.at(1, 1, 2), stuck.at(1, 1, 3));
  EXPECT_EQ(stuck.at(1, 1, 3), stuck.at(1, 1, 1'000'000));
  const Distribution failing(Distribution::Kind::kFailing, 20, 1, 0.1);
  int faults = 0;
  for (int i = 0; i < 10'000; ++i) faults += failing.at(1, 1, i) == Distribution::kFault;
  EXPECT_NEAR(faults, 1000, 120);
}

TEST(Distribution, IsReadAndSaid) {
  for (const char* text : {"normal:20,5", "uniform:-1,3", "sine:10,2,8", "drift:0,0.01,1",
                           "stuck:20,5,100", "failing:20,5,0.01"}) {
    const auto read = parse_distribution(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(read->to_string(), text);
    EXPECT_EQ(read->at(9, 4, 77), read->at(9, 4, 77));
  }
  for (const char* text : {"", "normal", "normal:", "normal:1", "normal:1,2,3", "normal:1,-2",
                           "normal:a,b", "uniform:3,1", "sine:1,1,0", "stuck:1,1,0.5",
                           "failing:1,1,2", "gauss:1,2", "normal:1,2,", "normal:inf,1"}) {
    const auto read = parse_distribution(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, ErrorCode::kUsage);
    EXPECT_FALSE(read.error().hint.empty());
  }
}

}  // namespace
}  // namespace ds
