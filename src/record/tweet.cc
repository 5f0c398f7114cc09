#include "record/tweet.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/random.h"
#include "base/utf8.h"
#include "record/avro_tweet.h"

namespace ds {
namespace {

using Words = std::vector<std::string_view>;

/// A template's blanks: {brand}, and {0}, {1}, {2} from its own banks.
struct Template {
  std::string_view text;
  std::array<Words, 3> banks;
};

const std::array<std::array<Template, 2>, kSentiments>& templates() {
  static const std::array<std::array<Template, 2>, kSentiments> kTemplates{{
      {{{"{0} {brand}! It {1} my {2}.",
         {{{"Love", "Adore", "Thank you,", "Hooray for", "Five stars for", "Big fan of",
            "So happy with", "Cheers to"},
           {"saved", "made", "brightened", "improved", "lifted", "sweetened", "rescued", "crowned"},
           {"day", "morning", "week", "trip", "meeting", "holiday", "evening", "lunch break",
            "Monday", "mood"}}}},
        {"{brand} is {0}, {1} and {2}.",
         {{{"great", "superb", "wonderful", "fantastic", "excellent", "amazing", "brilliant",
            "delightful"},
           {"fair in price", "always fresh", "quick to serve", "worth every cent",
            "kind to its people", "a pleasure to visit"},
           {"I keep coming back", "my friends agree", "I will tell everyone",
            "nobody does it better", "I smile each time"}}}}}},
      {{{"{0} {brand}. It {1} my {2}.",
         {{{"Never again", "So tired of", "Shame on", "Very let down by", "Avoid", "No stars for",
            "Angry at", "Fed up with"},
           {"ruined", "spoiled", "wasted", "wrecked", "delayed", "soured", "upset", "broke"},
           {"day", "morning", "week", "trip", "meeting", "holiday", "evening", "lunch break",
            "Monday", "mood"}}}},
        {"{brand} is {0}, {1} and {2}.",
         {{{"awful", "terrible", "dreadful", "horrible", "a disgrace", "disappointing", "a rip-off",
            "hopeless"},
           {"far too expensive", "always stale", "slow to serve", "rude to its guests",
            "never open on time", "a pain to visit"},
           {"I will not come back", "my friends agree", "I want my money back",
            "nobody does it worse", "I warn everyone"}}}}}},
      {{{"{0} {brand} {1} {2}.",
         {{{"Passed by", "Walked past", "Saw a sign of", "Heard of", "Read about", "Waiting at",
            "Meeting someone at", "Sitting near"},
           {"on the way to", "next to", "across from", "behind", "not far from", "close to"},
           {"the station", "the office", "the park", "the library", "the harbour", "the market",
            "the museum", "the bridge"}}}},
        {"{brand} {0} {1}, says {2}.",
         {{{"opens at", "closes at", "moves its hours to", "takes orders until", "has its break at",
            "counts its stock at"},
           {"seven", "eight", "nine", "ten", "noon", "one", "two", "three", "four", "five"},
           {"the door", "the website", "the paper", "a notice", "the radio", "the map",
            "my calendar"}}}}}},
  }};
  return kTemplates;
}

void append_cut(std::string& out, std::string_view text, std::size_t max) {
  while (!text.empty() && out.size() < max) {
    const std::size_t length = std::max<std::size_t>(1, utf8_sequence_length(text));
    if (out.size() + length > max) return;
    out += text.substr(0, length);
    text.remove_prefix(length);
  }
}

/// By weight: where `draw` falls in the row of all weights.
std::uint32_t pick_brand(const std::vector<Brand>& brands, std::uint64_t draw) {
  std::uint64_t sum = 0;
  for (const Brand& brand : brands) sum += brand.weight;
  std::uint64_t at = static_cast<std::uint64_t>((static_cast<unsigned __int128>(draw) * sum) >> 64);
  std::uint32_t index = 0;
  while (at >= brands[index].weight) at -= brands[index++].weight;
  return index;
}

}  // namespace

Result<std::vector<Brand>> parse_brands(std::string_view text) {
  const auto refuse = [](std::string message) {
    return Error{.code = ErrorCode::kUsage,
                 .message = std::move(message),
                 .hint = "NAME or NAME:WEIGHT with commas, as in SuperCoffee:3,MegaTea:1"};
  };
  std::vector<Brand> brands;
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const std::size_t colon = part.rfind(':');
    Brand brand{std::string(part.substr(0, colon))};
    if (colon != std::string_view::npos) {
      const std::string_view weight = part.substr(colon + 1);
      const auto [end, wrong] =
          std::from_chars(weight.data(), weight.data() + weight.size(), brand.weight);
      if (wrong != std::errc() || end != weight.data() + weight.size() || brand.weight == 0 ||
          brand.weight > 1'000'000)
        return refuse(
            fmt::format("the weight of '{}' is not a whole number from 1 to 1000000", part));
    }
    const bool printable = std::ranges::all_of(
        brand.name, [](char c) { return static_cast<unsigned char>(c) >= 32 && c != 127; });
    if (brand.name.empty() || brand.name.size() > 64 || !printable || !is_utf8(brand.name))
      return refuse(
          fmt::format("'{}' is not a brand's name of 1 to 64 printable bytes", brand.name));
    if (std::ranges::any_of(brands, [&](const Brand& b) { return b.name == brand.name; }))
      return refuse(fmt::format("the brand '{}' is named twice", brand.name));
    brands.push_back(std::move(brand));
    if (brands.size() > 1000) return refuse("more than 1000 brands are named");
    if (comma == std::string_view::npos) return brands;
    text.remove_prefix(comma + 1);
  }
}

std::string tweet_text(Sentiment sentiment, std::string_view brand, std::uint64_t draw) {
  Random random(draw);
  const Template& chosen = templates()[static_cast<std::size_t>(sentiment)][random.below(2)];
  std::array<std::string_view, 3> words;
  for (std::size_t i = 0; i < 3; ++i)
    words[i] = chosen.banks[i][random.below(chosen.banks[i].size())];
  std::string text;
  for (std::string_view rest = chosen.text; !rest.empty();) {
    const std::size_t open = std::min(rest.find('{'), rest.size());
    append_cut(text, rest.substr(0, open), kTweetTextMax);
    rest.remove_prefix(open);
    if (rest.empty()) break;
    const std::size_t close = rest.find('}');
    append_cut(text, rest[1] == 'b' ? brand : words[static_cast<std::size_t>(rest[1] - '0')],
               kTweetTextMax);
    rest.remove_prefix(close + 1);
  }
  return text;
}

TweetPool::TweetPool(std::vector<Brand> brands, std::size_t variants, std::uint64_t seed)
    : brands_(std::move(brands)) {
  for (std::size_t k = 0; k < kSentiments; ++k) {
    pools_[k].reserve(variants);
    for (std::size_t i = 0; i < variants; ++i) {
      pools_[k].push_back(make(static_cast<Sentiment>(k), random_at(seed, i * kSentiments + k)));
      tail_bytes_max_ = std::max(tail_bytes_max_, pools_[k].back().tail.size());
    }
  }
}

TweetPool::Variant TweetPool::make(Sentiment sentiment, std::uint64_t draw) const {
  const std::uint32_t brand = pick_brand(brands_, random_at(draw, 0));
  const std::string& name = brands_[brand].name;
  Variant variant{tweet_text(sentiment, name, random_at(draw, 1)), brand, {}};
  append_avro_tail(variant.tail, variant.text, name,
                   kSentimentNames[static_cast<std::size_t>(sentiment)]);
  return variant;
}

}  // namespace ds
