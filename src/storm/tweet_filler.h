// Tweets into record batches, in place: the storm's hot loop.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "record/generator.h"
#include "storm/filler.h"

namespace ds {

/// The mixes of a run in the order of their changes; grows while workers read.
class MixBook {
 public:
  explicit MixBook(Mix first) : mixes_{std::move(first)} {}
  std::uint32_t add(Mix mix) {
    const std::lock_guard lock(mutex_);
    mixes_.push_back(std::move(mix));
    return static_cast<std::uint32_t>(mixes_.size() - 1);
  }
  Mix at(std::uint32_t index) const {
    const std::lock_guard lock(mutex_);
    return mixes_[index];
  }
  Mix latest() const {
    const std::lock_guard lock(mutex_);
    return mixes_.back();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Mix> mixes_;
};

struct TweetFillerSettings {
  std::uint64_t run = 0;
  bool confluent = false;  // each value in Confluent's frame
  std::int32_t schema_id = 0;
};

/// Cost: about 20 stores a record, then one pass of CRC; measured by `datastorm bench encode`.
/// Lifetime: borrows the generator and the mixes.
class TweetFiller final : public Filler {
 public:
  TweetFiller(const TweetFillerSettings& settings, const TweetGenerator& generator,
              const MixBook& mixes);
  Filled fill(const FillRequest& request, ByteSpan into) override;

 private:
  struct Loop;

  void put_afresh(const TweetGenerator::Batch& batch, const FillRequest& request, Loop& loop);

  const TweetFillerSettings settings_;
  const TweetGenerator& generator_;
  const MixBook& mixes_;
  std::size_t stride_;               // of a tail in tails_: whole cache lines
  std::vector<std::uint8_t> tails_;  // each: text, brand, sentiment, and the zero of no headers
  std::vector<std::uint16_t> tail_bytes_;  // by sentiment and variant
  ByteVec scratch_;
};

}  // namespace ds
