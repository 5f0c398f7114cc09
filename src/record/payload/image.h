// A value as it will be sent, but for what changes from record to record: its bytes, and the places
// where numbers, times and names are written when the record is made. A pool of images is drawn
// once; a record is a copy of one of them with its places filled.
//
//   {"id":      ,"at":"                        ","city":"Basel"}
//         ^ sequence, takes no room here     ^ time, 24 characters
//
// Places have a fixed width where the encoding's lengths lie before them (Protobuf), else none:
// then what is written there moves what follows.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "record/numbering.h"

namespace ds {

/// What is known of a record when it is made.
struct RecordFacts {
  std::uint64_t seed = 0;
  std::uint64_t record = 0;  // its number in the run
  std::uint32_t stream = 0;
  std::uint64_t sequence = 0;  // in the stream
  std::int64_t timestamp_ms = 0;
};

struct Patch {
  enum class What : std::uint8_t {
    kRecord,    // its number in the run
    kStream,    // its stream
    kSequence,  // its number in the stream
    kMillis,    // its time in milliseconds since 1970
    kSeconds,
    kMicros,
    kNanos,
    kNanosOfSecond,
    kIsoTime,  // "2026-11-25T16:05:18.042Z"
    kUuid,     // "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx", drawn from (seed, record, salt)
    kNoise,    // `width` bytes that no codec makes smaller, drawn from (seed, record)
  };
  enum class Form : std::uint8_t {
    kDecimal,   // digits; `width` fills up with zeros, 0: as many as there are
    kZigzag,    // Avro's varint
    kVarint,    // Protobuf's, filled up to `width` bytes
    kZigzagOf,  // the same over zigzag
    kLittle,    // `width` bytes, little-endian
    kText,      // kIsoTime and kUuid
  };
  What what = What::kRecord;
  Form form = Form::kDecimal;
  std::uint32_t at = 0;
  std::uint32_t width = 0;
  std::int64_t start = 0, step = 1;  // of numbers: start + step * n
  std::uint64_t salt = 0;

  bool operator==(const Patch&) const = default;
};

struct Image {
  ByteVec bytes;
  std::vector<Patch> patches;  // by `at`

  void clear() {
    bytes.clear();
    patches.clear();
  }
  void append(std::string_view text) { bytes.insert(bytes.end(), text.begin(), text.end()); }
  void append(ByteView more) { bytes.insert(bytes.end(), more.begin(), more.end()); }
  void append(std::uint8_t byte) { bytes.push_back(byte); }
  /// Behind what is there; leaves room for what has a fixed width in the middle of lengths.
  void append(Patch patch);
  /// Another image behind this one.
  void append(const Image& other);
  /// The most that a record made of it takes.
  std::size_t bytes_max() const;

  bool operator==(const Image&) const = default;
};

/// How many bytes the record will have.
std::size_t size_of(const Image& image, const RecordFacts& facts);
/// Writes size_of() bytes; returns the place after the last one.
/// Cost: a copy, and some nanoseconds a patch.
std::uint8_t* put_image(std::uint8_t* to, const Image& image, const RecordFacts& facts);
ByteVec made_of(const Image& image, const RecordFacts& facts);

// A place at a time, for who makes many records: image_press.h.

/// The number that it shows, of those that show one.
std::int64_t number_of(const Patch& patch, const RecordFacts& facts);
/// What one without a width takes.
std::size_t inserted_size(const Patch& patch, const RecordFacts& facts);
std::uint8_t* put_patch(std::uint8_t* to, const Patch& patch, const RecordFacts& facts);
/// Writes kDecimalMax bytes at the most.
std::uint8_t* put_decimal(std::uint8_t* to, std::int64_t value);
constexpr std::size_t kDecimalMax = 20;

/// Two digits for each number below a hundred.
inline constexpr auto kDigitPairs = [] {
  std::array<char, 200> pairs{};
  for (std::size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

/// Characters of an ISO 8601 time with milliseconds.
constexpr std::size_t kIsoTimeLength = 24;
void put_iso_time(char* to, std::int64_t timestamp_ms);

}  // namespace ds
