// A batch is made in stretches of 256 records (tweet_batch.h): each is summed while it
// still lies in the first cache level, so the checksum never waits for memory.
#include "storm/tweet_filler.h"

#include <algorithm>
#include <cstring>

#include "base/varint.h"
#include "kafka/wire/crc32c.h"
#include "kafka/wire/record_batch.h"
#include "record/avro_tweet.h"

namespace ds {
namespace {

constexpr std::size_t kSumBehind = 4096;       // bytes
constexpr std::size_t kRecordBytesMax = 1024;  // of a tweet with everything around it

}  // namespace

/// Where the filling stands.
struct TweetFiller::Loop {
  std::uint8_t* at;
  std::uint8_t* end;
  std::uint32_t made = 0;      // records of this piece
  std::uint64_t sequence = 0;  // of the piece's first record
  std::array<std::uint32_t, kSentiments> by_sentiment{};
  bool sums = false;                     // the checksum is made while filling
  const std::uint8_t* summed = nullptr;  // up to here
  std::uint32_t crc = 0;
  std::int64_t newest_ms = 0;

  kafka::Crc32cFold fold;

  /// Sums what was made, but for a rest; the kernel sums on from there.
  void sum_on() {
    if (!sums) return;
    if (fold.at() != nullptr)
      fold.extend(at - kSumBehind);
    else if (!kafka::Crc32cFold::usable())
      sum_up();
    else if (at - summed >= 1024)
      fold.begin(crc, {summed, at - 256});
  }
  void sum_up() {
    if (sums) crc = fold.at() != nullptr ? fold.finish(at) : kafka::crc32c(crc, {summed, at});
    summed = at;
  }
};

TweetFiller::TweetFiller(const TweetFillerSettings& settings, const TweetGenerator& generator,
                         const MixBook& mixes, const TweetKernel& kernel)
    : settings_(settings),
      generator_(generator),
      mixes_(mixes),
      kernel_(kernel),
      hashes_(generator.pool()),
      kinds_(hashes_.kind_count()) {
  if (generator.settings().pool == 0) return;
  std::size_t bytes = 0;
  for (std::size_t k = 0; k < kSentiments; ++k)
    for (const TweetPool::Variant& variant : generator.pool().of(static_cast<Sentiment>(k)))
      bytes += variant.tail.size() + 1;
  tail_bytes_mean_ =
      static_cast<double>(bytes) / static_cast<double>(kSentiments * generator.pool().variants());
}

/// Pooled records, as long as there is space for whole lines; sums them up when told to.
void TweetFiller::put_pooled(const TweetGenerator::Batch& batch, const FillRequest& request,
                             Loop& loop) {
  const auto stream =
      static_cast<std::uint32_t>(request.batch % generator_.settings().numbering.streams);
  const TweetSums sums{hashes_, time_hash(request.timestamp_ms), kinds_};
  for (std::size_t delta_bytes = 1; delta_bytes < kDeltaEnds.size(); ++delta_bytes) {
    const std::uint32_t end = std::min(request.count, kDeltaEnds[delta_bytes]);
    if (loop.made >= end) continue;
    const TweetStencil stencil(settings_.run, stream,
                               settings_.confluent ? &settings_.schema_id : nullptr, delta_bytes,
                               request.timestamp_ms);
    templates_[delta_bytes].fit(generator_.pool(), stencil);
    while (loop.made < end) {
      const std::uint32_t to = std::min(end, loop.made + kStretchMax);
      const TweetsMade made = kernel_.make(
          {generator_, batch, stencil, templates_[delta_bytes], loop.sequence, request.first,
           loop.made, to, loop.fold.at() != nullptr ? &loop.fold : nullptr,
           settings_.claims ? &sums : nullptr},
          delta_bytes, loop.at, loop.end);
      loop.made = made.next;
      loop.at = made.at;
      for (std::size_t k = 0; k < kSentiments; ++k) loop.by_sentiment[k] += made.by_sentiment[k];
      loop.sum_on();
      if (made.next < to) return;
    }
  }
}

Filled TweetFiller::fill(const FillRequest& request, ByteSpan into) {
  const Numbering& numbering = generator_.settings().numbering;
  std::ranges::fill(kinds_, KindSum{});
  const auto batch = generator_.batch(request.batch, mixes_.at(request.mix), request.mix_batch);
  kafka::BatchHeader header;
  header.last_offset_delta = static_cast<std::int32_t>(request.count) - 1;
  header.base_timestamp = header.max_timestamp = request.timestamp_ms;
  header.producer_id = request.stamp.producer_id;
  header.producer_epoch = request.stamp.producer_epoch;
  header.base_sequence = request.stamp.base_sequence;
  header.record_count = static_cast<std::int32_t>(request.count);
  header.write(into.data());

  Loop loop{.at = into.data() + kafka::kBatchHeaderBytes, .end = into.data() + into.size()};
  loop.sequence = request.batch / numbering.streams * numbering.batch_size + request.first;
  // The header is summed first and names the count, so summing while filling needs to know that all
  // will fit. Where the mean says so and is wrong, the batch is summed once more. (It must be
  // close: 8,000 default tweets fill 98 % of a slot. Taken too large, every batch was summed cold.)
  const TweetStencil stencil(settings_.run, 0, settings_.confluent ? &settings_.schema_id : nullptr,
                             2, request.timestamp_ms);
  const double expected = kafka::kBatchHeaderBytes +
                          request.count * (static_cast<double>(stencil.size) + tail_bytes_mean_);
  loop.sums = request.each == nullptr && expected < static_cast<double>(into.size());
  loop.newest_ms = request.timestamp_ms;
  loop.summed = into.data() + kafka::kBatchCrcFrom;
  // The stencil holds one time for all, so records with their own are made the plain way.
  if (generator_.settings().pool != 0 && request.each == nullptr) put_pooled(batch, request, loop);
  put_afresh(batch, request, loop);  // all of them without a pool, else the last few that fit
  loop.sum_up();

  const auto size = static_cast<std::size_t>(loop.at - into.data());
  header.length = static_cast<std::int32_t>(size - kafka::kBatchLengthEnd);
  header.last_offset_delta = static_cast<std::int32_t>(loop.made) - 1;
  header.record_count = static_cast<std::int32_t>(loop.made);
  header.max_timestamp = loop.newest_ms;
  header.crc = loop.crc;
  header.write(into.data());
  if (!loop.sums || loop.made != request.count) kafka::seal(into.first(size));
  return {.bytes = static_cast<std::uint32_t>(size),
          .records = loop.made,
          .by_sentiment = loop.by_sentiment,
          .kinds = kinds_};
}

/// The plain way, record by record, up to the last byte.
void TweetFiller::put_afresh(const TweetGenerator::Batch& batch, const FillRequest& request,
                             Loop& loop) {
  const TweetSettings& settings = generator_.settings();
  const auto stream = static_cast<std::uint32_t>(request.batch % settings.numbering.streams);
  std::uint64_t time = time_hash(request.timestamp_ms);
  for (; loop.made < request.count; ++loop.made) {
    const std::uint32_t position = request.first + loop.made;
    const auto choice = generator_.choose(batch, position);
    const std::uint64_t record = request.batch * settings.numbering.batch_size + position;
    TweetPool::Variant made;
    if (settings.pool == 0) made = generator_.afresh(record, choice.sentiment);
    const TweetPool::Variant& variant =
        settings.pool == 0 ? made : generator_.pool().of(choice.sentiment)[choice.variant];

    const std::int64_t timestamp_ms =
        request.each == nullptr ? request.timestamp_ms : request.each->wall_ms();
    scratch_.clear();
    if (settings_.confluent) {
      scratch_.resize(ConfluentFrame::kBytes);
      store_be(scratch_.data() + 1, settings_.schema_id);
    }
    append_avro(scratch_,
                {.tweet_id = to_tweet_id({settings_.run, stream, loop.sequence + loop.made}),
                 .timestamp = timestamp_ms,
                 .text = variant.text,
                 .brand = settings.brands[variant.brand].name,
                 .sentiment = kSentimentNames[static_cast<std::size_t>(choice.sentiment)]});
    std::array<std::uint8_t, kRecordBytesMax> record_bytes;
    std::uint8_t* at = record_bytes.data();
    *at++ = 0;
    at = put_zigzag(at, timestamp_ms - request.timestamp_ms);
    at = put_zigzag(at, loop.made);
    *at++ = 1;
    at = put_zigzag(at, static_cast<std::int64_t>(scratch_.size()));
    at = std::copy(scratch_.begin(), scratch_.end(), at);
    *at++ = 0;
    const auto body = static_cast<std::size_t>(at - record_bytes.data());
    const std::size_t whole = varint_size(zigzag(static_cast<std::int64_t>(body))) + body;
    if (static_cast<std::size_t>(loop.end - loop.at) < whole) return;
    loop.at = put_zigzag(loop.at, static_cast<std::int64_t>(body));
    loop.at = std::copy(record_bytes.data(), at, loop.at);
    loop.newest_ms = std::max(loop.newest_ms, timestamp_ms);
    if (request.each != nullptr) time = time_hash(timestamp_ms);
    const auto sentiment = static_cast<std::size_t>(choice.sentiment);
    ++loop.by_sentiment[sentiment];
    const std::uint64_t content = content_hash(
        variant.text, kind_hash(settings.brands[variant.brand].name, kSentimentNames[sentiment]));
    kinds_[kSentiments * variant.brand + sentiment].add(
        {1, record_hash(content, time, loop.sequence + loop.made)});
  }
}

}  // namespace ds
