// The innermost loops of the storm: pooled tweets into a record batch, one stretch at a time.
//
// A record is
//
//   length  0  0  offset-delta  01  value-length  [frame]  48 tweetId timestamp | text brand
//   sentiment  0
//
// (01 is the null key, 48 the tweetId's length, the last 0 "no headers"). What all records of a
// piece share is the stencil, at most 64 bytes. What depends on the pool's entry alone, the two
// lengths and all that follows the timestamp, lies in a template laid out like the record, with
// zeros elsewhere. So the record's first line is stencil | template | patches (delta and the last
// two hex digits of the id), its others are the template's; the next record overwrites what is too
// much. First all picks of a stretch are made, 16 at a time, then the records: with AVX-512 one
// store a line, none twice, and no branch depends on the data. The batch's checksum follows some
// KiB behind, in the slots that the stores leave idle (kafka/wire/crc32c_fold.h): 5.5 ns a tweet
// where making and then summing each stretch took 6.9. With AVX2 a store is half a line.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "kafka/wire/crc32c_fold.h"
#include "record/content_hash.h"
#include "record/generator.h"

namespace ds {

constexpr std::size_t kLine = 64;
struct alignas(kLine) Line {
  std::array<std::uint8_t, kLine> bytes{};
};

/// What the records of a batch have before their text, but for the patches, which are zero.
struct TweetStencil {
  /// `frame_schema`: of Confluent's frame, null when there is none.
  TweetStencil(std::uint64_t run, std::uint32_t stream, const std::int32_t* frame_schema,
               std::size_t delta_bytes, std::int64_t timestamp_ms);

  Line line;
  std::size_t size = 0;
  std::size_t value_length_at = 0;
  std::size_t sequence_at = 0;
  std::size_t value_base = 0;  // the value's length without what a template adds
};

/// The pool's entries as the loops read them, by sentiment and variant.
class TweetTemplates {
 public:
  /// Made again only when the stencil's layout changes, which is when the time's varint grows (or
  /// another frame is used).
  void fit(const TweetPool& pool, const TweetStencil& stencil);

  const std::uint8_t* data() const { return lines_.data()->bytes.data(); }
  const std::uint16_t* sizes() const { return sizes_.data(); }  // of the whole records
  std::size_t stride() const { return stride_; }                // lines of each
  std::size_t halves() const { return halves_; }                // half lines that hold something

 private:
  std::size_t stencil_size_ = 0, value_base_ = 0, stride_ = 0, halves_ = 0;
  std::vector<Line> lines_;
  std::vector<std::uint16_t> sizes_;
};

/// What the ledger sums over the pool's entries, by sentiment and variant; known before the storm.
class PoolHashes {
 public:
  explicit PoolHashes(const TweetPool& pool);

  const std::uint64_t* contents() const { return contents_.data(); }
  /// Brand and sentiment: 3 * brand + sentiment.
  const std::uint16_t* kinds() const { return kinds_.data(); }
  std::size_t kind_count() const { return kind_count_; }

 private:
  std::vector<std::uint64_t> contents_;
  std::vector<std::uint16_t> kinds_;
  std::size_t kind_count_;
};

/// Where a stretch's sums go; `by_kind` has PoolHashes::kind_count().
struct TweetSums {
  const PoolHashes& pool;
  std::uint64_t time;  // time_hash() of the batch
  std::span<KindSum> by_kind;
};

/// Offset deltas of one, two and three bytes: a stretch keeps to one of them.
constexpr std::array<std::uint32_t, 4> kDeltaEnds{0, 64, 8192, 1u << 20};
constexpr std::uint32_t kStretchMax = 256;  // records

struct TweetStretch {
  const TweetGenerator& generator;
  const TweetGenerator::Batch& batch;
  const TweetStencil& stencil;
  const TweetTemplates& templates;  // fitted to the stencil
  std::uint64_t sequence;           // of the piece's first record
  std::uint32_t first;              // its position in the generator batch
  std::uint32_t from, to;           // the piece's records to make; their deltas are equally long
  // Of the bytes before; may go on into those made here. Null: none.
  kafka::Crc32cFold* sum = nullptr;
  const TweetSums* claims = nullptr;  // null: nobody claims them
};

struct TweetsMade {
  std::uint8_t* at;    // after the last
  std::uint32_t next;  // `to`, or the first record for which there was no space
  std::array<std::uint32_t, kSentiments> by_sentiment{};
};

/// One way to do it. Tests and benchmarks hold them against each other.
/// Bytes from `at` to `end` may be overwritten beyond what was made.
struct TweetKernel {
  std::string_view name;
  bool usable;  // on this processor
  TweetsMade (*make)(const TweetStretch& stretch, std::size_t delta_bytes, std::uint8_t* at,
                     const std::uint8_t* end);
};
/// Fastest first; the last one is portable.
std::span<const TweetKernel> tweet_kernels();
const TweetKernel& best_tweet_kernel();

}  // namespace ds
