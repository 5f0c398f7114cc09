// Tweets in JSON or Protobuf: record by record, with tails that are made beforehand. Avro's, which
// the storm is made for, are tweet_filler.h.
#pragma once

#include <array>
#include <vector>

#include "record/generator.h"
#include "record/payload/payload.h"
#include "storm/tweet_filler.h"

namespace ds {

struct PlainTweetSettings {
  std::uint64_t run = 0;
  Encoding encoding = Encoding::kJson;
  ByteVec frame;  // before each value
};

/// Cost: two copies and the tweetId's digits a record. Lifetime: borrows the generator and the
/// mixes.
class PlainTweetFiller final : public Filler {
 public:
  PlainTweetFiller(PlainTweetSettings settings, const TweetGenerator& generator,
                   const MixBook& mixes);
  Filled fill(const FillRequest& request, ByteSpan into) override;

 private:
  struct Tail {
    ByteVec bytes;
    std::uint64_t content = 0;
    std::uint32_t brand = 0;
  };
  Tail tail_of(const TweetPool::Variant& variant, std::size_t sentiment) const;

  const PlainTweetSettings settings_;
  const TweetGenerator& generator_;
  const MixBook& mixes_;
  std::array<std::vector<Tail>, kSentiments> tails_;  // empty without a pool
  std::vector<KindSum> kinds_;
};

}  // namespace ds
