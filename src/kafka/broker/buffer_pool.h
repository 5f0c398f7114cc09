// Receive buffers of one lane, reused so that their pages stay warm.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"

namespace ds::kafka::broker {

/// Uninitialized bytes: memory that was never written to costs nothing.
struct Buffer {
  std::unique_ptr<std::uint8_t[]> bytes;
  std::size_t capacity = 0;

  explicit operator bool() const { return capacity > 0; }
  ByteSpan span() const { return {bytes.get(), capacity}; }
};

/// Threads: one, its lane's.
class BufferPool {
 public:
  static constexpr std::size_t kSmallest = 64 * 1024;

  explicit BufferPool(std::size_t kept_max) : kept_max_(kept_max) {}

  /// A free buffer of at least `wanted` bytes; when there is none, a new one of at least `needed`.
  Buffer take(std::size_t needed, std::size_t wanted) {
    std::size_t best = free_.size();
    for (std::size_t i = 0; i < free_.size(); ++i)
      if (free_[i].capacity >= wanted &&
          (best == free_.size() || free_[i].capacity < free_[best].capacity))
        best = i;
    if (best == free_.size()) {
      const std::size_t capacity = std::bit_ceil(std::max(needed, kSmallest));
      return {std::make_unique_for_overwrite<std::uint8_t[]>(capacity), capacity};
    }
    Buffer found = std::move(free_[best]);
    free_.erase(free_.begin() + static_cast<std::ptrdiff_t>(best));
    kept_ -= found.capacity;
    return found;
  }

  void give_back(Buffer buffer) {
    if (!buffer || kept_ + buffer.capacity > kept_max_) return;
    kept_ += buffer.capacity;
    free_.push_back(std::move(buffer));
  }

 private:
  std::size_t kept_max_;
  std::size_t kept_ = 0;
  std::vector<Buffer> free_;
};

}  // namespace ds::kafka::broker
