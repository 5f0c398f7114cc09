#include "storm/pooled_filler.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/varint.h"
#include "kafka/wire/record_batch.h"
#include "record/content_hashes.h"
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
static_assert(kHashedBehind <= kCopySlack);
/// So many values are made before the first of them is hashed: what has just been written in other
/// steps than it is read in keeps the processor waiting.
constexpr std::uint32_t kBlock = content::kTogether;

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

/// The zigzag varint of a size, which mostly takes two bytes: guessed by branches.
inline std::size_t size_bytes(std::uint64_t size) {
  if (size < 1 << 13) [[likely]]
    return size < 1 << 6 ? 1 : 2;
  return varint_size(size << 1);
}
inline std::uint8_t* put_size(std::uint8_t* to, std::uint64_t size) {
  if (size < 1 << 6) {
    *to = static_cast<std::uint8_t>(size << 1);
    return to + 1;
  }
  if (size >= 1 << 13) [[unlikely]]
    return put_varint(to, size << 1);
  to[0] = static_cast<std::uint8_t>(size << 1 | 128);
  to[1] = static_cast<std::uint8_t>(size >> 6);
  return to + 2;
}

/// record_hash() of records in a row, most of which have the upper part of their weight in common.
[[gnu::always_inline]] inline void add_to(KindSum& sum, std::uint64_t sequence,
                                          std::span<const std::uint64_t> contents,
                                          const std::uint64_t* times) {
  std::uint64_t high = high_weight(sequence);
  for (std::size_t i = 0; i < contents.size(); ++i, ++sequence) {
    if ((sequence & 255) == 0) high = high_weight(sequence);
    sum.sum += (contents[i] + times[i]) * kLowWeights[sequence & 255] * high;
  }
  sum.count += contents.size();
}

}  // namespace

const std::size_t kAroundPooledValueMax = kAroundValueMax;

PooledFiller::PooledFiller(const PooledFillerSettings& settings,
                           std::shared_ptr<const ImagePool> pool)
    : settings_(settings), pool_(std::move(pool)) {
  if (std::ranges::all_of(pool_->images, [](const Image& image) { return image.patches.empty(); }))
    for (const Image& image : pool_->images) hashes_.push_back(content_hash(image.bytes));
  if (pool_->sheet) press_.emplace(*pool_->sheet);
}

/// The values of one call, in their order.
class PooledFiller::Values {
 public:
  [[gnu::always_inline]] Values(PooledFiller& filler, const RecordFacts& facts)
      : filler_(filler), pool_(*filler.pool_) {
    turn_to(facts);
  }
  [[gnu::always_inline]] void turn_to(const RecordFacts& facts) {
    if (filler_.press_) filler_.press_->turn_to(facts);
  }
  /// Chooses the images of the next records.
  [[gnu::always_inline]] void choose(const RecordFacts& first, std::uint32_t count) {
    if (pool_.images.empty()) return;
    for (std::uint32_t i = 0; i < count; ++i) {
      picks_[i] = pool_.pick(first.seed, first.record + i);
      if (filler_.press_) filler_.press_->call(picks_[i]);
    }
  }
  /// Whether the i-th of those has at most `room` bytes. To be asked once for each, in order.
  [[gnu::always_inline]] bool fits(std::uint32_t i, const RecordFacts& facts, std::size_t room) {
    if (filler_.press_ && room >= pool_.bytes_max) return true;
    image_ = pool_.images.empty() ? &pool_.image(facts.seed, facts.record, filler_.fresh_)
                                  : &pool_.images[picks_[i]];
    return size_of(*image_, facts) <= room;
  }
  /// Writes the i-th of those, and up to kCopySlack bytes more.
  [[gnu::always_inline]] std::uint8_t* put(std::uint8_t* to, std::uint32_t i,
                                           const RecordFacts& facts) {
    return filler_.press_ ? filler_.press_->put(to, picks_[i], facts)
                          : put_image(to, *image_, facts);
  }
  /// Of the first values begun, which `values` are.
  [[gnu::always_inline]] void hash(std::span<const ByteView> values, std::uint64_t* hashes) const {
    if (filler_.hashes_.empty())
      content_hashes(values, hashes);
    else
      for (std::size_t i = 0; i < values.size(); ++i) hashes[i] = filler_.hashes_[picks_[i]];
  }

 private:
  PooledFiller& filler_;
  const ImagePool& pool_;
  const Image* image_ = nullptr;
  std::array<std::size_t, kBlock> picks_;
};

[[gnu::always_inline]] inline Filled PooledFiller::fill_inline(const FillRequest& request,
                                                               ByteSpan into) {
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
  std::array<ByteView, kBlock> made_values;
  std::array<std::uint64_t, kBlock> times, hashes;
  std::uint64_t time = time_hash(request.timestamp_ms);
  std::uint32_t made = 0;
  std::size_t head_bytes = 0, later_bytes = 1;
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
        later_bytes = varint_size(zigzag(later_ms));
        newest_ms = std::max(newest_ms, now_ms);
        time = time_hash(now_ms);
      }
      const auto room = static_cast<std::size_t>(end - at);
      full = room < kAroundValueMax || !values.fits(i, facts, room - kAroundValueMax);
      if (full) break;
      // What is before a value depends on its size, which is known when it is made: so it is made
      // where the one before it would have been, which is nearly always right.
      std::uint8_t* const guessed = at + head_bytes;
      const auto size = static_cast<std::size_t>(values.put(guessed, i, facts) - guessed);
      // Two bytes for the attributes and no key.
      const std::size_t before = 2 + later_bytes + size_bytes(made) + size_bytes(size);
      const std::size_t body = before + size + sizeof tail.bytes;
      const std::size_t head = size_bytes(body) + before;
      if (head != head_bytes) [[unlikely]] {
        std::memmove(at + head, guessed, size);
        head_bytes = head;
      }
      at = put_size(at, body);
      *at++ = 0;  // attributes
      at = put_zigzag(at, later_ms);
      at = put_size(at, made);
      *at++ = 1;  // no key
      at = put_size(at, size);
      made_values[i] = ByteView(at, size);
      times[i] = time;
      at = tail.put(at + size, facts.sequence);
    }
    values.hash(std::span(made_values).first(i), hashes.data());
    add_to(sum_, facts.sequence - i, std::span(hashes).first(i), times.data());
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

#if defined(__x86_64__)
[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,bmi2")]] Filled PooledFiller::fill_avx512(
    const FillRequest& request, ByteSpan into) {
  return fill_inline(request, into);
}
#endif

Filled PooledFiller::fill(const FillRequest& request, ByteSpan into) {
#if defined(__x86_64__)
  static const bool avx512 = __builtin_cpu_supports("avx512f") &&
                             __builtin_cpu_supports("avx512bw") &&
                             __builtin_cpu_supports("avx512vl") &&
                             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("bmi2");
  if (avx512) return fill_avx512(request, into);
#endif
  return fill_inline(request, into);
}

}  // namespace ds
