// What a store() held, counted while its records pass: by brand and sentiment, and when.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "record/mix.h"
#include "sink/sink.h"

namespace ds {

/// Numbers brands in the order in which they are met. Cost: a comparison when a brand follows
/// itself, a hash else.
class BrandIndex {
 public:
  std::uint32_t of(std::string_view brand) {
    if (last_ < names_.size() && *names_[last_] == brand) return last_;
    return last_ = look_up(brand);
  }
  const std::string& name(std::uint32_t index) const { return *names_[index]; }
  std::size_t size() const { return names_.size(); }

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::uint32_t look_up(std::string_view brand) {
    auto found = index_.find(brand);
    if (found == index_.end()) {
      found = index_.emplace(brand, static_cast<std::uint32_t>(names_.size())).first;
      names_.push_back(&found->first);
    }
    return found->second;
  }

  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> index_;
  std::vector<const std::string*> names_;
  std::uint32_t last_ = 0;
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
