// The reading: what Parakafka's sensors send. As JSON it is what the webhook carries,
//   {"data":21.4,"timestamp_producer":1700000000000,"producer_id":7,"sequence":12}
// as Avro it is schemas/reading.avsc. A producer's sequence begins at 0 and has no gaps, so
// (producer_id, sequence) names a reading.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace ds {

struct Reading {
  double data = 0;
  std::int64_t timestamp_producer = 0;  // ms
  std::int64_t producer_id = 0;
  std::int64_t sequence = 0;

  static void fields(auto& self, auto& io) {
    io("data", self.data);
    io("timestamp_producer", self.timestamp_producer);
    io("producer_id", self.producer_id);
    io("sequence", self.sequence);
  }
  bool operator==(const Reading&) const = default;
};

extern const std::string_view kReadingSchema;  // the text of schemas/reading.avsc

constexpr std::size_t kReadingBytesMax = 160;  // of either encoding

/// Writes at most kReadingBytesMax bytes; returns the place after the last one. `data` is finite.
/// Cost: no allocation; most of it is the shortest text of `data`, which reads back the same.
std::uint8_t* put_json(std::uint8_t* to, const Reading& reading);
std::uint8_t* put_avro(std::uint8_t* to, const Reading& reading);

/// Nothing when the bytes are not exactly one reading.
std::optional<Reading> decode_avro_reading(ByteView bytes);

/// Readings in JSON, in any order of keys, other keys beside them (the webhook's `topic`) ignored.
/// Threads: one.
class ReadingDecoder {
 public:
  ReadingDecoder();
  ~ReadingDecoder();
  ReadingDecoder(ReadingDecoder&&) noexcept;
  ReadingDecoder& operator=(ReadingDecoder&&) noexcept;

  /// Nothing when the bytes are no such object, or the data is no finite number.
  std::optional<Reading> decode_json(ByteView bytes);

 private:
  struct Json;
  std::unique_ptr<Json> json_;  // made for the first
};

}  // namespace ds
