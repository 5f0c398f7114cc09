// The idea: all records of a batch begin alike. A record is
//
//   length  0  0  offset-delta  01  value-length  [frame]  48 tweetId timestamp  text brand
//   sentiment  0
//
// (01 is the null key, 48 the tweetId's length, the last 0 "no headers"). Everything before the
// text is one template of at most 64 bytes, copied whole and then patched: two lengths, the offset
// delta, the last four hex digits of the id (the others change every 65,536 records). Everything
// behind it is one of the pool's tails, copied in whole cache lines past its end; the next record
// overwrites the surplus. So a record costs a dozen wide stores and no branch that depends on its
// data.
//
// With an offset delta of d bytes a template is valid for a range of records, so a batch is three
// loops: 64 records with one byte, 8,128 with two, the rest with three.
#include "storm/tweet_filler.h"

#include <algorithm>
#include <cstring>

#include "base/varint.h"
#include "kafka/wire/record_batch.h"
#include "record/avro_tweet.h"

namespace ds {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::uint32_t kOneByteDeltas = 64, kTwoByteDeltas = 8192;  // records below which
constexpr std::size_t kRecordBytesMax = 1024;  // of a tweet with everything around it

/// Both bytes of a zigzag varint from 64 to 8191, low byte first.
constexpr std::uint16_t varint_of_two(std::uint32_t value) {
  const std::uint32_t z = value * 2;
  return static_cast<std::uint16_t>((z & 127) | 128 | (z >> 7) << 8);
}
static_assert(varint_of_two(64) == 0x0180 && varint_of_two(8191) == 0x7ffe);

void put_u16(std::uint8_t* to, std::uint16_t value) {
  std::memcpy(to, &value, 2);
}

/// Two hex digits a byte.
constexpr auto kHexPairs = [] {
  std::array<std::uint16_t, 256> pairs{};
  constexpr char kDigits[] = "0123456789abcdef";
  for (std::size_t i = 0; i < 256; ++i)
    pairs[i] = static_cast<std::uint16_t>(kDigits[i >> 4] | kDigits[i & 15] << 8);
  return pairs;
}();

/// The template, and where its patches go.
struct Head {
  std::array<std::uint8_t, kLine> bytes{};
  std::size_t size = 0;
  std::size_t value_length_at = 0;
  std::size_t sequence_at = 0;
  std::uint32_t body_base = 0;   // the record's length without its tail
  std::uint32_t value_base = 0;  // the value's

  Head(const TweetFillerSettings& settings, std::uint32_t stream, std::size_t delta_bytes,
       std::int64_t timestamp_ms) {
    std::uint8_t* at = bytes.data() + 2 + 2 + delta_bytes;
    *at++ = 1;  // no key
    value_length_at = static_cast<std::size_t>(at - bytes.data());
    at += 2;
    const std::uint8_t* const value = at;
    if (settings.confluent) {
      *at++ = 0;
      store_be(at, settings.schema_id);
      at += 4;
    }
    at = put_zigzag(at, kTweetIdLength);
    const std::string id = to_tweet_id({settings.run, stream, 0});
    std::memcpy(at, id.data(), id.size());
    sequence_at = static_cast<std::size_t>(at - bytes.data()) + kTweetIdPrefix;
    at = put_zigzag(at + id.size(), timestamp_ms);
    size = static_cast<std::size_t>(at - bytes.data());
    value_base = static_cast<std::uint32_t>(at - value);
    body_base = static_cast<std::uint32_t>(size) - 2;
  }

  void set_sequence(std::uint64_t sequence) {
    put_hex48(reinterpret_cast<char*>(bytes.data() + sequence_at), sequence);
  }
};

}  // namespace

/// Where the filling stands.
struct TweetFiller::Loop {
  std::uint8_t* at;
  std::uint8_t* end;
  std::uint32_t made = 0;      // records of this piece
  std::uint64_t sequence = 0;  // of the piece's first record
  std::array<std::uint32_t, kSentiments> by_sentiment{};
};

TweetFiller::TweetFiller(const TweetFillerSettings& settings, const TweetGenerator& generator,
                         const MixBook& mixes)
    : settings_(settings),
      generator_(generator),
      mixes_(mixes),
      stride_((generator.pool().tail_bytes_max() + 1 + kLine - 1) / kLine * kLine) {
  const std::size_t variants = generator.pool().variants();
  tails_.resize(kSentiments * variants * stride_);
  for (std::size_t k = 0; k < kSentiments; ++k)
    for (std::size_t v = 0; v < variants; ++v) {
      const ByteVec& tail = generator.pool().of(static_cast<Sentiment>(k))[v].tail;
      std::memcpy(&tails_[(k * variants + v) * stride_], tail.data(), tail.size());
      tail_bytes_.push_back(static_cast<std::uint16_t>(tail.size() + 1));
    }
}

namespace {

/// What one of the three loops needs; all of it stays in registers or the first cache level.
struct PoolLoop {
  const TweetGenerator& generator;
  const TweetGenerator::Batch& batch;
  const std::uint8_t* tails;
  const std::uint16_t* tail_bytes;
  std::size_t stride;
  std::uint32_t first;  // position in the generator batch of the piece's first record

  /// Records [from, to) of the piece, as long as there is space for whole lines; returns where it
  /// stopped.
  template <std::size_t kDeltaBytes, bool kTwoLines>
  std::uint32_t run(Head head, std::uint64_t sequence, std::uint32_t from, std::uint32_t to,
                    std::uint8_t*& out, const std::uint8_t* end,
                    std::array<std::uint32_t, kSentiments>& by_sentiment) const {
    const std::uint32_t variants = generator.variant_mask() + 1;
    const std::ptrdiff_t space = static_cast<std::ptrdiff_t>(kLine + stride);
    std::uint8_t* at = out;
    std::array<std::uint32_t, kSentiments> counts{};
    head.set_sequence(sequence + from);
    std::uint32_t j = from;
    for (; j < to && end - at >= space; ++j) {
      const std::uint64_t number = sequence + j;
      if ((number & 0xffff) == 0) [[unlikely]]
        head.set_sequence(number);
      const auto choice = generator.choose(batch, first + j);
      const auto kind = static_cast<std::uint32_t>(choice.sentiment);
      const std::size_t entry = kind * variants + choice.variant;
      const std::uint32_t tail = tail_bytes[entry];
      ++counts[kind];
      std::memcpy(at, head.bytes.data(), kLine);
      put_u16(at, varint_of_two(head.body_base + tail));
      if constexpr (kDeltaBytes == 1) at[4] = static_cast<std::uint8_t>(2 * j);
      if constexpr (kDeltaBytes == 2) put_u16(at + 4, varint_of_two(j));
      if constexpr (kDeltaBytes == 3) put_zigzag(at + 4, j);
      put_u16(at + head.value_length_at, varint_of_two(head.value_base + tail - 1));
      put_u16(at + head.sequence_at + 8, kHexPairs[number >> 8 & 255]);
      put_u16(at + head.sequence_at + 10, kHexPairs[number & 255]);
      const std::uint8_t* from_tail = tails + entry * stride;
      std::uint8_t* to_tail = at + head.size;
      if constexpr (kTwoLines) {
        std::memcpy(to_tail, from_tail, 2 * kLine);
      } else {
        for (std::size_t line = 0; line < stride; line += kLine)
          std::memcpy(to_tail + line, from_tail + line, kLine);
      }
      at = to_tail + tail;
    }
    for (std::size_t k = 0; k < kSentiments; ++k) by_sentiment[k] += counts[k];
    out = at;
    return j;
  }

  template <std::size_t kDeltaBytes>
  std::uint32_t run(const Head& head, std::uint64_t sequence, std::uint32_t from, std::uint32_t to,
                    std::uint8_t*& out, const std::uint8_t* end,
                    std::array<std::uint32_t, kSentiments>& counts) const {
    return stride == 2 * kLine
               ? run<kDeltaBytes, true>(head, sequence, from, to, out, end, counts)
               : run<kDeltaBytes, false>(head, sequence, from, to, out, end, counts);
  }
};

}  // namespace

Filled TweetFiller::fill(const FillRequest& request, ByteSpan into) {
  const Numbering& numbering = generator_.settings().numbering;
  const auto batch = generator_.batch(request.batch, mixes_.at(request.mix), request.mix_batch);
  const auto stream = static_cast<std::uint32_t>(request.batch % numbering.streams);
  Loop loop{.at = into.data() + kafka::kBatchHeaderBytes, .end = into.data() + into.size()};
  loop.sequence = request.batch / numbering.streams * numbering.batch_size + request.first;

  if (generator_.settings().pool != 0) {
    const PoolLoop pool{generator_,         batch,   tails_.data(),
                        tail_bytes_.data(), stride_, request.first};
    const auto head = [&](std::size_t delta_bytes) {
      return Head(settings_, stream, delta_bytes, request.timestamp_ms);
    };
    const auto pass = [&](auto run, std::size_t delta_bytes, std::uint32_t below) {
      const std::uint32_t to = std::min(request.count, below);
      if (loop.made < to)
        loop.made = run(head(delta_bytes), loop.sequence, loop.made, to, loop.at, loop.end,
                        loop.by_sentiment);
    };
    pass([&](auto&&... a) { return pool.run<1>(a...); }, 1, kOneByteDeltas);
    if (loop.made >= kOneByteDeltas)
      pass([&](auto&&... a) { return pool.run<2>(a...); }, 2, kTwoByteDeltas);
    if (loop.made >= kTwoByteDeltas)
      pass([&](auto&&... a) { return pool.run<3>(a...); }, 3, request.count);
  }
  put_afresh(batch, request, loop);  // all of them without a pool, else the last few that fit

  const auto size = static_cast<std::size_t>(loop.at - into.data());
  kafka::BatchHeader header;
  header.length = static_cast<std::int32_t>(size - kafka::kBatchLengthEnd);
  header.last_offset_delta = static_cast<std::int32_t>(loop.made) - 1;
  header.base_timestamp = header.max_timestamp = request.timestamp_ms;
  header.producer_id = request.stamp.producer_id;
  header.producer_epoch = request.stamp.producer_epoch;
  header.base_sequence = request.stamp.base_sequence;
  header.record_count = static_cast<std::int32_t>(loop.made);
  header.write(into.data());
  kafka::seal(into.first(size));
  return {.bytes = static_cast<std::uint32_t>(size),
          .records = loop.made,
          .by_sentiment = loop.by_sentiment};
}

/// The plain way, record by record, up to the last byte.
void TweetFiller::put_afresh(const TweetGenerator::Batch& batch, const FillRequest& request,
                             Loop& loop) {
  const TweetSettings& settings = generator_.settings();
  const auto stream = static_cast<std::uint32_t>(request.batch % settings.numbering.streams);
  for (; loop.made < request.count; ++loop.made) {
    const std::uint32_t position = request.first + loop.made;
    const auto choice = generator_.choose(batch, position);
    const std::uint64_t record = request.batch * settings.numbering.batch_size + position;
    TweetPool::Variant made;
    if (settings.pool == 0) made = generator_.afresh(record, choice.sentiment);
    const TweetPool::Variant& variant =
        settings.pool == 0 ? made : generator_.pool().of(choice.sentiment)[choice.variant];

    scratch_.clear();
    if (settings_.confluent) {
      scratch_.resize(ConfluentFrame::kBytes);
      store_be(scratch_.data() + 1, settings_.schema_id);
    }
    append_avro(scratch_,
                {.tweet_id = to_tweet_id({settings_.run, stream, loop.sequence + loop.made}),
                 .timestamp = request.timestamp_ms,
                 .text = variant.text,
                 .brand = settings.brands[variant.brand].name,
                 .sentiment = kSentimentNames[static_cast<std::size_t>(choice.sentiment)]});
    std::array<std::uint8_t, kRecordBytesMax> record_bytes;
    std::uint8_t* at = record_bytes.data();
    *at++ = 0;
    *at++ = 0;
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
    ++loop.by_sentiment[static_cast<std::size_t>(choice.sentiment)];
  }
}

}  // namespace ds
