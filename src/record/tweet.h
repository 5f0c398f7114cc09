// The tweet: what BrandPulse's records are, and where their texts come from.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "record/mix.h"

namespace ds {

/// As the schema schemas/tweet.avsc has it. Views point into whatever was decoded.
struct TweetView {
  std::string_view tweet_id;
  std::int64_t timestamp = 0;  // ms
  std::string_view text;
  std::string_view brand;
  std::string_view sentiment;
};

struct Tweet {
  std::string tweet_id;
  std::int64_t timestamp = 0;
  std::string text;
  std::string brand;
  std::string sentiment;

  static void fields(auto& self, auto& io) {
    io("tweetId", self.tweet_id);
    io("timestamp", self.timestamp);
    io("text", self.text);
    io("brand", self.brand);
    io("sentiment", self.sentiment);
  }
  bool operator==(const Tweet&) const = default;
};

constexpr std::size_t kTweetTextMax = 255;

struct Brand {
  std::string name;
  std::uint32_t weight = 1;
};
/// "SuperCoffee:3,MegaTea" ; names of 1 to 64 printable characters, each once.
Result<std::vector<Brand>> parse_brands(std::string_view text);

/// A text of this sentiment about this brand: one of two templates, its blanks filled from word
/// banks by the bits of `draw`. At most kTweetTextMax characters, always ASCII but for the brand.
std::string tweet_text(Sentiment sentiment, std::string_view brand, std::uint64_t draw);

/// The texts of a run, made once: `variants` for each sentiment, their brands by weight.
class TweetPool {
 public:
  struct Variant {
    std::string text;
    std::uint32_t brand;  // index
    ByteVec tail;         // in Avro: what follows the timestamp (text, brand, sentiment)
  };

  TweetPool(std::vector<Brand> brands, std::size_t variants, std::uint64_t seed);

  /// One more text, by the bits of `draw`.
  Variant make(Sentiment sentiment, std::uint64_t draw) const;

  std::size_t variants() const { return pools_[0].size(); }
  const std::vector<Variant>& of(Sentiment s) const { return pools_[static_cast<std::size_t>(s)]; }
  const std::vector<Brand>& brands() const { return brands_; }
  std::size_t tail_bytes_max() const { return tail_bytes_max_; }

 private:
  std::vector<Brand> brands_;
  std::array<std::vector<Variant>, kSentiments> pools_;
  std::size_t tail_bytes_max_ = 0;
};

}  // namespace ds
