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
// Copies are rounded up: they read and write up to kCopySlack bytes past their end.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "record/payload/image.h"

namespace ds {

constexpr std::size_t kCopySlack = 96;
constexpr std::uint32_t kCalledBytes = 512;  // the processor finds the rest by itself
constexpr std::size_t kSharedBytesMax = 96;  // of what a batch's records share in one piece

/// Threads: any, once made.
class ImageSheet {
 public:
  explicit ImageSheet(std::span<const Image> images);

 private:
  friend class ImagePress;
  enum class Kind : std::uint8_t { kShared, kDecimal, kZigzag, kOther };
  /// Bytes of the image, then a place.
  struct Step {
    std::uint32_t bytes;
    Kind kind;
    bool moves_the_rest;   // its size is not in Laid::size
    std::uint16_t number;  // in the list of its kind
  };
  struct Laid {
    std::uint32_t at, last_bytes;  // behind the last place
    std::uint32_t first_step, steps;
    std::uint32_t size;  // of all that is the same for all batches
  };
  /// Places with what stands behind each of them.
  struct Shared {
    std::vector<std::pair<Patch, ByteVec>> places;
    bool operator==(const Shared&) const = default;
  };
  class Layout;

  void lay(const Image& image, const Layout& layout);
  static Shared shared_from(const Image& image, std::size_t& i, const Layout& layout,
                            ByteView& rest);
  Step step_of(const Patch& patch);

  ByteVec bytes_;  // and kCopySlack more
  std::vector<Laid> images_;
  std::vector<Step> steps_;
  std::vector<Shared> shared_;
  std::vector<Patch> decimals_, zigzags_, others_;
};

/// Threads: one. Lifetime: borrows the sheet.
/// Cost: a copy, and 1 to 3 ns a place (a uuid 10, noise as many as its
/// words).
class ImagePress {
 public:
  explicit ImagePress(const ImageSheet& sheet);

  /// A batch begins, or the time goes on: takes stream and time.
  void turn_to(const RecordFacts& facts);
  /// Calls an image that is needed soon.
  void call(std::size_t image) const {
    const ImageSheet::Laid& laid = sheet_.images_[image];
    const std::uint32_t called = std::min(laid.size, kCalledBytes);
    for (std::uint32_t i = 0; i < called; i += 64)
      __builtin_prefetch(sheet_.bytes_.data() + laid.at + i);
  }
  /// Begins a record; how many bytes it will have.
  std::size_t begin(std::size_t image, const RecordFacts& facts);
  /// Writes the record begun, and up to kCopySlack bytes more; returns the place after it.
  std::uint8_t* finish(std::uint8_t* to, const RecordFacts& facts) const;

 private:
  struct Shared {
    std::uint8_t text[kSharedBytesMax + kCopySlack] = {};
    std::uint32_t size = 0;
  };
  /// A number in digits: those of its hundreds, or all, and the last two apart.
  struct Decimal {
    std::uint8_t text[kDecimalMax + 4] = {};
    std::uint32_t text_size = 0, size = 0;
    std::uint64_t hundreds = 0;  // 0: all digits are in the text
    std::uint16_t last_two = 0;
    void set(std::int64_t value);
  };

  const ImageSheet& sheet_;
  const ImageSheet::Laid* begun_ = nullptr;
  std::vector<Shared> shared_;
  std::vector<Decimal> decimals_;
  std::vector<std::int64_t> zigzags_;
};

}  // namespace ds
