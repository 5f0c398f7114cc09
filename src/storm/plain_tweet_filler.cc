#include "storm/plain_tweet_filler.h"

#include <algorithm>

#include "base/varint.h"
#include "kafka/wire/record_batch.h"
#include "record/identity.h"
#include "record/tweet_forms.h"

namespace ds {
namespace {

// length, attributes, two deltas, no key, the value's length, no headers
constexpr std::size_t kAroundMax = 5 + 1 + 10 + 5 + 1 + 5 + 1;

}  // namespace

PlainTweetFiller::PlainTweetFiller(PlainTweetSettings settings, const TweetGenerator& generator,
                                   const MixBook& mixes)
    : settings_(std::move(settings)),
      generator_(generator),
      mixes_(mixes),
      kinds_(kSentiments * generator.settings().brands.size()) {
  if (generator.settings().pool == 0) return;
  for (std::size_t k = 0; k < kSentiments; ++k)
    for (const TweetPool::Variant& variant : generator.pool().of(static_cast<Sentiment>(k)))
      tails_[k].push_back(tail_of(variant, k));
}

PlainTweetFiller::Tail PlainTweetFiller::tail_of(const TweetPool::Variant& variant,
                                                 std::size_t sentiment) const {
  Tail tail{.bytes = {}, .content = 0, .brand = variant.brand};
  const std::string& brand = generator_.settings().brands[variant.brand].name;
  const std::string_view name = kSentimentNames[sentiment];
  append_tweet_tail(tail.bytes, settings_.encoding, variant.text, brand, name);
  tail.content = content_hash(variant.text, kind_hash(brand, name));
  return tail;
}

Filled PlainTweetFiller::fill(const FillRequest& request, ByteSpan into) {
  const Numbering& numbering = generator_.settings().numbering;
  const auto stream = static_cast<std::uint32_t>(request.batch % numbering.streams);
  const auto batch = generator_.batch(request.batch, mixes_.at(request.mix), request.mix_batch);
  const std::uint64_t first =
      request.batch / numbering.streams * numbering.batch_size + request.first;
  std::string id = to_tweet_id({settings_.run, stream, 0});
  std::ranges::fill(kinds_, KindSum{});
  Filled filled;
  std::uint8_t* at = into.data() + kafka::kBatchHeaderBytes;
  std::uint8_t* const end = into.data() + into.size();
  std::int64_t newest_ms = request.timestamp_ms, timestamp_ms = request.timestamp_ms;
  std::uint64_t time = time_hash(timestamp_ms);
  Tail fresh;
  for (; filled.records < request.count; ++filled.records) {
    const std::uint32_t position = request.first + filled.records;
    const auto choice = generator_.choose(batch, position);
    const auto kind = static_cast<std::size_t>(choice.sentiment);
    if (tails_[kind].empty())
      fresh = tail_of(
          generator_.afresh(request.batch * numbering.batch_size + position, choice.sentiment),
          kind);
    const Tail& tail = tails_[kind].empty() ? fresh : tails_[kind][choice.variant];
    if (request.each != nullptr) {
      timestamp_ms = request.each->wall_ms();
      newest_ms = std::max(newest_ms, timestamp_ms);
      time = time_hash(timestamp_ms);
    }
    put_hex48(id.data() + kTweetIdPrefix, first + filled.records);
    std::uint8_t head[kTweetHeadMax];
    const auto head_bytes =
        static_cast<std::size_t>(put_tweet_head(head, settings_.encoding, id, timestamp_ms) - head);
    const std::size_t value = settings_.frame.size() + head_bytes + tail.bytes.size();
    if (static_cast<std::size_t>(end - at) < value + kAroundMax) break;
    const std::int64_t later_ms = timestamp_ms - request.timestamp_ms;
    const std::size_t body = 1 + varint_size(zigzag(later_ms)) +
                             varint_size(zigzag(filled.records)) + 1 +
                             varint_size(zigzag(static_cast<std::int64_t>(value))) + value + 1;
    at = put_zigzag(at, static_cast<std::int64_t>(body));
    *at++ = 0;  // attributes
    at = put_zigzag(at, later_ms);
    at = put_zigzag(at, filled.records);
    *at++ = 1;  // no key
    at = put_zigzag(at, static_cast<std::int64_t>(value));
    at = std::copy(settings_.frame.begin(), settings_.frame.end(), at);
    at = std::copy(head, head + head_bytes, at);
    at = std::copy(tail.bytes.begin(), tail.bytes.end(), at);
    *at++ = 0;  // no headers
    ++filled.by_sentiment[kind];
    kinds_[kSentiments * tail.brand + kind].add(
        {1, record_hash(tail.content, time, first + filled.records)});
  }
  const auto size = static_cast<std::size_t>(at - into.data());
  seal_batch(request, into.first(size), filled.records, newest_ms);
  filled.bytes = static_cast<std::uint32_t>(size);
  filled.kinds = kinds_;
  return filled;
}

}  // namespace ds
