#include "record/generator.h"

#include <bit>
#include <numeric>

#include "base/random.h"

namespace ds {
namespace {

// Streams of random numbers that must not meet, so that a change of one leaves the others alone.
constexpr std::uint64_t kForTexts = 0x7465787473;
constexpr std::uint64_t kForOrder = 0x6f72646572;
constexpr std::uint64_t kForBatches = 0x6261746368;

std::size_t variants_each(std::size_t pool) {
  return std::bit_ceil(std::max<std::size_t>(1, (pool + kSentiments - 1) / kSentiments));
}

}  // namespace

TweetGenerator::TweetGenerator(TweetSettings settings)
    : settings_(std::move(settings)),
      pool_(settings_.brands, variants_each(settings_.pool), settings_.seed ^ kForTexts),
      variant_mask_(static_cast<std::uint32_t>(pool_.variants() - 1)) {
  const std::size_t size = settings_.numbering.batch_size;
  permutations_.resize(kPermutations * size);
  Random random(settings_.seed ^ kForOrder);
  for (std::size_t p = 0; p < kPermutations; ++p) {
    const auto ranks = permutations_.begin() + static_cast<std::ptrdiff_t>(p * size);
    std::iota(ranks, ranks + static_cast<std::ptrdiff_t>(size), 0u);
    for (std::size_t i = size; i > 1; --i)
      std::swap(ranks[static_cast<std::ptrdiff_t>(i - 1)],
                ranks[static_cast<std::ptrdiff_t>(random.below(i))]);
  }
}

TweetGenerator::Batch TweetGenerator::batch(std::uint64_t batch, const Mix& mix,
                                            std::uint64_t mix_batch) const {
  const std::size_t size = settings_.numbering.batch_size;
  Random random(settings_.seed ^ kForBatches, batch * 4);
  Batch made;
  made.counts = mix.counts(mix_batch, size);
  made.batch = batch;
  made.ranks = permutations_.data() + random.below(kPermutations) * size;
  made.rotation = static_cast<std::uint32_t>(random.below(size));
  made.shift = static_cast<std::uint32_t>(random());
  return made;
}

TweetPool::Variant TweetGenerator::afresh(std::uint64_t record, Sentiment sentiment) const {
  return pool_.make(sentiment, random_at(settings_.seed ^ kForTexts, ~record));
}

Tweet TweetGenerator::tweet(std::uint64_t run, std::uint64_t record, std::int64_t timestamp_ms,
                            const Mix& mix, std::uint64_t mix_batch) const {
  const Numbering::Place place = settings_.numbering.place(record);
  const Choice choice = choose(batch(place.batch, mix, mix_batch), place.position);
  const TweetPool::Variant variant = settings_.pool == 0
                                         ? afresh(record, choice.sentiment)
                                         : pool_.of(choice.sentiment)[choice.variant];
  return {.tweet_id = to_tweet_id({run, place.stream, place.sequence}),
          .timestamp = timestamp_ms,
          .text = variant.text,
          .brand = settings_.brands[variant.brand].name,
          .sentiment = std::string(kSentimentNames[static_cast<std::size_t>(choice.sentiment)])};
}

}  // namespace ds
