// What becomes one rollup: the records of one second in one batch, counted by brand and sentiment.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "record/mix.h"
#include "sink/tally.h"

namespace ds {

/// Records of one second come together; where they do not, the second gets several rollups, whose
/// sum is right.
class RollupCount {
 public:
  /// Where a record is in the batch that is stored, and its place for the store (of a dead letter:
  /// where it was first).
  struct At {
    std::int64_t offset, place;
  };

  /// Of the same second as those before it, or the first: what is counted need not end before it.
  bool takes(std::int64_t timestamp) const {
    // Unsigned, so that a time before the second is far behind it.
    return empty() ||
           static_cast<std::uint64_t>(timestamp) - static_cast<std::uint64_t>(second_ms_) < 1000;
  }
  void add(At at, std::int64_t timestamp, std::string_view brand, Sentiment sentiment) {
    if (empty()) begin(at, timestamp);
    last_ = at;
    const std::uint32_t index = brands_.of(brand);
    if (index >= counts_.size()) counts_.resize(index + 1);
    auto& counts = counts_[index];
    if ((counts[0] | counts[1] | counts[2]) == 0) touched_.push_back(index);
    ++counts[static_cast<std::size_t>(sentiment)];
  }

  bool empty() const { return touched_.empty(); }
  const At& first() const { return first_; }
  const At& last() const { return last_; }
  std::int64_t second_ms() const { return second_ms_; }
  std::int64_t first_ms() const { return first_ms_; }  // of the first record
  const std::string& brand(std::uint32_t index) const { return brands_.name(index); }
  std::uint64_t records() const {
    std::uint64_t sum = 0;
    each([&](std::uint32_t, Sentiment, std::uint64_t count) { return sum += count, true; });
    return sum;
  }

  /// `visit(brand's index, Sentiment, count)` for each count that is not 0; false ends it.
  template <typename Visit>
  bool each(Visit&& visit) const {
    for (const std::uint32_t brand : touched_)
      for (std::size_t kind = 0; kind < kSentiments; ++kind)
        if (counts_[brand][kind] != 0)
          if (!visit(brand, static_cast<Sentiment>(kind), counts_[brand][kind])) return false;
    return true;
  }
  void clear() {
    for (const std::uint32_t brand : touched_) counts_[brand] = {};
    touched_.clear();
  }

 private:
  void begin(At at, std::int64_t timestamp) {
    first_ = at;
    first_ms_ = timestamp;
    second_ms_ = second_of(timestamp) * 1000;
  }

  BrandIndex brands_;
  std::vector<std::array<std::uint64_t, kSentiments>> counts_;
  std::vector<std::uint32_t> touched_;
  At first_{}, last_{};
  std::int64_t first_ms_ = 0, second_ms_ = 0;
};

}  // namespace ds
