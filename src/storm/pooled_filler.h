// Records of any payload but the tweet: a value out of a pool of images (record/payload/payload.h),
// patched in place, with its identity in the header `ds-id`, so that no two records of a run are
// equal.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "record/payload/payload.h"
#include "storm/filler.h"

namespace ds {

struct PooledFillerSettings {
  std::uint64_t run = 0;
  std::uint64_t seed = 1;
  std::uint64_t batch_size = 8000;
  std::uint32_t streams = 64;
};

/// Cost: making the value (image_press.h), its hash, and some 40 bytes around
/// it; the hashes of images without patches are known beforehand.
class PooledFiller final : public Filler {
 public:
  PooledFiller(const PooledFillerSettings& settings, std::shared_ptr<const ImagePool> pool);
  Filled fill(const FillRequest& request, ByteSpan into) override;

 private:
  struct Loop;
  class Pressed;
  class Single;
  template <typename Values>
  void run(Loop& loop, Values values);
  void run_pressed(Loop& loop);
  /// The same, compiled for these processors.
  void run_avx512(Loop& loop);

  const PooledFillerSettings settings_;
  const std::shared_ptr<const ImagePool> pool_;
  std::vector<std::uint64_t> hashes_;  // of each image, where none has places
  std::optional<ImagePress> press_;
  Image fresh_;
  KindSum sum_;
};

/// The room that a record needs beside its value.
extern const std::size_t kAroundPooledValueMax;

}  // namespace ds
