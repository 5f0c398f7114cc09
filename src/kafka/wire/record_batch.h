// Record batches, format v2: the unit in which Kafka stores, checks and moves records.
//
//    0 base offset      int64   of the first record; set by the broker, outside the checksum
//    8 length           int32   of all that follows this field
//   12 leader epoch     int32   set by the broker, outside the checksum
//   16 magic            int8    2
//   17 crc              uint32  CRC-32C of all that follows this field
//   21 attributes       int16   bits 0-2 codec, 3 log-append time, 4 transactional, 5 control
//   23 last offset delta int32
//   27 base timestamp   int64   milliseconds
//   35 max timestamp    int64
//   43 producer id      int64   -1: none
//   51 producer epoch   int16
//   53 base sequence    int32   of the first record, wraps to 0 after 2^31 - 1
//   57 record count     int32
//   61 the records, compressed as one block when the attributes say so:
//      varint length, int8 attributes, varint timestamp delta, varint offset delta,
//      varint key length (-1: null), key, varint value length (-1: null), value,
//      varint header count, each: varint key length, key, varint value length (-1), value
//
// Reading a batch as a broker does, without touching its records:
//
//   BatchHeader batch = *BatchHeader::read(bytes);      // bounds and magic
//   Status sound = batch.verify(bytes);                 // length, counts, checksum
//   assign_base_offset(bytes, next_offset, leader_epoch);
//
// Reading the records:
//
//   for (BatchCursor batches(fetched); auto batch = batches.next();)
//     for (RecordReader records(*batch, scratch); auto record = records.next();) use(*record);
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/varint.h"
#include "kafka/wire/compression.h"

namespace ds::kafka {

constexpr std::size_t kBatchHeaderBytes = 61;
constexpr std::size_t kBatchLengthEnd = 12;  // base offset and length: enough to step over a batch
constexpr std::size_t kBatchCrcAt = 17;
constexpr std::size_t kBatchCrcFrom = 21;  // the checksum covers this to the end

/// A batch's first 61 bytes, as numbers.
struct BatchHeader {
  std::int64_t base_offset = 0;
  std::int32_t length = 0;
  std::int32_t leader_epoch = -1;
  std::int8_t magic = 2;
  std::uint32_t crc = 0;
  std::int16_t attributes = 0;
  std::int32_t last_offset_delta = 0;
  std::int64_t base_timestamp = -1;
  std::int64_t max_timestamp = -1;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
  std::int32_t base_sequence = -1;
  std::int32_t record_count = 0;

  std::size_t size() const { return kBatchLengthEnd + static_cast<std::size_t>(length); }
  std::int64_t last_offset() const { return plus(last_offset_delta); }
  std::int64_t next_offset() const { return plus(std::int64_t{last_offset_delta} + 1); }
  Compression codec() const { return static_cast<Compression>(attributes & 7); }
  bool log_append_time() const { return (attributes & 8) != 0; }
  bool transactional() const { return (attributes & 16) != 0; }
  bool control() const { return (attributes & 32) != 0; }
  bool operator==(const BatchHeader&) const = default;

  /// Reads the front of `bytes`. Fails when fewer than 61 bytes are there, for another magic, for a
  /// length below a header's or a codec that does not exist. The batch may reach past `bytes`.
  static Result<BatchHeader> read(ByteView bytes);
  void write(std::uint8_t* to) const;

  /// Holds the whole batch against this header: all there, counts that agree, checksum right. Walks
  /// no record: a record count may still be a lie.
  /// Cost: the checksum, one pass over the bytes.
  Status verify(ByteView batch) const;

 private:
  /// Wraps for a hostile base offset, rather than being undefined.
  std::int64_t plus(std::int64_t delta) const {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(base_offset) +
                                     static_cast<std::uint64_t>(delta));
  }
};

/// What the broker writes into a batch when it appends it; the checksum stays valid.
void assign_base_offset(ByteSpan batch, std::int64_t base_offset, std::int32_t leader_epoch);

/// Computes the checksum of a finished batch and writes it.
void seal(ByteSpan batch);

/// One record, its bytes borrowed. Null is not the same as empty.
struct RecordView {
  std::int64_t offset = 0;
  std::int64_t timestamp = 0;
  std::optional<ByteView> key;
  std::optional<ByteView> value;
  std::int32_t header_count = 0;
  ByteView headers;  // as they travel; see HeaderReader
};

struct HeaderView {
  std::string_view key;
  std::optional<ByteView> value;
};

/// Steps through a record's headers, which RecordReader has found to be well formed.
class HeaderReader {
 public:
  explicit HeaderReader(const RecordView& record)
      : rest_(record.headers), left_(record.header_count) {}
  std::optional<HeaderView> next();

 private:
  ByteView rest_;
  std::int32_t left_;
};

/// A batch within bytes that hold several.
struct BatchView {
  BatchHeader header;
  ByteView bytes;  // all of it, header included
  ByteView payload() const { return bytes.subspan(kBatchHeaderBytes); }
};

/// Steps from batch to batch through what a Fetch brought or a log holds. A batch that is cut short
/// at the end is not an error: the loop ends, and rest() is what is left of it.
class BatchCursor {
 public:
  explicit BatchCursor(ByteView bytes) : rest_(bytes) {}

  /// The next whole batch; nothing at the end, or when one is malformed (then status() tells).
  std::optional<BatchView> next();
  const Status& status() const { return status_; }
  ByteView rest() const { return rest_; }

 private:
  ByteView rest_;
  Status status_ = Done{};
};

/// Steps through the records of one batch, refusing what is malformed: lengths past the end, counts
/// that lie, leftovers, offsets that do not ascend.
///
/// Lifetime: records point into the batch, or into `scratch` when it was compressed.
/// Cost: no allocation for an uncompressed batch; some 5 ns for a record without key and headers.
class RecordReader {
 public:
  /// Decompresses into `scratch` if need be, at most `plain_bytes_max` bytes.
  RecordReader(const BatchView& batch, ByteVec& scratch, std::size_t plain_bytes_max = 256u << 20);

  /// The next record; nothing after the last, or when one is malformed (then status() tells).
  std::optional<RecordView> next();
  /// The same without a copy, for loops over millions; false when there is none.
  bool next(RecordView& record) { return next_plain(record) || next_of_any_shape(record); }
  const Status& status() const { return status_; }

 private:
  bool next_plain(RecordView& record);
  bool next_of_any_shape(RecordView& record);
  bool fail(std::string_view what);

  BatchHeader header_;
  ByteView rest_;
  std::int32_t read_ = 0;
  std::int32_t last_delta_ = -1;
  Status status_ = Done{};
};

/// The shape that nearly all records have: no key, a value, no headers. False, and nothing has
/// changed, when it is another or when anything is wrong.
[[gnu::always_inline]] inline bool RecordReader::next_plain(RecordView& record) {
  const std::uint8_t* at = rest_.data();
  const std::uint8_t* const rest_end = at + rest_.size();
  std::uint64_t length, time_delta, offset_delta, value;
  if (read_ >= header_.record_count || header_.log_append_time() || !status_.ok() ||
      !take_size(at, rest_end, rest_.size(), length) ||
      length > static_cast<std::uint64_t>(rest_end - at))
    return false;
  const std::uint8_t* const end = at + length;
  if (at == end) return false;
  ++at;  // attributes
  if (!take_varint(at, end, time_delta) ||
      !take_size(at, end, static_cast<std::uint32_t>(header_.last_offset_delta), offset_delta) ||
      static_cast<std::int64_t>(offset_delta) <= last_delta_ || at == end || *at++ != 1 ||
      !take_size(at, end, length, value) || static_cast<std::uint64_t>(end - at) != value + 1 ||
      at[value] != 0)
    return false;
  last_delta_ = static_cast<std::int32_t>(offset_delta);
  record.offset =
      static_cast<std::int64_t>(static_cast<std::uint64_t>(header_.base_offset) + offset_delta);
  record.timestamp = static_cast<std::int64_t>(static_cast<std::uint64_t>(header_.base_timestamp) +
                                               static_cast<std::uint64_t>(unzigzag(time_delta)));
  record.key.reset();
  record.value.emplace(at, static_cast<std::size_t>(value));
  record.header_count = 0;
  record.headers = {};
  rest_ = {end, rest_end};
  ++read_;
  return true;
}

/// Makes batches out of single records, for everything but the storm's own hot path.
///
///   RecordBatchBuilder batch({.codec = Compression::kZstd});
///   batch.add({.timestamp = now_ms, .key = as_bytes(key), .value = as_bytes(claim)});
///   Result<ByteVec> bytes = batch.build();     // and starts over
class RecordBatchBuilder {
 public:
  struct Header {
    std::string_view key;
    std::optional<ByteView> value;
  };
  struct Record {
    std::int64_t timestamp = 0;
    std::optional<ByteView> key = std::nullopt;
    std::optional<ByteView> value = std::nullopt;
    std::span<const Header> headers = {};
  };
  struct Settings {
    Compression codec = Compression::kNone;
    int level = kDefaultLevel;
    std::int64_t producer_id = -1;
    std::int16_t producer_epoch = -1;
    std::int32_t base_sequence = -1;  // of the first batch; the builder goes on from there
    bool transactional = false;
  };

  explicit RecordBatchBuilder(const Settings& settings) : settings_(settings) {}

  void add(const Record& record);
  std::int32_t count() const { return header_.record_count; }
  bool empty() const { return count() == 0; }
  /// Of the batch so far, uncompressed, its header included.
  std::size_t plain_bytes() const { return kBatchHeaderBytes + records_.size(); }

  /// The finished batch; at least one record must have been added. The builder is empty afterwards.
  Result<ByteVec> build();

 private:
  Settings settings_;
  BatchHeader header_;
  ByteVec records_;
};

}  // namespace ds::kafka
