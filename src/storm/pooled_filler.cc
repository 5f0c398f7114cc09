#include "storm/pooled_filler.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/varint.h"
#include "kafka/wire/record_batch.h"
#include "record/content_hashes.h"
#include "record/identity.h"
#include "record/payload/image_ink.h"

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
  static constexpr std::size_t kBytes = kHeadBytes + kIdBytes;
  std::array<std::uint8_t, kBytes> bytes;
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
  void put(std::uint8_t* to, std::uint64_t sequence) const {
    std::memcpy(to, bytes.data(), kBytes - 8);
    store_be(to + kBytes - 8, last | sequence);
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

// Before a value: the record's length, attributes, time and number, no key, the value's size.

/// Whether number and sizes take two bytes each, and the time one: nearly always.
[[gnu::always_inline]] inline bool is_usual(std::int64_t later_ms, std::uint32_t number,
                                            std::size_t size) {
  const bool number_is = number - 64u < 8192 - 64, size_is = size - 64 < 8192 - 128;
  return number_is & size_is & (later_ms == 0);
}
constexpr std::size_t kUsualHeadBytes = 9;

/// Of what a record has behind its length.
std::size_t body_bytes(std::int64_t later_ms, std::uint32_t number, std::size_t size) {
  return 2 + varint_size(zigzag(later_ms)) + size_bytes(number) + size_bytes(size) + size +
         Tail::kBytes;
}
[[gnu::always_inline]] inline std::size_t head_bytes(std::int64_t later_ms, std::uint32_t number,
                                                     std::size_t size) {
  if (is_usual(later_ms, number, size)) [[likely]]
    return kUsualHeadBytes;
  const std::size_t body = body_bytes(later_ms, number, size);
  return size_bytes(body) + body - size - Tail::kBytes;
}
/// Up to `value_at`.
[[gnu::always_inline]] inline void put_head(std::uint8_t* value_at, std::int64_t later_ms,
                                            std::uint32_t number, std::size_t size) {
  if (is_usual(later_ms, number, size)) [[likely]] {
    const auto two = [](std::uint64_t value) { return (value << 1 & 127) | 128 | value >> 6 << 8; };
    const std::uint64_t sizes = two(size), word = two(kUsualHeadBytes - 2 + size + Tail::kBytes) |
                                                  two(number) << 32 | std::uint64_t{1} << 48 |
                                                  sizes << 56;
    std::memcpy(value_at - kUsualHeadBytes, &word, sizeof word);
    value_at[-1] = static_cast<std::uint8_t>(sizes >> 8);
    return;
  }
  std::uint8_t* at = value_at - head_bytes(later_ms, number, size);
  at = put_size(at, body_bytes(later_ms, number, size));
  *at++ = 0;  // attributes
  at = put_zigzag(at, later_ms);
  at = put_size(at, number);
  *at++ = 1;  // no key
  put_size(at, size);
}

RecordFacts nth(RecordFacts facts, std::uint32_t i) {
  facts.record += i;
  facts.sequence += i;
  return facts;
}

/// record_hash() of records in a row, most of which have the upper part of their weight in common.
[[gnu::always_inline]] inline void add_to(KindSum& sum, std::uint64_t sequence,
                                          std::span<const std::uint64_t> contents,
                                          std::uint64_t time) {
  sum.count += contents.size();
  while (!contents.empty()) {
    const std::size_t low = sequence & 255;
    const auto alike = contents.first(std::min(contents.size(), 256 - low));
    std::uint64_t part = 0;
    for (std::size_t i = 0; i < alike.size(); ++i) part += (alike[i] + time) * kLowWeights[low + i];
    sum.sum += part * high_weight(sequence);
    sequence += alike.size();
    contents = contents.subspan(alike.size());
  }
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

/// Where the filling stands.
struct PooledFiller::Loop {
  const FillRequest& request;
  std::uint8_t* at;
  std::uint8_t* const end;
  const Tail tail;
  const RecordFacts facts;  // of the first record
  std::uint32_t made = 0;
  std::int64_t newest_ms = request.timestamp_ms;
};

// The values of records in a row, up to kBlock at a time.

/// Those that the press makes, in one go where it can.
class PooledFiller::Pressed {
 public:
  explicit Pressed(PooledFiller& filler)
      : pool_(*filler.pool_), press_(*filler.press_), hashes_(filler.hashes_) {}
  /// Chooses the next values, up to `count` and kBlock; says how many.
  [[gnu::always_inline]] std::uint32_t choose(const RecordFacts& first, std::uint32_t count) {
    count = press_.settle(first, std::min(count, kBlock));
    ink_ = press_.ink();
    pool_.pick_row(first.seed, first.record, std::span(picks_).first(count));
    for (std::uint32_t i = 0; i < count; ++i)
      if (ink_ != nullptr)
        ink_->call(picks_[i]);
      else
        press_.call(picks_[i]);
    return count;
  }
  /// How many bytes the i-th of those has. To be asked once for each, in order.
  [[gnu::always_inline]] std::size_t size(std::uint32_t i, const RecordFacts&) const {
    return ink_ != nullptr ? ink_->images[picks_[i]].size : press_.size(picks_[i]);
  }
  /// Writes them where they are to be, and over up to kCopySlack bytes behind each.
  [[gnu::always_inline]] void put(std::span<const ByteView> made, const RecordFacts& first) {
    if (ink_ != nullptr) return ink_->put(made, picks_.data(), first);
    for (std::uint32_t i = 0; i < made.size(); ++i)
      press_.put(const_cast<std::uint8_t*>(made[i].data()), picks_[i], nth(first, i));
  }
  [[gnu::always_inline]] void hash(std::span<const ByteView> values, std::uint64_t* hashes) const {
    if (hashes_.empty()) return content_hashes(values, hashes);
    for (std::size_t i = 0; i < values.size(); ++i) hashes[i] = hashes_[picks_[i]];
  }

 private:
  const ImagePool& pool_;
  ImagePress& press_;
  InkLayout* ink_ = nullptr;
  const std::vector<std::uint64_t>& hashes_;  // of images without places
  std::array<std::uint32_t, kBlock> picks_;
};

/// Those of a large pool, or drawn afresh: one by one.
class PooledFiller::Single {
 public:
  explicit Single(PooledFiller& filler)
      : pool_(*filler.pool_), fresh_(filler.fresh_), hashes_(filler.hashes_) {}
  std::uint32_t choose(const RecordFacts& first, std::uint32_t) {
    if (!pool_.images.empty()) pick_ = pool_.pick(first.seed, first.record);
    return 1;
  }
  std::size_t size(std::uint32_t, const RecordFacts& first) {
    image_ = pool_.images.empty() ? &pool_.image(first.seed, first.record, fresh_)
                                  : &pool_.images[pick_];
    return size_of(*image_, first);
  }
  void put(std::span<const ByteView> made, const RecordFacts& first) const {
    for (const ByteView value : made)
      put_image(const_cast<std::uint8_t*>(value.data()), *image_, first);
  }
  void hash(std::span<const ByteView> values, std::uint64_t* hashes) const {
    for (const ByteView value : values)
      *hashes = hashes_.empty() ? content_hash(value) : hashes_[pick_];
  }

 private:
  const ImagePool& pool_;
  Image& fresh_;
  const std::vector<std::uint64_t>& hashes_;
  const Image* image_ = nullptr;
  std::size_t pick_ = 0;
};

/// Until all are made, or there is no room.
template <typename Values>
[[gnu::always_inline]] inline void PooledFiller::run(Loop& loop, Values values) {
  const FillRequest& request = loop.request;
  std::uint8_t* at = loop.at;
  RecordFacts facts = loop.facts;
  std::array<ByteView, kBlock> made_values;
  std::array<std::uint64_t, kBlock> hashes;
  for (bool full = false; loop.made < request.count && !full;) {
    if (request.each != nullptr) {
      const std::int64_t now_ms = request.each->wall_ms();
      if (std::exchange(facts.timestamp_ms, now_ms) != now_ms && press_) press_->turn_to(facts);
    }
    const std::int64_t later_ms = facts.timestamp_ms - request.timestamp_ms;
    const std::uint32_t chosen =
        values.choose(facts, request.each != nullptr ? 1 : request.count - loop.made);
    // First the values, which are written with more than their own bytes; then what lies between.
    std::uint32_t count = 0;
    for (; count < chosen; ++count) {
      const std::size_t size = values.size(count, facts);
      full = static_cast<std::size_t>(loop.end - at) < kAroundValueMax + size;
      if (full) break;
      at += head_bytes(later_ms, loop.made + count, size);
      made_values[count] = ByteView(at, size);
      at += size + Tail::kBytes;
    }
    const auto made = std::span(made_values).first(count);
    values.put(made, facts);
    for (std::uint32_t i = 0; i < count; ++i) {
      auto* const value_at = const_cast<std::uint8_t*>(made[i].data());
      put_head(value_at, later_ms, loop.made + i, made[i].size());
      loop.tail.put(value_at + made[i].size(), facts.sequence + i);
    }
    values.hash(made, hashes.data());
    add_to(sum_, facts.sequence, std::span(hashes).first(count), time_hash(facts.timestamp_ms));
    if (count > 0) loop.newest_ms = std::max(loop.newest_ms, facts.timestamp_ms);
    loop.made += count;
    facts = nth(facts, count);
  }
  loop.at = at;
}

#if defined(__x86_64__)
[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,bmi2")]] void PooledFiller::run_avx512(
    Loop& loop) {
  run(loop, Pressed(*this));
}
#endif

void PooledFiller::run_pressed(Loop& loop) {
#if defined(__x86_64__)
  static const bool avx512 = __builtin_cpu_supports("avx512f") &&
                             __builtin_cpu_supports("avx512bw") &&
                             __builtin_cpu_supports("avx512vl") &&
                             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("bmi2");
  if (avx512) return run_avx512(loop);
#endif
  run(loop, Pressed(*this));
}

Filled PooledFiller::fill(const FillRequest& request, ByteSpan into) {
  const auto stream = static_cast<std::uint32_t>(request.batch % settings_.streams);
  Loop loop{.request = request,
            .at = into.data() + kafka::kBatchHeaderBytes,
            .end = into.data() + into.size(),
            .tail = Tail(settings_.run, stream),
            .facts = {.seed = settings_.seed,
                      .record = request.batch * settings_.batch_size + request.first,
                      .stream = stream,
                      .sequence =
                          request.batch / settings_.streams * settings_.batch_size + request.first,
                      .timestamp_ms = request.timestamp_ms}};
  sum_ = {};
  if (press_) {
    press_->turn_to(loop.facts);
    run_pressed(loop);
  } else {
    run(loop, Single(*this));
  }

  const auto size = static_cast<std::size_t>(loop.at - into.data());
  seal_batch(request, into.first(size), loop.made, loop.newest_ms);
  return {.bytes = static_cast<std::uint32_t>(size),
          .records = loop.made,
          .by_sentiment = {},
          .kinds = {&sum_, 1}};
}

}  // namespace ds
