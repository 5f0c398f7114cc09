#include "storm/tweet_batch.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

#include "base/check.h"
#include "base/varint.h"
#include "record/avro_tweet.h"
#include "record/identity.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ds {
namespace {

static_assert(std::endian::native == std::endian::little, "varints are stored low byte first");

/// Both bytes of a zigzag varint from 64 to 8191, low byte first.
constexpr std::uint64_t varint_of_two(std::uint32_t value) {
  const std::uint32_t z = value * 2;
  return (z & 127) | 128 | (z >> 7) << 8;
}
static_assert(varint_of_two(64) == 0x0180 && varint_of_two(8191) == 0x7ffe);

/// Two hex digits a byte.
constexpr auto kHexPairs = [] {
  std::array<std::uint16_t, 256> pairs{};
  constexpr char kDigits[] = "0123456789abcdef";
  for (std::size_t i = 0; i < 256; ++i)
    pairs[i] = static_cast<std::uint16_t>(kDigits[i >> 4] | kDigits[i & 15] << 8);
  return pairs;
}();

/// The varints of deltas from 64 to 8191, in order.
constexpr auto kTwoByteDeltas = [] {
  std::array<std::uint16_t, 8192> varints{};
  for (std::uint32_t delta = 64; delta < 8192; ++delta)
    varints[delta] = static_cast<std::uint16_t>(varint_of_two(delta));
  return varints;
}();

/// The varint of an offset delta, low byte first.
template <std::size_t kDeltaBytes>
[[gnu::always_inline]] inline std::uint32_t delta_bytes(std::uint32_t delta) {
  if constexpr (kDeltaBytes == 1) return 2 * delta;
  if constexpr (kDeltaBytes == 2) return kTwoByteDeltas[delta];
  return (2 * delta & 127) | (delta >> 6 & 127) << 8 | delta >> 13 << 16 | 0x8080;
}
template <std::size_t kDeltaBytes>
[[gnu::always_inline]] inline void put_delta(std::uint8_t* to, std::uint32_t delta) {
  const std::uint32_t bytes = delta_bytes<kDeltaBytes>(delta);
  std::memcpy(to, &bytes, kDeltaBytes);
}
/// Where a template keeps its content_hash(): within the tweetId, whatever stands before it, which
/// is the stencil's alone. So it comes with a line that is read anyway; a table apart was always
/// out of the first level.
constexpr std::size_t kContentAt = 16;
constexpr std::size_t kDeltaAt = 4;  // in a record whose length takes two bytes

/// A pool of 1,024 texts and more lies in the second cache level: its lines are called this many
/// records before they are needed. (Calling the slot's lines ahead, too, was worth it as long as
/// the sum was made apart; now it costs more than it brings.)
constexpr std::size_t kAhead = 16;

/// Records made between two looks at whether the sum can follow, at 128 bytes a record.
constexpr std::uint32_t kSumRecords = 16;
constexpr std::ptrdiff_t kSumBytes = kSumRecords / 2 * kafka::Crc32cFold::kTurn;

/// The entries that a stretch's records pick, by TweetGenerator::choose()'s rule.
struct Picks {
  alignas(kLine) std::array<std::uint32_t, kStretchMax + kAhead> entries;
  std::array<std::uint32_t, kSentiments> by_sentiment{};

  /// How many of the first `made` records hold which sentiment.
  void count(std::uint32_t made, std::uint32_t variants) {
    std::uint32_t not_positive = 0, neutral = 0;
    for (std::uint32_t i = 0; i < made; ++i) {
      not_positive += entries[i] >= variants;
      neutral += entries[i] >= 2 * variants;
    }
    by_sentiment = {made - not_positive, not_positive - neutral, neutral};
  }
};

/// The rule's numbers, and where the ranks lie: in one piece, or in two around the row's end.
struct Rule {
  const std::uint32_t* ranks;
  std::uint64_t at, size;
  std::uint32_t negative_from, neutral_from, shift, mask;

  explicit Rule(const TweetStretch& of)
      : ranks(of.batch.ranks),
        at((of.first + of.from + of.batch.rotation) % of.generator.settings().numbering.batch_size),
        size(of.generator.settings().numbering.batch_size),
        negative_from(of.batch.counts[0]),
        neutral_from(of.batch.counts[0] + of.batch.counts[1]),
        shift(of.batch.shift),
        mask(of.generator.variant_mask()) {}

  /// Calls `piece(ranks, count, to)`.
  template <typename Piece>
  void each_piece(std::uint32_t count, std::uint32_t* to, Piece&& piece) const {
    const auto before = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, size - at));
    piece(ranks + at, before, to);
    if (before < count) piece(ranks, count - before, to + before);
  }
  std::uint32_t entry(std::uint32_t rank) const {
    const std::uint32_t kind = (rank >= negative_from) + (rank >= neutral_from);
    return kind * (mask + 1) + ((rank + shift) & mask);
  }
};

void pick_plain(const TweetStretch& stretch, Picks& picks) {
  const Rule rule(stretch);
  rule.each_piece(stretch.to - stretch.from, picks.entries.data(),
                  [&](const std::uint32_t* ranks, std::uint32_t count, std::uint32_t* to) {
                    for (std::uint32_t i = 0; i < count; ++i) to[i] = rule.entry(ranks[i]);
                  });
}

/// Calls `piece(first, end, low weights, high weight)` for the made records whose weights share
/// the high part: once or twice.
template <typename Piece>
[[gnu::always_inline]] inline void each_weighted(const TweetStretch& stretch, std::uint32_t made,
                                                 Piece&& piece) {
  for (std::uint32_t i = 0; i < made;) {
    const std::uint64_t sequence = stretch.sequence + stretch.from + i;
    const auto low = static_cast<std::uint32_t>(sequence & 255);
    const std::uint32_t end = std::min(made, i + 256 - low);
    piece(i, end, kLowWeights.data() + low, high_weight(sequence));
    i = end;
  }
}

/// Adds what the ledger claims of the first `made` records.
void sum_plain(const TweetStretch& stretch, const Picks& picks, std::uint32_t made) {
  const std::uint64_t* const contents = stretch.claims->pool.contents();
  const std::uint16_t* const kinds = stretch.claims->pool.kinds();
  const std::uint64_t time = stretch.claims->time;
  KindSum* const by_kind = stretch.claims->by_kind.data();
  each_weighted(
      stretch, made,
      [&](std::uint32_t i, std::uint32_t end, const std::uint64_t* low, std::uint64_t high) {
        for (; i < end; ++i, ++low) {
          const std::uint32_t entry = picks.entries[i];
          KindSum& to = by_kind[kinds[entry]];
          ++to.count;
          to.sum += (contents[entry] + time) * *low * high;
        }
      });
}

/// The stencil with all digits of `sequence` but the last two, zero, which each record patches.
Line with_sequence(const TweetStencil& stencil, std::uint64_t sequence) {
  Line line = stencil.line;
  put_hex48(reinterpret_cast<char*>(line.bytes.data() + stencil.sequence_at), sequence);
  std::fill_n(line.bytes.data() + stencil.sequence_at + 10, 2, std::uint8_t{0});
  return line;
}

/// The end of the records, from j on, whose sequences differ in the last two digits alone and that
/// surely have space.
std::uint32_t run_end(const TweetStretch& stretch, std::uint32_t j, std::ptrdiff_t space) {
  const auto record_bytes_max = static_cast<std::ptrdiff_t>(stretch.templates.stride() * kLine);
  const auto fitting = static_cast<std::uint64_t>(std::max<std::ptrdiff_t>(0, space)) /
                       static_cast<std::uint64_t>(record_bytes_max);
  return j + static_cast<std::uint32_t>(std::min<std::uint64_t>(
                 {stretch.to - j, 256 - ((stretch.sequence + j) & 255), fitting}));
}

template <std::size_t kDeltaBytes>
TweetsMade make_plain(const TweetStretch& stretch, std::uint8_t* at, const std::uint8_t* end) {
  Picks picks;
  pick_plain(stretch, picks);
  const std::size_t record_lines = stretch.templates.stride() * kLine;
  const std::size_t digits_at = stretch.stencil.sequence_at + 10;
  std::uint32_t j = stretch.from;
  for (std::uint32_t stop; (stop = run_end(stretch, j, end - at)) > j;) {
    const Line line = with_sequence(stretch.stencil, stretch.sequence + j);
    for (; j < stop; ++j) {
      const std::size_t entry = picks.entries[j - stretch.from];
      const std::uint8_t* const from = stretch.templates.data() + entry * record_lines;
      for (std::size_t i = 0; i < kLine; i += 8) {  // by words: bytes might be each other's
        std::uint64_t word, own;
        std::memcpy(&word, line.bytes.data() + i, 8);
        std::memcpy(&own, from + i, 8);
        if (i != kContentAt) word |= own;
        std::memcpy(at + i, &word, 8);
      }
      put_delta<kDeltaBytes>(at + kDeltaAt, j);
      std::memcpy(at + digits_at, &kHexPairs[(stretch.sequence + j) & 255], 2);
      for (std::size_t i = kLine; i < record_lines; i += 32) std::memcpy(at + i, from + i, 32);
      at += stretch.templates.sizes()[entry];
    }
  }
  picks.count(j - stretch.from, stretch.generator.variant_mask() + 1);
  if (stretch.claims != nullptr) sum_plain(stretch, picks, j - stretch.from);
  return {at, j, picks.by_sentiment};
}

#if defined(__x86_64__)
#define DATASTORM_AVX512 "avx512bw,avx512dq,bmi2,popcnt," DATASTORM_CRC_FOLD

/// Sixteen ranks at a time; counts them, too.
[[gnu::target(DATASTORM_AVX512)]] void pick_piece_avx512(const Rule& rule,
                                                         const std::uint32_t* ranks,
                                                         std::uint32_t count, std::uint32_t* to,
                                                         Picks& picks) {
  std::uint32_t not_positive = 0, neutral = 0;
  const __m512i negative_from = _mm512_set1_epi32(static_cast<int>(rule.negative_from));
  const __m512i neutral_from = _mm512_set1_epi32(static_cast<int>(rule.neutral_from));
  const __m512i shift = _mm512_set1_epi32(static_cast<int>(rule.shift));
  const __m512i mask = _mm512_set1_epi32(static_cast<int>(rule.mask));
  const __m512i variants = _mm512_set1_epi32(static_cast<int>(rule.mask + 1));
  for (std::uint32_t i = 0; i < count; i += 16) {
    const auto there = static_cast<__mmask16>(count - i >= 16 ? 0xffff : (1u << (count - i)) - 1);
    const __m512i rank = _mm512_maskz_loadu_epi32(there, ranks + i);
    __m512i entry = _mm512_and_si512(_mm512_add_epi32(rank, shift), mask);
    const __mmask16 not_first = _mm512_mask_cmpge_epu32_mask(there, rank, negative_from);
    const __mmask16 last = _mm512_mask_cmpge_epu32_mask(there, rank, neutral_from);
    entry = _mm512_mask_add_epi32(entry, not_first, entry, variants);
    entry = _mm512_mask_add_epi32(entry, last, entry, variants);
    _mm512_mask_storeu_epi32(to + i, there, entry);
    not_positive += static_cast<std::uint32_t>(_mm_popcnt_u32(not_first));
    neutral += static_cast<std::uint32_t>(_mm_popcnt_u32(last));
  }
  picks.by_sentiment[0] += count - not_positive;
  picks.by_sentiment[1] += not_positive - neutral;
  picks.by_sentiment[2] += neutral;
}

void pick_avx512(const TweetStretch& stretch, Picks& picks) {
  const Rule rule(stretch);
  rule.each_piece(stretch.to - stretch.from, picks.entries.data(),
                  [&](const std::uint32_t* ranks, std::uint32_t count, std::uint32_t* to) {
                    pick_piece_avx512(rule, ranks, count, to, picks);
                  });
}

/// With one brand the kinds are the three sentiments, and three sums stay in registers.
/// `contents`: of the records in turn.
[[gnu::target(DATASTORM_AVX512)]] void sum_avx512(const TweetStretch& stretch, const Picks& picks,
                                                  const std::uint64_t* contents,
                                                  std::uint32_t made) {
  const __m512i time = _mm512_set1_epi64(static_cast<long long>(stretch.claims->time));
  const std::uint32_t variants = stretch.generator.variant_mask() + 1;
  const __m256i negative_from = _mm256_set1_epi32(static_cast<int>(variants));
  const __m256i neutral_from = _mm256_set1_epi32(static_cast<int>(2 * variants));
  for (std::uint32_t i = 0; i < made;) {
    const std::uint64_t sequence = stretch.sequence + stretch.from + i;
    const std::uint64_t* low = kLowWeights.data() + (sequence & 255);
    const std::uint32_t end = std::min(made, i + 256 - static_cast<std::uint32_t>(sequence & 255));
    __m512i all = _mm512_setzero_si512(), not_positive = all, neutral = all;
    for (; i < end; i += 8, low += 8) {
      const auto there = static_cast<__mmask8>(end - i >= 8 ? 0xff : (1u << (end - i)) - 1);
      const __m256i entry = _mm256_maskz_loadu_epi32(there, picks.entries.data() + i);
      const __m512i content = _mm512_maskz_loadu_epi64(there, contents + i);
      const __m512i hash =
          _mm512_maskz_mullo_epi64(there, _mm512_add_epi64(content, time), _mm512_loadu_si512(low));
      all = _mm512_add_epi64(all, hash);
      not_positive = _mm512_mask_add_epi64(
          not_positive, _mm256_cmpge_epu32_mask(entry, negative_from), not_positive, hash);
      neutral = _mm512_mask_add_epi64(neutral, _mm256_cmpge_epu32_mask(entry, neutral_from),
                                      neutral, hash);
    }
    i = end;
    const std::uint64_t high = high_weight(sequence);
    alignas(kLine) std::array<std::uint64_t, 24> lanes;
    _mm512_store_si512(lanes.data(), all);
    _mm512_store_si512(lanes.data() + 8, not_positive);
    _mm512_store_si512(lanes.data() + 16, neutral);
    const auto sum = [&](std::size_t from) {
      return std::accumulate(lanes.data() + from, lanes.data() + from + 8, std::uint64_t{0});
    };
    const std::uint64_t whole = sum(0), behind = sum(8), last = sum(16);
    stretch.claims->by_kind[0].sum += (whole - behind) * high;
    stretch.claims->by_kind[1].sum += (behind - last) * high;
    stretch.claims->by_kind[2].sum += last * high;
  }
  for (std::size_t k = 0; k < kSentiments; ++k)
    stretch.claims->by_kind[k].count += picks.by_sentiment[k];
}

/// kHalves: half lines of a template; 0 is any number.
template <std::size_t kDeltaBytes, std::size_t kHalves>
[[gnu::target(DATASTORM_AVX512)]] TweetsMade make_avx512(const TweetStretch& stretch,
                                                         std::uint8_t* at,
                                                         const std::uint8_t* end) {
  Picks picks;
  pick_avx512(stretch, picks);
  std::fill_n(picks.entries.begin() + (stretch.to - stretch.from), kAhead, 0);
  const std::uint16_t* const sizes = stretch.templates.sizes();
  const std::uint8_t* const first_template = stretch.templates.data();
  const std::size_t lines = kHalves == 0 ? stretch.templates.stride() : (kHalves + 1) / 2;
  const std::size_t whole = kHalves == 0 ? lines : kHalves / 2;
  const std::size_t digits_at = stretch.stencil.sequence_at + 10;
  const std::uint32_t* const entries = picks.entries.data();
  const std::uint64_t sequence = stretch.sequence;
  const std::uint32_t begin = stretch.from;
  // Where the eight bytes of a patch go: the delta's four, the two digits.
  Line places;
  places.bytes.fill(0x80);
  for (std::size_t i = 0; i < kDeltaBytes; ++i)
    places.bytes[kDeltaAt + i] = static_cast<std::uint8_t>(i);
  places.bytes[digits_at] = 4;
  places.bytes[digits_at + 1] = 5;
  const __m512i placed = _mm512_load_si512(places.bytes.data());
  // What the template's first line holds for the ledger is not the record's.
  constexpr auto kAllButContent = static_cast<__mmask8>(~(1u << kContentAt / 8));
  alignas(kLine) std::array<std::uint64_t, kStretchMax> contents;
  std::uint32_t j = stretch.from;
  __m512i head;
  const auto put = [&]() __attribute__((target(DATASTORM_AVX512), always_inline)) {
    const std::size_t entry = entries[j - begin];
    const std::uint8_t* const from = first_template + entry * (lines * kLine);
    const std::uint64_t patch =
        delta_bytes<kDeltaBytes>(j) | std::uint64_t{kHexPairs[(sequence + j) & 255]} << 32;
    const __m512i patches =
        _mm512_shuffle_epi8(_mm512_set1_epi64(static_cast<long long>(patch)), placed);
    const __m512i own = _mm512_maskz_loadu_epi64(kAllButContent, from);
    std::memcpy(&contents[j - begin], from + kContentAt, 8);
    _mm512_storeu_si512(at, _mm512_ternarylogic_epi64(head, patches, own, 0xfe));
    for (std::size_t i = 1; i < whole; ++i)
      _mm512_storeu_si512(at + i * kLine, _mm512_load_si512(from + i * kLine));
    if constexpr (kHalves % 2 == 1)
      _mm256_storeu_si256(
          reinterpret_cast<__m256i*>(at + whole * kLine),
          _mm256_load_si256(reinterpret_cast<const __m256i*>(from + whole * kLine)));
    const std::uint8_t* const ahead =
        first_template + entries[j - begin + kAhead] * (lines * kLine);
    for (std::size_t i = 0; i < whole; ++i) _mm_prefetch(ahead + i * kLine, _MM_HINT_T0);
    at += sizes[entry];
    ++j;
  };
  for (std::uint32_t stop; (stop = run_end(stretch, j, end - at)) > j;) {
    const Line line = with_sequence(stretch.stencil, stretch.sequence + j);
    head = _mm512_load_si512(line.bytes.data());
    if (stretch.sum != nullptr) {
      kafka::Crc32cTurns turns(*stretch.sum);
      for (; stop - j >= kSumRecords;) {
        if (at - turns.at() < kSumBytes) {
          for (std::uint32_t i = 0; i < kSumRecords; ++i) put();
          continue;
        }
        for (std::uint32_t i = 0; i < kSumRecords; i += 2) {
          put();
          turns.first_half();
          put();
          turns.second_half();
        }
      }
      turns.keep(*stretch.sum);
    }
    while (j < stop) put();
  }
  if (j < stretch.to) picks.count(j - stretch.from, stretch.generator.variant_mask() + 1);
  if (stretch.claims != nullptr) {
    if (stretch.claims->by_kind.size() == kSentiments)
      sum_avx512(stretch, picks, contents.data(), j - stretch.from);
    else
      sum_plain(stretch, picks, j - stretch.from);
  }
  return {at, j, picks.by_sentiment};
}

template <std::size_t kDeltaBytes>
TweetsMade make_wide(const TweetStretch& stretch, std::uint8_t* at, const std::uint8_t* end) {
  switch (stretch.templates.halves()) {
    case 4:
      return make_avx512<kDeltaBytes, 4>(stretch, at, end);
    case 5:
      return make_avx512<kDeltaBytes, 5>(stretch, at, end);
    default:
      return make_avx512<kDeltaBytes, 0>(stretch, at, end);
  }
}

TweetsMade make_wide_any(const TweetStretch& stretch, std::size_t delta_bytes, std::uint8_t* at,
                         const std::uint8_t* end) {
  return delta_bytes == 1   ? make_wide<1>(stretch, at, end)
         : delta_bytes == 2 ? make_wide<2>(stretch, at, end)
                            : make_wide<3>(stretch, at, end);
}
#define DATASTORM_AVX2 "avx2,bmi2"

/// Eight ranks at a time, and once more some of a piece's last eight.
[[gnu::target(DATASTORM_AVX2)]] void pick_piece_avx2(const Rule& rule, const std::uint32_t* ranks,
                                                     std::uint32_t count, std::uint32_t* to) {
  // Ranks are below 2^31, as batches are: signed comparisons will do.
  const __m256i positive_to = _mm256_set1_epi32(static_cast<int>(rule.negative_from) - 1);
  const __m256i negative_to = _mm256_set1_epi32(static_cast<int>(rule.neutral_from) - 1);
  const __m256i shift = _mm256_set1_epi32(static_cast<int>(rule.shift));
  const __m256i mask = _mm256_set1_epi32(static_cast<int>(rule.mask));
  const __m256i variants = _mm256_set1_epi32(static_cast<int>(rule.mask + 1));
  if (count < 8) {
    for (std::uint32_t i = 0; i < count; ++i) to[i] = rule.entry(ranks[i]);
    return;
  }
  for (std::uint32_t i = 0;; i = std::min(i + 8, count - 8)) {
    const __m256i rank = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(ranks + i));
    const __m256i not_first = _mm256_and_si256(_mm256_cmpgt_epi32(rank, positive_to), variants);
    const __m256i last = _mm256_and_si256(_mm256_cmpgt_epi32(rank, negative_to), variants);
    const __m256i entry = _mm256_and_si256(_mm256_add_epi32(rank, shift), mask);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i),
                        _mm256_add_epi32(entry, _mm256_add_epi32(not_first, last)));
    if (i + 8 == count) return;
  }
}

[[gnu::target(DATASTORM_AVX2), gnu::always_inline]] inline __m256i half_line(
    const std::uint8_t* from) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
}
[[gnu::target(DATASTORM_AVX2), gnu::always_inline]] inline void put_half(std::uint8_t* to,
                                                                         __m256i half) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), half);
}

/// The AVX-512 loop in half lines, with the checksum left to a pass of its own: this processor sums
/// by an instruction that has no idle slots to find here. kHalves as there.
template <std::size_t kDeltaBytes, std::size_t kHalves>
[[gnu::target(DATASTORM_AVX2)]] TweetsMade make_avx2(const TweetStretch& stretch, std::uint8_t* at,
                                                     const std::uint8_t* end) {
  Picks picks;
  const Rule rule(stretch);
  rule.each_piece(stretch.to - stretch.from, picks.entries.data(),
                  [&](const std::uint32_t* ranks, std::uint32_t count, std::uint32_t* to) {
                    pick_piece_avx2(rule, ranks, count, to);
                  });
  std::fill_n(picks.entries.begin() + (stretch.to - stretch.from), kAhead, 0);
  const std::uint16_t* const sizes = stretch.templates.sizes();
  const std::uint8_t* const first_template = stretch.templates.data();
  const std::size_t record_bytes = stretch.templates.stride() * kLine;
  const std::size_t halves = kHalves == 0 ? stretch.templates.halves() : kHalves;
  const std::size_t digits_at = stretch.stencil.sequence_at + 10;
  const std::uint64_t sequence = stretch.sequence;
  Line places;
  places.bytes.fill(0x80);
  for (std::size_t i = 0; i < kDeltaBytes; ++i)
    places.bytes[kDeltaAt + i] = static_cast<std::uint8_t>(i);
  places.bytes[digits_at] = 4;
  places.bytes[digits_at + 1] = 5;
  const __m256i placed_a = half_line(places.bytes.data());
  const __m256i placed_b = half_line(places.bytes.data() + 32);
  static_assert(kContentAt == 16);
  const __m256i all_but_content = _mm256_set_epi64x(-1, 0, -1, -1);
  const std::uint32_t* entry = picks.entries.data();
  std::uint32_t j = stretch.from;
  for (std::uint32_t stop; (stop = run_end(stretch, j, end - at)) > j;) {
    const Line line = with_sequence(stretch.stencil, sequence + j);
    const __m256i head_a = half_line(line.bytes.data()), head_b = half_line(line.bytes.data() + 32);
    for (; j < stop; ++j, ++entry) {
      const std::uint8_t* const from = first_template + *entry * record_bytes;
      const __m256i patch = _mm256_set1_epi64x(static_cast<long long>(
          delta_bytes<kDeltaBytes>(j) | std::uint64_t{kHexPairs[(sequence + j) & 255]} << 32));
      const __m256i own_a = _mm256_and_si256(half_line(from), all_but_content);
      const __m256i patch_a = _mm256_shuffle_epi8(patch, placed_a);
      const __m256i patch_b = _mm256_shuffle_epi8(patch, placed_b);
      put_half(at, _mm256_or_si256(_mm256_or_si256(head_a, own_a), patch_a));
      put_half(at + 32, _mm256_or_si256(_mm256_or_si256(head_b, half_line(from + 32)), patch_b));
      for (std::size_t i = 2; i < halves; ++i) put_half(at + i * 32, half_line(from + i * 32));
      const std::uint8_t* const ahead = first_template + entry[kAhead] * record_bytes;
      for (std::size_t i = 0; i < record_bytes; i += kLine) _mm_prefetch(ahead + i, _MM_HINT_T0);
      at += sizes[*entry];
    }
  }
  picks.count(j - stretch.from, stretch.generator.variant_mask() + 1);
  if (stretch.claims != nullptr) sum_plain(stretch, picks, j - stretch.from);
  return {at, j, picks.by_sentiment};
}

template <std::size_t kDeltaBytes>
TweetsMade make_halves(const TweetStretch& stretch, std::uint8_t* at, const std::uint8_t* end) {
  switch (stretch.templates.halves()) {
    case 4:
      return make_avx2<kDeltaBytes, 4>(stretch, at, end);
    case 5:
      return make_avx2<kDeltaBytes, 5>(stretch, at, end);
    default:
      return make_avx2<kDeltaBytes, 0>(stretch, at, end);
  }
}

TweetsMade make_halves_any(const TweetStretch& stretch, std::size_t delta_bytes, std::uint8_t* at,
                           const std::uint8_t* end) {
  return delta_bytes == 1   ? make_halves<1>(stretch, at, end)
         : delta_bytes == 2 ? make_halves<2>(stretch, at, end)
                            : make_halves<3>(stretch, at, end);
}
#endif

TweetsMade make_plain_any(const TweetStretch& stretch, std::size_t delta_bytes, std::uint8_t* at,
                          const std::uint8_t* end) {
  return delta_bytes == 1   ? make_plain<1>(stretch, at, end)
         : delta_bytes == 2 ? make_plain<2>(stretch, at, end)
                            : make_plain<3>(stretch, at, end);
}

}  // namespace

TweetStencil::TweetStencil(std::uint64_t run, std::uint32_t stream,
                           const std::int32_t* frame_schema, std::size_t delta_bytes,
                           std::int64_t timestamp_ms) {
  std::array<std::uint8_t, 2 * kLine> bytes{};
  std::uint8_t* at = bytes.data() + 2 + 2 + delta_bytes;
  *at++ = 1;  // no key
  value_length_at = static_cast<std::size_t>(at - bytes.data());
  at += 2;
  const std::uint8_t* const value = at;
  if (frame_schema != nullptr) {
    *at++ = 0;
    store_be(at, *frame_schema);
    at += 4;
  }
  at = put_zigzag(at, kTweetIdLength);
  const std::string id = to_tweet_id({run, stream, 0});
  std::memcpy(at, id.data(), id.size());
  sequence_at = static_cast<std::size_t>(at - bytes.data()) + kTweetIdPrefix;
  at = put_zigzag(at + id.size(), timestamp_ms);
  size = static_cast<std::size_t>(at - bytes.data());
  check(size <= kLine, "a tweet's stencil is longer than a line");
  std::memcpy(line.bytes.data(), bytes.data(), kLine);
  value_base = static_cast<std::size_t>(at - value);
}

void TweetTemplates::fit(const TweetPool& pool, const TweetStencil& stencil) {
  if (stride_ != 0 && stencil_size_ == stencil.size && value_base_ == stencil.value_base) return;
  stencil_size_ = stencil.size;
  value_base_ = stencil.value_base;
  halves_ = (stencil.size + pool.tail_bytes_max() + 1 + kLine / 2 - 1) / (kLine / 2);
  stride_ = (halves_ + 1) / 2;
  lines_.assign(kSentiments * pool.variants() * stride_, {});
  sizes_.clear();
  for (std::size_t k = 0; k < kSentiments; ++k)
    for (const TweetPool::Variant& variant : pool.of(static_cast<Sentiment>(k))) {
      const std::size_t value = stencil.value_base + variant.tail.size();
      const std::size_t size = stencil.size + variant.tail.size() + 1;
      check(value >= 64 && size - 2 < 8192, "a tweet's length does not take two bytes");
      std::uint8_t* const to = lines_[sizes_.size() * stride_].bytes.data();
      put_zigzag(to, static_cast<std::int64_t>(size - 2));
      put_zigzag(to + stencil.value_length_at, static_cast<std::int64_t>(value));
      std::memcpy(to + stencil.size, variant.tail.data(), variant.tail.size());
      const std::uint64_t content = content_hash(
          variant.text, kind_hash(pool.brands()[variant.brand].name, kSentimentNames[k]));
      std::memcpy(to + kContentAt, &content, sizeof content);
      sizes_.push_back(static_cast<std::uint16_t>(size));
    }
}

PoolHashes::PoolHashes(const TweetPool& pool) : kind_count_(kSentiments * pool.brands().size()) {
  for (std::size_t k = 0; k < kSentiments; ++k)
    for (const TweetPool::Variant& variant : pool.of(static_cast<Sentiment>(k))) {
      contents_.push_back(content_hash(
          variant.text, kind_hash(pool.brands()[variant.brand].name, kSentimentNames[k])));
      kinds_.push_back(static_cast<std::uint16_t>(kSentiments * variant.brand + k));
    }
}

std::span<const TweetKernel> tweet_kernels() {
  static const TweetKernel kKernels[] = {
#if defined(__x86_64__)
    {"avx512",
     __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") &&
         kafka::Crc32cFold::usable(),
     make_wide_any},
    {"avx2", __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"), make_halves_any},
#endif
    {"plain", true, make_plain_any},
  };
  return kKernels;
}

const TweetKernel& best_tweet_kernel() {
  static const TweetKernel& best = *std::ranges::find_if(tweet_kernels(), &TweetKernel::usable);
  return best;
}

}  // namespace ds
