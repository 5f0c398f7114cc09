#include "record/reading.h"

#include <simdjson.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "base/varint.h"

namespace ds {
namespace {

std::uint8_t* put_text(std::uint8_t* to, std::string_view text) {
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

template <typename Number>
std::uint8_t* put_number(std::uint8_t* to, Number value) {
  constexpr std::size_t kNumberBytesMax = 32;
  char* const text = reinterpret_cast<char*>(to);
  return reinterpret_cast<std::uint8_t*>(std::to_chars(text, text + kNumberBytesMax, value).ptr);
}

/// Whole numbers past 2^53 get an exponent, as parsers take them for integers else, and too large.
std::uint8_t* put_data(std::uint8_t* to, double value) {
  if (std::abs(value) < 0x1p53) return put_number(to, value);
  char* const text = reinterpret_cast<char*>(to);
  return reinterpret_cast<std::uint8_t*>(
      std::to_chars(text, text + 32, value, std::chars_format::scientific).ptr);
}

}  // namespace

const std::string_view kReadingSchema =
    R"({"type":"record","name":"Reading","namespace":"com.parakafka","fields":[)"
    R"({"name":"data","type":"double"},{"name":"timestamp_producer","type":"long"},)"
    R"({"name":"producer_id","type":"long"},{"name":"sequence","type":"long"}]})";

std::uint8_t* put_json(std::uint8_t* to, const Reading& reading) {
  check(std::isfinite(reading.data), "a reading that JSON cannot hold");
  to = put_data(put_text(to, R"({"data":)"), reading.data);
  to = put_number(put_text(to, R"(,"timestamp_producer":)"), reading.timestamp_producer);
  to = put_number(put_text(to, R"(,"producer_id":)"), reading.producer_id);
  to = put_number(put_text(to, R"(,"sequence":)"), reading.sequence);
  *to++ = '}';
  return to;
}

std::uint8_t* put_avro(std::uint8_t* to, const Reading& reading) {
  const auto bits = std::bit_cast<std::uint64_t>(reading.data);
  for (int i = 0; i < 8; ++i) *to++ = static_cast<std::uint8_t>(bits >> (8 * i));
  to = put_zigzag(to, reading.timestamp_producer);
  to = put_zigzag(to, reading.producer_id);
  return put_zigzag(to, reading.sequence);
}

std::optional<Reading> decode_avro_reading(ByteView bytes) {
  if (bytes.size() < 8) return std::nullopt;
  std::uint64_t bits = 0;
  for (int i = 0; i < 8; ++i)
    bits |= static_cast<std::uint64_t>(bytes[static_cast<std::size_t>(i)]) << (8 * i);
  bytes = bytes.subspan(8);
  const auto timestamp = take_zigzag(bytes);
  const auto producer = timestamp ? take_zigzag(bytes) : std::nullopt;
  const auto sequence = producer ? take_zigzag(bytes) : std::nullopt;
  const double data = std::bit_cast<double>(bits);
  if (!sequence || !bytes.empty() || !std::isfinite(data)) return std::nullopt;
  return Reading{data, *timestamp, *producer, *sequence};
}

struct ReadingDecoder::Json {
  simdjson::dom::parser parser;
};

ReadingDecoder::ReadingDecoder() = default;
ReadingDecoder::~ReadingDecoder() = default;
ReadingDecoder::ReadingDecoder(ReadingDecoder&&) noexcept = default;
ReadingDecoder& ReadingDecoder::operator=(ReadingDecoder&&) noexcept = default;

std::optional<Reading> ReadingDecoder::decode_json(ByteView bytes) {
  // Most objects that are no readings are told by this, without the parser.
  if (as_text(bytes).find("\"producer_id\"") == std::string_view::npos) return std::nullopt;
  if (!json_) json_ = std::make_unique<Json>();
  simdjson::dom::object object;
  if (json_->parser.parse(bytes.data(), bytes.size()).get(object) != simdjson::SUCCESS)
    return std::nullopt;
  Reading reading;
  const auto whole = [&](const char* name, std::int64_t& into) {
    return object[name].get(into) == simdjson::SUCCESS;
  };
  if (object["data"].get(reading.data) != simdjson::SUCCESS ||
      !whole("timestamp_producer", reading.timestamp_producer) ||
      !whole("producer_id", reading.producer_id) || !whole("sequence", reading.sequence))
    return std::nullopt;
  return reading;
}

}  // namespace ds
