// What a generator batch is given before it is sent: keys, headers, tombstones, and a partition for
// each record. A filler makes the batch plain, whatever its payload; the dresser walks its records
// and writes each into the part of the partition that it goes to. So keys hold for every payload,
// and a run without any of this does not pay for it.
//
//   dresser.dress(plain, request);
//   for (const Dresser::Part& part : dresser.parts()) {
//     size = dresser.finish(part, stamp, slot);        // header, checksum
//
// Everything is a function of (seed, record number) and of what the record says.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "record/json_field.h"
#include "record/keys.h"
#include "record/numbering.h"
#include "record/tweet_decoder.h"
#include "storm/filler.h"

namespace ds {

/// Which partition a record goes to.
enum class Placing {
  kStream,      // the stream's, so that streams keep their order
  kKey,         // by murmur2 of the key, as Kafka's clients; records without one as kStream
  kRoundRobin,  // the next one with each record
  kSticky,      // a generator batch keeps to one, the next batch takes another at random
};
std::string_view name_of(Placing placing);

/// A header that every record gets.
struct HeaderRule {
  std::string name;
  std::string value;               // fixed
  std::uint32_t random_bytes = 0;  // above 0: so many hex digits instead, a record's own
};
/// "trace=abc", or "trace=random:16".
Result<HeaderRule> parse_header(std::string_view text);

struct Dress {
  Keys keys;
  Placing placing = Placing::kStream;
  std::vector<HeaderRule> headers;
  double tombstones = 0;  // the share of records whose value is null

  /// Whether there is anything to do.
  bool any() const {
    return keys.kind != Keys::Kind::kNone || placing != Placing::kStream || !headers.empty() ||
           tombstones > 0;
  }
};

struct DresserSettings {
  Dress dress;
  std::uint64_t run = 0;
  std::uint64_t seed = 1;
  Numbering numbering;
  std::int32_t partitions = 32;
  std::size_t batch_bytes_max = 1'048'576;
};

/// Threads: one, a worker's. Cost: a walk over the batch, and each record copied twice more;
/// figures in docs/storm.md, `tweet_filler_bench` has it alone.
class Dresser {
 public:
  /// Records of one partition, in the order of their numbers.
  struct Part {
    std::int32_t partition = 0;
    std::uint32_t records = 0;
    std::uint32_t first = 0, last = 0;  // positions in the generator batch
    std::size_t size = 0;               // of the records
    std::int64_t base_ms = 0, newest_ms = 0;
    ByteVec bytes;  // at least `size`
  };

  explicit Dresser(const DresserSettings& settings);

  /// `plain`: a record batch as a filler made it for `request`. What was dressed before is gone.
  void dress(ByteView plain, const FillRequest& request);
  std::span<Part> parts() { return {parts_.data(), part_count_}; }
  /// The positions, in the generator batch, of those dressed last whose value is null now.
  std::span<const std::uint32_t> tombstones() const { return tombstones_; }
  /// Writes a part as a record batch; returns its size, which is at most batch_bytes_max.
  std::uint32_t finish(const Part& part, const BatchStamp& stamp, ByteSpan into) const;
  struct Route {
    std::vector<std::int32_t> partitions;   // of each record, in order
    std::vector<std::uint32_t> tombstones;  // positions in the generator batch
  };
  /// Where each record of `plain` goes; what is dressed stays.
  Route route(ByteView plain, const FillRequest& request);

 private:
  struct Record;
  template <typename Each>
  void each_record(ByteView plain, const FillRequest& request, Each&& each);
  void find_key(Record& record);
  std::int32_t place(const Record& record) const;
  void put(const Record& record, std::int64_t base_ms);
  Part& part_for(std::int32_t partition, std::size_t more, std::int64_t base_ms);

  const DresserSettings settings_;
  const KeyDrawer drawer_;
  std::uint64_t tombstones_below_ = 0;  // of 2^64
  TweetDecoder decoder_;
  JsonField json_;
  std::vector<Part> parts_;  // the first part_count_ hold something
  std::size_t part_count_ = 0;
  std::vector<std::int32_t> open_;  // by partition: the part that takes more; -1: none
  std::vector<std::uint32_t> tombstones_;
  ByteVec headers_;  // of the record at hand
  ByteVec scratch_;
};

}  // namespace ds
