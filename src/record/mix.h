// How many tweets of a batch are positive, negative and neutral.
//
// Fixed: with P(k) the sum of the first k shares and c(k) = floor(B(b+1)P(k)) - floor(BbP(k)),
// batch b of size B holds c(k) - c(k-1) of kind k. Shares are exact decimals, so every prefix of
// batches is within one record of its share: 50/30/20 of 8,000 is 4,000/2,400/1,600 in each.
// (Where a batch holds fewer than two of some kind that rule can ask for -1 of it; small batches
// split off one kind after the other instead, which never does, and is within two.)
// Volatile: each batch draws shares of its own, which swing by the factor (0: not at all, 1: a
// batch may be all of one kind).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ds {

enum class Sentiment : std::uint8_t { kPositive, kNegative, kNeutral };
constexpr std::size_t kSentiments = 3;
constexpr std::array<std::string_view, kSentiments> kSentimentNames{"positive", "negative",
                                                                    "neutral"};

/// An exact share of a hundred, in billionths of a percent.
struct Percent {
  static constexpr std::uint64_t kOne = 1'000'000'000;  // 1 %
  std::uint64_t billionths = 0;

  static Result<Percent> parse(std::string_view text);
  double value() const { return static_cast<double>(billionths) / static_cast<double>(kOne); }
  std::string to_string() const;
  bool operator==(const Percent&) const = default;
};

class Mix {
 public:
  using Counts = std::array<std::uint32_t, kSentiments>;

  /// The shares must add up to exactly 100.
  static Result<Mix> fixed(Percent positive, Percent negative, Percent neutral);
  static Result<Mix> swinging(Percent positive, Percent negative, Percent neutral, double factor,
                              std::uint64_t seed);

  /// How many of each kind batch `b` of `size` records holds; their sum is `size`.
  Counts counts(std::uint64_t b, std::uint64_t size) const;

  const std::array<Percent, kSentiments>& shares() const { return shares_; }
  bool is_volatile() const { return volatile_; }
  double factor() const { return factor_; }
  std::uint64_t seed() const { return seed_; }  // of volatile mixes
  /// "fixed 50/30/20" or "volatile 50/30/20 by 0.8".
  std::string to_string() const;

 private:
  /// How many of each kind the first `records` of a run hold, by the rule and by splitting.
  std::array<std::uint64_t, kSentiments> prefix(std::uint64_t records) const;
  std::array<std::uint64_t, kSentiments> nested_prefix(std::uint64_t records) const;

  std::array<Percent, kSentiments> shares_{};
  bool volatile_ = false;
  double factor_ = 0;
  std::uint64_t seed_ = 0;
};

}  // namespace ds
