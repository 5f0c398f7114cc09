// The innermost loops of the storm: pooled tweets into a record batch, one stretch at a time.
//
// All records of a stretch begin alike. A record is
//
//   length  0  0  offset-delta  01  value-length  [frame]  48 tweetId timestamp | text brand
//   sentiment  0
//
// (01 is the null key, 48 the tweetId's length, the last 0 "no headers"). What lies before the text
// is the stencil, at most 64 bytes. The two lengths lie in its first 16 and depend on the tail
// alone, so they come from a table; the delta and the last two hex digits of the id come from
// tables in the records' order. What lies behind is one of the pool's tails, copied in whole lines
// past its end; the next record overwrites the surplus. First all picks of a stretch are made, 16
// at a time, then the records: with AVX-512 five stores each, and no branch depends on the data.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "record/generator.h"

namespace ds {

constexpr std::size_t kLine = 64;
struct alignas(kLine) Line {
  std::array<std::uint8_t, kLine> bytes{};
};

/// The pool as the loops read it. A tail is text, brand, sentiment and the zero of no headers.
class TweetTails {
 public:
  explicit TweetTails(const TweetPool& pool);

  const std::uint8_t* at(std::size_t entry) const { return lines_[entry * stride_].bytes.data(); }
  const std::uint16_t* sizes() const { return sizes_.data(); }
  std::size_t stride() const { return stride_; }  // lines of each
  std::size_t count() const { return sizes_.size(); }
  double size_mean() const { return size_mean_; }

 private:
  std::size_t stride_;
  std::vector<Line> lines_;           // by sentiment and variant
  std::vector<std::uint16_t> sizes_;  // the same
  double size_mean_ = 0;
};

/// What the records of a batch have before their text, but for the patches, which are zero.
struct TweetStencil {
  /// `frame_schema`: of Confluent's frame, null when there is none.
  TweetStencil(std::uint64_t run, std::uint32_t stream, const std::int32_t* frame_schema,
               std::size_t delta_bytes, std::int64_t timestamp_ms);

  Line line;
  std::size_t size = 0;
  std::size_t sequence_at = 0;
  std::uint32_t body_base = 0;   // the record's length without its tail
  std::uint32_t value_base = 0;  // the value's, less the zero that counts to the tail
};

/// By tail: the first 16 bytes of its record, delta apart. Made again when the stencil's lengths
/// change, which is when the time's varint grows (or another frame is used).
class TweetHeads {
 public:
  struct alignas(16) Head {
    std::uint64_t low, high;
  };
  void fit(const TweetTails& tails, const TweetStencil& stencil, std::size_t delta_bytes);
  const Head* data() const { return heads_.data(); }

 private:
  std::vector<Head> heads_;
  std::uint32_t body_base_ = 0, value_base_ = 0;
};

/// Offset deltas of one, two and three bytes: a stretch keeps to one of them.
constexpr std::array<std::uint32_t, 4> kDeltaEnds{0, 64, 8192, 1u << 20};
constexpr std::uint32_t kStretchMax = 256;  // records

struct TweetStretch {
  const TweetGenerator& generator;
  const TweetGenerator::Batch& batch;
  const TweetTails& tails;
  const TweetStencil& stencil;
  const TweetHeads& heads;  // fitted to the stencil
  std::uint64_t sequence;   // of the piece's first record
  std::uint32_t first;      // its position in the generator batch
  std::uint32_t from, to;   // the piece's records to make; their deltas are equally long
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
