#include "storm/pooled_filler.h"

#include <algorithm>

#include "base/varint.h"
#include "kafka/wire/record_batch.h"
#include "record/identity.h"

namespace ds {
namespace {

constexpr std::string_view kIdHeader = "ds-id";
/// One header: their number, the key with its length, the value's length. The id follows.
constexpr std::size_t kHeadBytes = 1 + 1 + kIdHeader.size() + 1;
constexpr std::size_t kIdBytes = 16, kSequenceAt = 10;
// length (5), attributes, timestamp delta (10), offset delta (at most 5), null key, value length
// (5).
constexpr std::size_t kAroundValueMax = 5 + 1 + 10 + 5 + 1 + 5 + kHeadBytes + kIdBytes;

/// What all records of a stream end with, but for the id's last six bytes.
struct Tail {
  std::array<std::uint8_t, kHeadBytes + kIdBytes> bytes;

  Tail(std::uint64_t run, std::uint32_t stream) {
    std::uint8_t* at = bytes.data();
    *at++ = 2;  // one, in zigzag
    at = put_zigzag(at, static_cast<std::int64_t>(kIdHeader.size()));
    std::memcpy(at, kIdHeader.data(), kIdHeader.size());
    at += kIdHeader.size();
    *at++ = 2 * kIdBytes;
    const auto id = to_binary(RecordId{run, stream, 0});
    std::memcpy(at, id.data(), id.size());
  }
  std::uint8_t* put(std::uint8_t* to, std::uint64_t sequence) const {
    std::memcpy(to, bytes.data(), bytes.size());
    std::uint8_t low[8];
    store_be(low, sequence);
    std::memcpy(to + kHeadBytes + kSequenceAt, low + 2, 6);
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
}

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

  std::uint64_t time = time_hash(request.timestamp_ms);
  std::uint32_t made = 0;
  sum_ = {};
  std::int64_t newest_ms = request.timestamp_ms, later_ms = 0;
  for (; made < request.count; ++made, ++facts.record, ++facts.sequence) {
    const bool fresh = hashes_.empty();
    const std::size_t pick = fresh ? 0 : pool_->pick(facts.seed, facts.record);
    const Image& image =
        fresh ? pool_->image(facts.seed, facts.record, fresh_) : pool_->images[pick];
    if (request.each != nullptr) {
      facts.timestamp_ms = request.each->wall_ms();
      later_ms = facts.timestamp_ms - request.timestamp_ms;
      newest_ms = std::max(newest_ms, facts.timestamp_ms);
      time = time_hash(facts.timestamp_ms);
    }
    const std::size_t size = size_of(image, facts);
    if (static_cast<std::size_t>(end - at) < size + kAroundValueMax) break;
    const std::size_t body = 1 + varint_size(zigzag(later_ms)) + varint_size(zigzag(made)) + 1 +
                             varint_size(zigzag(static_cast<std::int64_t>(size))) + size +
                             sizeof tail.bytes;
    at = put_zigzag(at, static_cast<std::int64_t>(body));
    *at++ = 0;  // attributes
    at = put_zigzag(at, later_ms);
    at = put_zigzag(at, made);
    *at++ = 1;  // no key
    at = put_zigzag(at, static_cast<std::int64_t>(size));
    std::uint8_t* const value = at;
    at = put_image(at, image, facts);
    const std::uint64_t content =
        !fresh && hashes_[pick].known ? hashes_[pick].content : content_hash(ByteView(value, size));
    at = tail.put(at, facts.sequence);
    sum_.add({1, record_hash(content, time, facts.sequence)});
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
