#include "storm/pooled_filler.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/varint.h"
#include "kafka/wire/record_batch.h"
#include "record/identity.h"

namespace ds {
namespace {

constexpr std::string_view kIdHeader = "ds-id";
/// One header: their number, the key with its length, the value's length. The id follows.
constexpr std::size_t kHeadBytes = 1 + 1 + kIdHeader.size() + 1;
constexpr std::size_t kIdBytes = 16;
// length (5), attributes, timestamp delta (10), offset delta (at most 5), null key, value length
// (5).
constexpr std::size_t kAroundValueMax = 5 + 1 + 10 + 5 + 1 + 5 + kHeadBytes + kIdBytes + kCopySlack;
/// So many values are made before the first of them is hashed: what has just been written in other
/// steps than it is read in keeps the processor waiting.
constexpr std::uint32_t kBlock = 16;

/// What all records of a stream end with, but for the id's last six bytes.
struct Tail {
  std::array<std::uint8_t, kHeadBytes + kIdBytes> bytes;
  std::uint64_t last;  // eight bytes, of which the sequence takes the lower six

  Tail(std::uint64_t run, std::uint32_t stream) {
    std::uint8_t* at = bytes.data();
    *at++ = 2;  // one, in zigzag
    at = put_zigzag(at, static_cast<std::int64_t>(kIdHeader.size()));
    std::memcpy(at, kIdHeader.data(), kIdHeader.size());
    at += kIdHeader.size();
    *at++ = 2 * kIdBytes;
    const auto id = to_binary(RecordId{run, stream, 0});
    std::memcpy(at, id.data(), id.size());
    last = load_be<std::uint64_t>(bytes.data() + bytes.size() - 8);
  }
  std::uint8_t* put(std::uint8_t* to, std::uint64_t sequence) const {
    std::memcpy(to, bytes.data(), bytes.size());
    store_be(to + bytes.size() - 8, last | sequence);
    return to + bytes.size();
  }
};

}  // namespace

const std::size_t kAroundPooledValueMax = kAroundValueMax;

PooledFiller::PooledFiller(const PooledFillerSettings& settings,
                           std::shared_ptr<const ImagePool> pool)
    : settings_(settings), pool_(std::move(pool)) {
  for (const Image& image : pool_->images)
    hashes_.push_back(
        {image.patches.empty() ? content_hash(image.bytes) : 0, image.patches.empty()});
  if (pool_->sheet) press_.emplace(*pool_->sheet);
}

/// The values of one call, in their order.
class PooledFiller::Values {
 public:
  Values(PooledFiller& filler, const RecordFacts& facts) : filler_(filler), pool_(*filler.pool_) {
    turn_to(facts);
  }
  void turn_to(const RecordFacts& facts) {
    if (filler_.press_) filler_.press_->turn_to(facts);
  }
  /// Chooses the images of the next records.
  void choose(const RecordFacts& first, std::uint32_t count) {
    if (pool_.images.empty()) return;
    for (std::uint32_t i = 0; i < count; ++i) {
      picks_[i] = pool_.pick(first.seed, first.record + i);
      if (filler_.press_) filler_.press_->call(picks_[i]);
    }
  }
  /// Begins the i-th of those; how many bytes it will have.
  std::size_t begin(std::uint32_t i, const RecordFacts& facts) {
    if (filler_.press_) return filler_.press_->begin(picks_[i], facts);
    image_ = pool_.images.empty() ? &pool_.image(facts.seed, facts.record, filler_.fresh_)
                                  : &pool_.images[picks_[i]];
    return size_of(*image_, facts);
  }
  std::uint8_t* finish(std::uint8_t* to, const RecordFacts& facts) const {
    return filler_.press_ ? filler_.press_->finish(to, facts) : put_image(to, *image_, facts);
  }
  std::uint64_t hash(std::uint32_t i, ByteView value) const {
    const bool known = !filler_.hashes_.empty() && filler_.hashes_[picks_[i]].known;
    return known ? filler_.hashes_[picks_[i]].content : content_hash(value);
  }

 private:
  PooledFiller& filler_;
  const ImagePool& pool_;
  const Image* image_ = nullptr;
  std::array<std::size_t, kBlock> picks_;
};

Filled PooledFiller::fill(const FillRequest& request, ByteSpan into) {
  std::uint8_t* at = into.data() + kafka::kBatchHeaderBytes;
  std::uint8_t* const end = into.data() + into.size();
  const auto stream = static_cast<std::uint32_t>(request.batch % settings_.streams);
  const Tail tail(settings_.run, stream);
  RecordFacts facts{
      .seed = settings_.seed,
      .record = request.batch * settings_.batch_size + request.first,
      .stream = stream,
      .sequence = request.batch / settings_.streams * settings_.batch_size + request.first,
      .timestamp_ms = request.timestamp_ms};
  Values values(*this, facts);
  struct Made {
    ByteView value;
    std::uint64_t time;
  };
  std::array<Made, kBlock> block;
  std::uint64_t time = time_hash(request.timestamp_ms);
  std::uint32_t made = 0;
  sum_ = {};
  std::int64_t newest_ms = request.timestamp_ms, later_ms = 0;
  for (bool full = false; made < request.count && !full;) {
    const std::uint32_t wanted = std::min(kBlock, request.count - made);
    values.choose(facts, wanted);
    std::uint32_t i = 0;
    for (; i < wanted; ++i, ++made, ++facts.record, ++facts.sequence) {
      if (request.each != nullptr) {
        const std::int64_t now_ms = request.each->wall_ms();
        if (std::exchange(facts.timestamp_ms, now_ms) != now_ms) values.turn_to(facts);
        later_ms = now_ms - request.timestamp_ms;
        newest_ms = std::max(newest_ms, now_ms);
        time = time_hash(now_ms);
      }
      const std::size_t size = values.begin(i, facts);
      full = static_cast<std::size_t>(end - at) < size + kAroundValueMax;
      if (full) break;
      const std::size_t body = 1 + varint_size(zigzag(later_ms)) + varint_size(zigzag(made)) + 1 +
                               varint_size(zigzag(static_cast<std::int64_t>(size))) + size +
                               sizeof tail.bytes;
      at = put_zigzag(at, static_cast<std::int64_t>(body));
      *at++ = 0;  // attributes
      at = put_zigzag(at, later_ms);
      at = put_zigzag(at, made);
      *at++ = 1;  // no key
      at = put_zigzag(at, static_cast<std::int64_t>(size));
      block[i] = {ByteView(at, size), time};
      at = tail.put(values.finish(at, facts), facts.sequence);
    }
    for (std::uint32_t j = 0; j < i; ++j)
      sum_.add(
          {1, record_hash(values.hash(j, block[j].value), block[j].time, facts.sequence - i + j)});
  }

  const auto size = static_cast<std::size_t>(at - into.data());
  kafka::BatchHeader header;
  header.length = static_cast<std::int32_t>(size - kafka::kBatchLengthEnd);
  header.last_offset_delta = static_cast<std::int32_t>(made) - 1;
  header.base_timestamp = request.timestamp_ms;
  header.max_timestamp = newest_ms;
  header.producer_id = request.stamp.producer_id;
  header.producer_epoch = request.stamp.producer_epoch;
  header.base_sequence = request.stamp.base_sequence;
  header.record_count = static_cast<std::int32_t>(made);
  header.write(into.data());
  kafka::seal(into.first(size));
  return {.bytes = static_cast<std::uint32_t>(size),
          .records = made,
          .by_sentiment = {},
          .kinds = {&sum_, 1}};
}

}  // namespace ds
