// Tweets into record batches, in place: the storm's hot loop.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "record/generator.h"
#include "storm/filler.h"
#include "storm/tweet_batch.h"

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
  bool claims = true;  // sums for the ledger; without them for measuring what they cost
};

/// Cost: a wide store a line of a record (with AVX-512) and its checksum from the first cache
/// level; measured by `datastorm bench encode`. Lifetime: borrows the generator and the mixes.
class TweetFiller final : public Filler {
 public:
  TweetFiller(const TweetFillerSettings& settings, const TweetGenerator& generator,
              const MixBook& mixes, const TweetKernel& kernel = best_tweet_kernel());
  Filled fill(const FillRequest& request, ByteSpan into) override;

 private:
  struct Loop;

  void put_pooled(const TweetGenerator::Batch& batch, const FillRequest& request, Loop& loop);
  void put_afresh(const TweetGenerator::Batch& batch, const FillRequest& request, Loop& loop);

  const TweetFillerSettings settings_;
  const TweetGenerator& generator_;
  const MixBook& mixes_;
  const TweetKernel& kernel_;
  std::array<TweetTemplates, kDeltaEnds.size()> templates_;  // by the delta's bytes
  const PoolHashes hashes_;
  std::vector<KindSum> kinds_;
  double tail_bytes_mean_ = 0;
  ByteVec scratch_;
};

}  // namespace ds
