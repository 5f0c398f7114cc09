// Record i of a run, from (seed, i) alone: which sentiment, which text, which brand. The storm asks
// for whole batches, a verifier for single records; both hear the same.
#pragma once

#include <cstdint>
#include <vector>

#include "record/identity.h"
#include "record/mix.h"
#include "record/numbering.h"
#include "record/tweet.h"

namespace ds {

struct TweetSettings {
  std::uint64_t seed = 1;
  std::vector<Brand> brands{{"SuperCoffee", 1}};
  /// Pre-serialised texts, all sentiments together (rounded up to a power of two for each);
  /// 0 makes every text afresh.
  std::size_t pool = 1024;
  Numbering numbering;
};

/// A value after construction. Threads: any.
class TweetGenerator {
 public:
  explicit TweetGenerator(TweetSettings settings);

  /// How one batch is laid out. Sentiments are interleaved by a permutation of its positions: the
  /// record at a position has a rank, the rank chooses the sentiment (the first c0 are positive,
  /// and so on) and, with a shift, the variant.
  struct Batch {
    Mix::Counts counts{};
    std::uint64_t batch = 0;
    const std::uint32_t* ranks = nullptr;  // batch_size of them
    std::uint32_t rotation = 0;
    std::uint32_t shift = 0;
  };
  struct Choice {
    Sentiment sentiment;
    std::uint32_t variant;  // of the pool; with no pool, see text_of()
  };

  Batch batch(std::uint64_t batch, const Mix& mix, std::uint64_t mix_batch) const;
  Choice choose(const Batch& batch, std::uint64_t position) const {
    std::uint64_t at = position + batch.rotation;
    if (at >= settings_.numbering.batch_size) at -= settings_.numbering.batch_size;
    const std::uint32_t rank = batch.ranks[at];
    const std::uint32_t kind =
        (rank >= batch.counts[0]) + (rank >= batch.counts[0] + batch.counts[1]);
    return {static_cast<Sentiment>(kind), (rank + batch.shift) & variant_mask_};
  }
  std::uint32_t variant_mask() const { return variant_mask_; }

  /// A whole record, as it was or will be sent.
  Tweet tweet(std::uint64_t run, std::uint64_t record, std::int64_t timestamp_ms, const Mix& mix,
              std::uint64_t mix_batch) const;
  /// Without a pool: the text and brand of record i.
  TweetPool::Variant afresh(std::uint64_t record, Sentiment sentiment) const;

  const TweetSettings& settings() const { return settings_; }
  const TweetPool& pool() const { return pool_; }

 private:
  static constexpr std::size_t kPermutations = 8;

  TweetSettings settings_;
  TweetPool pool_;
  std::uint32_t variant_mask_;
  std::vector<std::uint32_t> permutations_;  // kPermutations of 0 … batch_size - 1
};

}  // namespace ds
