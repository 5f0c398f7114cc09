// Makes many records of one stream in a row, as a batch has them.
//
// For a while all records of a stream are laid out alike: numbers that count keep their number of
// digits until the next power of ten, times theirs for centuries. So the press lays a pool's images
// out for the sizes that numbers have just now, with room for each, and a record is a copy with
// what changes written over it:
//
//   {"id":       ,"at":"                        ","city":"Basel"}
//         1234567       2026-11-25T16:05:18.042Z
//         ^^^^^ kept    ^^^^^^^^^^^^^^^^^^^^^^^^ written once a batch, and copied
//
// There are two ways to do that. Step by step: a copy, then place after place. And in one go, line
// by line, on processors that can: image_ink.h.
//
// A branch that is guessed wrong costs as much as a copy of a hundred bytes, so a copy is as long
// as the longest that the pool has there, and reads and writes up to kCopySlack bytes past its end.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/varint.h"
#include "record/payload/drawn.h"
#include "record/payload/image.h"

namespace ds {

constexpr std::size_t kCopySlack = 256;
constexpr std::size_t kSharedBytesMax = 32;  // of what the records of a batch have alike in a place

/// What images have in common, and which of it changes when. Threads: any, once made.
/// Lifetime: borrows the images.
class ImageSheet {
 public:
  explicit ImageSheet(std::span<const Image> images);

 private:
  friend class ImagePress;
  friend class InkLayer;
  enum class Kind : std::uint8_t {
    kCopy,     // bytes of the image, with what is written over them
    kText,     // what the records of a batch have alike: time, stream
    kDecimal,  // a number that counts, in digits
    kZigzag,   // the same as a varint
    kVarint,   // the same filled up to a width
    kUuid,
    kNoise,  // writes past its end, as a copy does
    kOther,
    kEnd
  };
  /// A number that goes on from record to record.
  struct Counter {
    std::int64_t start, step;
    bool of_record;  // else of the sequence
    bool in_digits;  // else as a zigzag varint

    std::int64_t at(const RecordFacts& facts, std::uint64_t further = 0) const {  // wraps around
      const std::uint64_t n = (of_record ? facts.record : facts.sequence) + further;
      return static_cast<std::int64_t>(static_cast<std::uint64_t>(start) +
                                       static_cast<std::uint64_t>(step) * n);
    }
    std::uint8_t size(std::int64_t value) const;
    /// The least and the greatest of those that have its size, or itself alone.
    std::pair<std::int64_t, std::int64_t> range(std::int64_t value) const;
    bool operator==(const Counter&) const = default;
  };
  /// A patch of an image, by its kind and its number in the list of that kind.
  struct Place {
    std::uint32_t at, width;
    std::uint16_t number;
    Kind kind;
  };
  Place place_of(const Patch& patch);

  const std::span<const Image> images_;
  std::vector<std::vector<Place>> places_;  // of each image
  std::vector<Patch> texts_, others_;
  std::vector<Counter> counters_;
};

struct InkLayout;

/// Threads: one. Lifetime: borrows the sheet.
/// Cost: a copy, and 1 to 3 ns a place (noise as many as its words); in one go about 2 ns for each
///       64 bytes, whatever is in them. To lay out a thousand images takes a third of a
///       millisecond.
class ImagePress {
 public:
  explicit ImagePress(const ImageSheet& sheet, bool may_ink = true);
  ~ImagePress();
  ImagePress(const ImagePress&) = delete;

  /// A batch begins, or the time goes on: takes stream and time.
  void turn_to(const RecordFacts& facts);
  /// Lays the images out for the next records, of which there are up to `count`, as they are in
  /// turn_to()'s batch; says for how many of them that holds, which is one at least.
  std::uint32_t settle(const RecordFacts& facts, std::uint32_t count);

  // Of records that settle() holds for:

  /// Makes records in one go; null where they are made step by step, by what follows.
  InkLayout* ink() const { return layout_->ink.get(); }

  std::size_t size(std::size_t image) const { return layout_->images[image].size; }
  /// Calls an image that is needed soon.
  void call(std::size_t image) const {
    const std::uint8_t* const at = layout_->bytes.data() + layout_->images[image].places_at;
    for (std::uint32_t i = 0; i < layout_->called; i += 64) __builtin_prefetch(at + i);
  }
  /// Writes size() bytes, and up to kCopySlack more.
  void put(std::uint8_t* to, std::size_t image, const RecordFacts& facts);

 private:
  using Text = std::array<std::uint8_t, kSharedBytesMax>;
  /// All digits but the last two.
  struct Hundreds {
    std::array<std::uint8_t, 32> digits = {};
    std::uint64_t value = ~std::uint64_t{0};
  };
  struct Step {
    ImageSheet::Kind kind;
    std::uint8_t size = 0;     // of texts and numbers
    std::uint16_t number = 0;  // in the sheet's list
    std::uint32_t copied = 0;  // so many bytes; 0: as many as the image has there

    auto operator<=>(const Step&) const = default;
  };
  struct Laid {
    std::uint32_t places_at;  // of each step, in bytes; of a copy its size, too
    std::uint32_t text_at;
    std::uint32_t size;
    std::uint32_t first_step;
  };
  /// The images as they are while numbers and texts have these sizes.
  struct Layout {
    Layout();
    ~Layout();
    std::vector<std::uint8_t> sizes;
    ByteVec bytes;
    std::vector<Laid> images;
    std::vector<Step> steps;
    std::uint32_t called = 0;  // bytes of an image to call
    std::unique_ptr<InkLayout> ink;
  };
  class StepLayer;

  void lay();

  const ImageSheet& sheet_;
  const bool may_ink_;
  std::vector<Text> texts_;
  std::vector<Hundreds> hundreds_;                             // of each counter
  std::vector<std::pair<std::int64_t, std::int64_t>> ranges_;  // which its size holds for
  /// Of texts, then of counters; then whether one of those is below zero.
  std::vector<std::uint8_t> sizes_;
  /// Two, since streams that take turns pass a power of ten one after the other.
  std::array<Layout, 2> layouts_;
  Layout* layout_ = nullptr;
};

// In the header, so that they are compiled for the processor that their caller is compiled for.

/// So many bytes or more.
[[gnu::always_inline]] inline void copy_roughly(std::uint8_t* to, const std::uint8_t* from,
                                                std::size_t bytes) {
  std::size_t i = 0;
  do std::memcpy(to + i, from + i, 32);
  while ((i += 32) < bytes);
}

/// 1 to 32 bytes, neither more nor less: the first ones and the last ones, which may overlap.
[[gnu::always_inline]] inline void copy_few(std::uint8_t* to, const std::uint8_t* from,
                                            std::size_t bytes) {
  const auto ends = [&]<std::size_t kBytes>(std::array<std::uint8_t, kBytes> first) {
    std::array<std::uint8_t, kBytes> last;
    std::memcpy(first.data(), from, kBytes);
    std::memcpy(last.data(), from + bytes - kBytes, kBytes);
    std::memcpy(to, first.data(), kBytes);
    std::memcpy(to + bytes - kBytes, last.data(), kBytes);
  };
  if (bytes >= 16)
    ends(std::array<std::uint8_t, 16>());
  else if (bytes >= 8)
    ends(std::array<std::uint8_t, 8>());
  else if (bytes >= 4)
    ends(std::array<std::uint8_t, 4>());
  else if (bytes >= 2)
    ends(std::array<std::uint8_t, 2>());
  else
    *to = *from;
}

[[gnu::always_inline]] inline void ImagePress::put(std::uint8_t* to, std::size_t image,
                                                   const RecordFacts& facts) {
  using enum ImageSheet::Kind;
  const Laid& laid = layout_->images[image];
  const std::uint8_t* places = layout_->bytes.data() + laid.places_at;
  const std::uint8_t* const text = layout_->bytes.data() + laid.text_at;
  const auto next = [&] {
    std::uint32_t value;
    std::memcpy(&value, places, sizeof value);
    places += sizeof value;
    return value;
  };
  for (const Step* step = layout_->steps.data() + laid.first_step; step->kind != kEnd; ++step) {
    const std::uint32_t place = next();
    std::uint8_t* const there = to + place;
    switch (step->kind) {
      case kCopy: {
        const std::uint32_t own = next();
        copy_roughly(there, text + place, step->copied != 0 ? step->copied : own);
        break;
      }
      case kText:
        copy_few(there, texts_[step->number].data(), step->size);
        break;
      case kDecimal: {
        const std::int64_t value = sheet_.counters_[step->number].at(facts);
        if (value < 100) [[unlikely]] {
          put_decimal(there, value);
          break;
        }
        const auto whole = static_cast<std::uint64_t>(value);
        Hundreds& hundreds = hundreds_[step->number];
        if (const std::uint64_t above = whole / 100; above != hundreds.value) {
          put_decimal(hundreds.digits.data(), static_cast<std::int64_t>(above));
          hundreds.value = above;
        }
        const std::size_t before = step->size - 2u;
        copy_few(there, hundreds.digits.data(), before);
        std::memcpy(there + before, kDigitPairs.data() + 2 * (whole % 100), 2);
        break;
      }
      case kZigzag:
        put_varint_of(there, zigzag(sheet_.counters_[step->number].at(facts)), step->size);
        break;
      case kVarint: {
        const Patch& patch = sheet_.others_[step->number];
        const std::int64_t value = number_of(patch, facts);
        put_varint_of(there,
                      patch.form == Patch::Form::kZigzagOf ? zigzag(value)
                                                           : static_cast<std::uint64_t>(value),
                      patch.width);
        break;
      }
      case kUuid:
        put_uuid_digits(there, sheet_.others_[step->number].salt, facts);
        break;
      case kNoise:
        put_noise_roughly(there, sheet_.others_[step->number].width, facts);
        break;
      default:
        put_patch(there, sheet_.others_[step->number], facts);
    }
  }
}

}  // namespace ds
