// Makes many records of one stream in a row, as a batch has them.
//
// A sheet lays a pool's images out end to end, and turns each image's places into steps. What a
// record has in common with its batch (time, stream) the press writes once and copies; of numbers
// that count it keeps all digits but the last two:
//
//   {"id":1234567,"at":"2026-11-25T16:05:18.042Z","city":"Basel"}
//         ^^^^^ kept   ^^^^^^^^^^^^^^^^^^^^^^^^^^ written once a batch
//
// So is what stands between two such places and behind them, where all images have it alike.
//
// A branch that is guessed wrong costs as much as a copy of a hundred bytes, so a copy is as long
// as the longest that the pool has at that step, and reads and writes up to kCopySlack bytes past
// its end; and a record's size is what its writing comes to, not counted before.
#pragma once

#include <algorithm>
#include <map>
#include <span>
#include <vector>

#include "base/varint.h"
#include "record/payload/drawn.h"
#include "record/payload/image.h"

namespace ds {

constexpr std::size_t kCopySlack = 256;
constexpr std::uint32_t kCalledBytes = 512;  // the processor finds the rest by itself
constexpr std::size_t kSharedBytesMax = 96;  // of what a batch's records share in one piece

/// Threads: any, once made.
class ImageSheet {
 public:
  explicit ImageSheet(std::span<const Image> images);

 private:
  friend class ImagePress;
  enum class Kind : std::uint8_t { kShared, kDecimal, kZigzag, kUuid, kNoise, kOther, kEnd };
  /// Bytes of the image, then a place, or the end.
  struct Step {
    Kind kind;
    std::uint16_t number;      // in the list of its kind
    std::uint32_t copied = 0;  // so many bytes, or more where the image has more

    auto operator<=>(const Step&) const = default;
  };
  /// Steps are the same for all images that look alike; how many bytes each step has of an image
  /// stands before the image's text, so that it is called with it.
  struct Laid {
    std::uint32_t sizes_at, text_at;
    std::uint32_t first_step;
  };
  using Forms = std::map<std::vector<Step>, std::uint32_t>;  // their first steps
  /// A number that goes on from record to record.
  struct Counter {
    std::int64_t start, step;
    bool of_record;  // else of the sequence

    std::int64_t at(const RecordFacts& facts) const {  // wraps around
      const std::uint64_t n = of_record ? facts.record : facts.sequence;
      return static_cast<std::int64_t>(static_cast<std::uint64_t>(start) +
                                       static_cast<std::uint64_t>(step) * n);
    }
    bool operator==(const Counter&) const = default;
  };
  /// Places with what stands behind each of them.
  struct Shared {
    std::vector<std::pair<Patch, ByteVec>> places;
    bool operator==(const Shared&) const = default;
  };
  class Layout;

  void lay(const Image& image, const Layout& layout, Forms& forms);
  static Shared shared_from(const Image& image, std::size_t& i, const Layout& layout,
                            ByteView& rest);
  Step step_of(const Patch& patch);

  std::uint32_t called_ = 0;  // bytes of an image to call: of the longest
  ByteVec bytes_;             // and kCopySlack more
  std::vector<Laid> images_;
  std::vector<Step> steps_;
  std::vector<Shared> shared_;
  std::vector<Counter> counters_;
  std::vector<Patch> others_;
};

/// Threads: one. Lifetime: borrows the sheet.
/// Cost: a copy, and 1 to 3 ns a place (noise as many as its words).
class ImagePress {
 public:
  explicit ImagePress(const ImageSheet& sheet);

  /// A batch begins, or the time goes on: takes stream and time.
  void turn_to(const RecordFacts& facts);
  /// Calls an image that is needed soon.
  void call(std::size_t image) const {
    const std::uint8_t* const at = sheet_.bytes_.data() + sheet_.images_[image].sizes_at;
    for (std::uint32_t i = 0; i < sheet_.called_; i += 64) __builtin_prefetch(at + i);
  }
  /// Writes a record of it, and up to kCopySlack bytes more; returns the place after it.
  std::uint8_t* put(std::uint8_t* to, std::size_t image, const RecordFacts& facts);

 private:
  struct Shared {
    std::uint8_t text[kSharedBytesMax + kCopySlack] = {};
    std::uint32_t size = 0;
  };
  /// A number in digits: those of its hundreds, or all, and the last two apart.
  struct Decimal {
    std::uint8_t text[kDecimalMax + 4] = {};
    std::uint32_t text_size = 0;
    std::uint64_t hundreds = 0;  // 0: all digits are in the text
    std::uint8_t* put(std::uint8_t* to, std::int64_t value);
    void turn_to(std::int64_t written, std::uint64_t above);
  };

  const ImageSheet& sheet_;
  std::vector<Shared> shared_;
  std::vector<Decimal> decimals_;  // of each counter
};

/// So many bytes or more. (Units of 64 bytes were slower with AVX-512, too.)
[[gnu::always_inline]] inline void copy_roundly(std::uint8_t* to, const std::uint8_t* from,
                                                std::size_t bytes) {
  std::size_t i = 0;
  do std::memcpy(to + i, from + i, 32);
  while ((i += 32) < bytes);
}

[[gnu::always_inline]] inline std::uint8_t* ImagePress::Decimal::put(std::uint8_t* to,
                                                                     std::int64_t value) {
  const auto whole = static_cast<std::uint64_t>(value);
  const std::uint64_t above = value < 100 ? 0 : whole / 100;
  if (above == 0 || above != hundreds)
    turn_to(above == 0 ? value : static_cast<std::int64_t>(above), above);
  std::memcpy(to, text, sizeof text);
  to += text_size;
  if (above == 0) return to;
  std::memcpy(to, kDigitPairs.data() + 2 * (whole - 100 * above), 2);
  return to + 2;
}

[[gnu::always_inline]] inline std::uint8_t* ImagePress::put(std::uint8_t* to, std::size_t image,
                                                            const RecordFacts& facts) {
  const ImageSheet::Laid& laid = sheet_.images_[image];
  const std::uint8_t* sizes = sheet_.bytes_.data() + laid.sizes_at;
  const std::uint8_t* from = sheet_.bytes_.data() + laid.text_at;
  for (const ImageSheet::Step* step = sheet_.steps_.data() + laid.first_step;; ++step) {
    std::uint32_t size;
    std::memcpy(&size, sizes, sizeof size);
    sizes += sizeof size;
    copy_roundly(to, from, size <= kCopySlack ? step->copied : size);
    to += size;
    from += size;
    switch (step->kind) {
      case ImageSheet::Kind::kShared: {
        const Shared& shared = shared_[step->number];
        copy_roundly(to, shared.text, shared.size);
        to += shared.size;
        break;
      }
      case ImageSheet::Kind::kDecimal:
        to = decimals_[step->number].put(to, sheet_.counters_[step->number].at(facts));
        break;
      case ImageSheet::Kind::kZigzag:
        to = put_zigzag(to, sheet_.counters_[step->number].at(facts));
        break;
      case ImageSheet::Kind::kUuid:
        put_uuid(to, sheet_.others_[step->number].salt, facts);
        to += kUuidLength;
        break;
      case ImageSheet::Kind::kNoise:
        put_noise_roundly(to, sheet_.others_[step->number].width, facts);
        to += sheet_.others_[step->number].width;
        break;
      case ImageSheet::Kind::kOther:
        to = put_patch(to, sheet_.others_[step->number], facts);
        break;
      case ImageSheet::Kind::kEnd:
        return to;
    }
  }
}

}  // namespace ds
