#include "record/keys.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace ds {
namespace {

constexpr std::uint64_t kDraws = 200'000;

TEST(Keys, AreNamedInWordsAndRefusedInWords) {
  struct Case {
    const char* text;
    Keys::Kind kind;
    double exponent;
    const char* field;
  };
  const Case cases[] = {{"none", Keys::Kind::kNone, 1, ""},
                        {"uniform", Keys::Kind::kUniform, 1, ""},
                        {"zipf", Keys::Kind::kZipf, 1, ""},
                        {"zipf:1.25", Keys::Kind::kZipf, 1.25, ""},
                        {"one", Keys::Kind::kOne, 1, ""},
                        {"brand", Keys::Kind::kBrand, 1, ""},
                        {"field:user:id", Keys::Kind::kField, 1, "user:id"}};
  for (const auto& [text, kind, exponent, field] : cases) {
    const auto keys = parse_keys(text);
    ASSERT_TRUE(keys.ok()) << text;
    EXPECT_EQ(keys->kind, kind) << text;
    EXPECT_EQ(keys->exponent, exponent) << text;
    EXPECT_EQ(keys->field, field) << text;
  }
  for (const char* text : {"", "Uniform", "zipf:", "zipf:0", "zipf:-1", "zipf:1x", "zipf:21",
                           "zipf:nan", "uniform:5", "field", "field:", "keys"}) {
    const auto keys = parse_keys(text);
    ASSERT_FALSE(keys.ok()) << text;
    EXPECT_NE(keys.error().hint.find("field:NAME"), std::string::npos) << text;
  }
}

std::vector<double> shares(const Keys& keys, std::uint64_t seed = 1) {
  const KeyDrawer drawer(keys, seed);
  std::vector<double> shares(keys.cardinality);
  for (std::uint64_t i = 0; i < kDraws; ++i) shares[drawer.number(i)] += 1.0 / kDraws;
  return shares;
}

TEST(Keys, FollowTheirLaw) {
  for (const double s : {0.5, 1.0, 1.2, 2.0}) {
    SCOPED_TRACE(s);
    constexpr std::uint64_t kCount = 50;
    const auto found = shares({.kind = Keys::Kind::kZipf, .exponent = s, .cardinality = kCount});
    double all = 0;
    for (std::uint64_t k = 1; k <= kCount; ++k) all += std::pow(k, -s);
    for (std::uint64_t k = 1; k <= kCount; ++k) {
      const double expected = std::pow(k, -s) / all;
      // Five standard deviations of a count.
      EXPECT_NEAR(found[k - 1], expected, 5 * std::sqrt(expected / kDraws)) << "rank " << k;
    }
  }
  for (const double share : shares({.kind = Keys::Kind::kUniform, .cardinality = 20}))
    EXPECT_NEAR(share, 0.05, 5 * std::sqrt(0.05 / kDraws));
  EXPECT_NEAR(shares({.kind = Keys::Kind::kOne, .cardinality = 3})[0], 1, 1e-9);
}

TEST(Keys, AreAFunctionOfSeedAndRecord) {
  const Keys zipf{.kind = Keys::Kind::kZipf, .cardinality = 1'000'000};
  const KeyDrawer one(zipf, 1), again(zipf, 1), other(zipf, 2);
  std::uint64_t differs = 0, most = 0;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    ASSERT_EQ(one.number(i), again.number(i));
    ASSERT_LT(one.number(i), zipf.cardinality);
    differs += one.number(i) != other.number(i);
    most = std::max(most, one.number(i));
  }
  EXPECT_GT(differs, 8'000u);
  EXPECT_GT(most, 500'000u) << "the tail is reached";
  char text[KeyDrawer::kBytes];
  KeyDrawer({.kind = Keys::Kind::kOne, .cardinality = 1}, 1).put(7, text);
  EXPECT_EQ(std::string_view(text, sizeof text), "key-00000000");
}

}  // namespace
}  // namespace ds
