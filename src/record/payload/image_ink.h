// Records made in one go, line by line of 64 bytes. All that changes from record to record stands
// in two registers, the ink: times, digits, the UUID. A line of an image comes with a line that
// says for each byte where in the ink it is, or that it stays:
//
//   ink    2026-11-25T16:05:18.042Z 12345 67 …
//   line   {"id":       ,"at":"                        ","city":"Basel"}…
//   from   ------34567>>-------0123456789…
//
// One permutation of two registers then sets a line, and one store writes it, wherever places lie
// and however many there are. A store costs as much as several other instructions, be it of 1 byte
// or of 64, and step by step there are two or three for each place. With hash and checksum a
// reading took 25 ns that way and takes 19, a template's order 37 and 32 (Zen 4;
// docs/benchmarks.md).
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "record/payload/image_press.h"

namespace ds {

/// Images laid out for one size of each number, and the ink. Threads: one.
struct InkLayout {
  static constexpr std::uint8_t kStays = 128;
  static constexpr std::size_t kLine = 64, kInkBytes = 128, kUuidAt = 64;

  struct alignas(kLine) Line {
    std::array<std::uint8_t, kLine> bytes = {};
  };
  struct Laid {
    std::uint32_t size;  // of a record
    std::uint32_t line;  // its first
    std::uint32_t from;  // where that is from; images that have their places alike share these
    std::uint32_t lines;
  };
  struct Text {
    std::uint8_t at, size;  // in the ink
  };
  struct Number {
    std::uint64_t start, step;
    bool of_record;  // else of the sequence
    enum class Form : std::uint8_t { kDigits, kZigzag, kPlain } form;
    std::uint8_t size;
    std::uint8_t at;           // in the ink: of the last two digits, or of a varint's eight bytes
    std::uint8_t hundreds_at;  // of the other digits
    std::uint64_t hundreds;    // which the ink has
  };

  /// Calls an image that is needed soon; the processor finds the rest by itself.
  void call(std::size_t image) const {
    const Line* const line = lines.data() + images[image].line;
    for (std::size_t i = 0; i < 4; ++i) __builtin_prefetch(line + i);
  }
  /// Makes records in a row, the first of which is `first`, of these images, where `made`
  /// says; from the first to the last, and up to kCopySlack bytes more behind each.
  void put(std::span<const ByteView> made, const std::uint32_t* picked, const RecordFacts& first);

  /// New times and streams.
  void take(std::span<const std::array<std::uint8_t, kSharedBytesMax>> texts_now);

  alignas(kLine) std::array<std::uint8_t, kInkBytes> ink = {};
  std::vector<Line> lines, froms;
  std::vector<Laid> images;
  std::vector<Text> texts;
  std::vector<Number> numbers;
  std::optional<std::uint64_t> uuid_salt;
  std::uint32_t same_lines = 0;  // so many for each image; 0: as many as it has

 private:
  class Pen;
  void take_hundreds(Number& number, std::uint64_t hundreds);
};

/// Lays a sheet out.
class InkLayer {
 public:
  /// Whether this processor can, and what there is may fit into the ink.
  static bool takes(const ImageSheet& sheet);

  /// `sizes` of texts and counters.
  InkLayer(const ImageSheet& sheet, std::span<const std::uint8_t> sizes)
      : sheet_(sheet), sizes_(sizes) {}
  /// Null where it does not fit.
  std::unique_ptr<InkLayout> lay();

 private:
  bool place_ink();
  std::optional<std::uint8_t> room(std::size_t bytes, std::size_t multiple_of);
  void lay(std::size_t image);

  const ImageSheet& sheet_;
  const std::span<const std::uint8_t> sizes_;
  std::unique_ptr<InkLayout> layout_;
  std::vector<std::size_t> number_of_other_;  // of each of the sheet's others that is a number
  std::array<bool, InkLayout::kInkBytes> taken_ = {};
  ByteVec text_, from_;                     // of one image
  std::map<ByteVec, std::uint32_t> froms_;  // their first lines
};

}  // namespace ds
