// What a store() held, counted while its records pass: by brand and sentiment, and when.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "record/mix.h"
#include "sink/sink.h"

namespace ds {

/// The second that a record's time lies in, also before 1970.
constexpr std::int64_t second_of(std::int64_t ms) {
  return ms / 1000 - (ms % 1000 < 0 ? 1 : 0);
}

/// Numbers brands in the order in which they are met. Cost: one comparison, with the brand that
/// ended alike the last time; a hash when that was another.
class BrandIndex {
 public:
  std::uint32_t of(std::string_view brand) {
    if (brand.size() < 4) return look_up(brand);
    // Two words that overlap hold all of most brands: no look at the name itself.
    const bool is_short = brand.size() < 8;
    const std::uint64_t front =
        is_short ? word_at<std::uint32_t>(brand.data()) : word_at<std::uint64_t>(brand.data());
    const std::uint64_t back = is_short ? word_at<std::uint32_t>(brand.end() - 4)
                                        : word_at<std::uint64_t>(brand.end() - 8);
    // By the last eight bytes: brands that are numbered differ there.
    Seen& seen = seen_[((back + brand.size()) * 0x9e3779b97f4a7c15) >> (64 - kSlotBits)];
    if (seen.front == front && seen.back == back && seen.size == brand.size() &&
        (brand.size() <= 16 || *names_[seen.index] == brand)) [[likely]]
      return seen.index;
    seen = {front, back, static_cast<std::uint32_t>(brand.size()), look_up(brand)};
    return seen.index;
  }
  const std::string& name(std::uint32_t index) const { return *names_[index]; }
  std::size_t size() const { return names_.size(); }

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  struct Seen {
    std::uint64_t front = 0, back = 0;
    std::uint32_t size = 0, index = 0;
  };
  static constexpr std::size_t kSlotBits = 10;

  template <typename Word>
  static Word word_at(const char* from) {
    Word word;
    std::memcpy(&word, from, sizeof word);
    return word;
  }
  std::uint32_t look_up(std::string_view brand) {
    auto found = index_.find(brand);
    if (found == index_.end()) {
      found = index_.emplace(brand, static_cast<std::uint32_t>(names_.size())).first;
      names_.push_back(&found->first);
    }
    return found->second;
  }

  std::array<Seen, 1u << kSlotBits> seen_;
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> index_;
  std::vector<const std::string*> names_;
};

class Tally {
 public:
  void add(std::string_view brand, Sentiment sentiment, std::int64_t timestamp) {
    const std::uint32_t index = brands_.of(brand);
    if (index >= counts_.size()) counts_.resize(index + 1);
    ++counts_[index][static_cast<std::size_t>(sentiment)];
    add(timestamp);
  }
  /// What has neither brand nor sentiment.
  void add(std::int64_t timestamp) {
    if (stored_.stored++ == 0) stored_.first_ms = stored_.last_ms = timestamp;
    if (timestamp < stored_.first_ms) stored_.first_ms = timestamp;
    if (timestamp > stored_.last_ms) stored_.last_ms = timestamp;
  }
  /// What was counted as stored is not; without a brand it was no tweet.
  void take_back(std::string_view brand, Sentiment sentiment) {
    --stored_.stored;
    if (!brand.empty()) --counts_[brands_.of(brand)][static_cast<std::size_t>(sentiment)];
  }
  void suppressed() { ++stored_.duplicates_suppressed; }
  void dead_lettered(std::uint64_t records) { stored_.dead_lettered += records; }

  Stored sum() const {
    Stored sum = stored_;
    for (std::uint32_t i = 0; i < counts_.size(); ++i) sum.by_brand[brands_.name(i)] = counts_[i];
    return sum;
  }

 private:
  BrandIndex brands_;
  std::vector<std::array<std::uint64_t, kSentiments>> counts_;
  Stored stored_;
};

}  // namespace ds
