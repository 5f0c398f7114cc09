// Buffers for answers, handed out as shared immutable bytes and used again when the last holder
// lets go: fetched batches travel to other threads without a copy, and memory stays bounded.
#pragma once

#include <algorithm>
#include <bit>
#include <memory>
#include <mutex>
#include <vector>

#include "base/bytes.h"

namespace ds::kafka {

/// Uninitialized bytes: those that no answer reaches cost nothing, and none is cleared first.
class FrameBuffer {
 public:
  explicit FrameBuffer(std::size_t size)
      : bytes_(std::make_unique_for_overwrite<std::uint8_t[]>(size)), size_(size) {}
  ByteSpan span() const { return {bytes_.get(), size_}; }
  std::size_t size() const { return size_; }

 private:
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t size_;
};

/// Keeps a frame's bytes where they are.
using FrameOwner = std::shared_ptr<const void>;

/// Threads:  any.
/// Lifetime: buffers may outlive the pool.
class FramePool {
 public:
  /// Keeps at most `keep_bytes` of memory that nobody uses.
  explicit FramePool(std::size_t keep_bytes = 64u << 20)
      : state_(std::make_shared<State>(keep_bytes)) {}

  /// At least `size` bytes; what stands in them is undefined.
  std::shared_ptr<FrameBuffer> take(std::size_t size) {
    std::unique_ptr<FrameBuffer> buffer = state_->take(size);
    return {buffer.release(), [state = state_](FrameBuffer* back) { state->give_back(back); }};
  }

  /// Held by somebody at the moment.
  std::size_t bytes_out() const {
    const std::lock_guard lock(state_->mutex);
    return state_->bytes_out;
  }

 private:
  struct State {
    explicit State(std::size_t keep) : keep_bytes(keep) {}

    /// Eight sizes in each power of two: a little over 16 MiB must not take 32.
    static std::size_t rounded(std::size_t size) {
      const std::size_t step = std::max<std::size_t>(4096, std::bit_floor(size) / 8);
      return (size + step - 1) / step * step;
    }

    /// Of the free ones that are large enough, and not twice as large, the one used last: its bytes
    /// are the likeliest to lie in a cache.
    std::unique_ptr<FrameBuffer> take(std::size_t size) {
      const std::size_t wanted = rounded(size);
      std::unique_ptr<FrameBuffer> buffer;
      {
        const std::lock_guard lock(mutex);
        const auto fits = std::find_if(free.rbegin(), free.rend(), [&](const auto& each) {
          return each->size() >= wanted && each->size() < 2 * wanted;
        });
        if (fits != free.rend()) {
          buffer = std::move(*fits);
          free.erase(std::next(fits).base());
          free_bytes -= buffer->size();
        }
        bytes_out += buffer ? buffer->size() : wanted;
      }
      return buffer ? std::move(buffer) : std::make_unique<FrameBuffer>(wanted);
    }

    void give_back(FrameBuffer* back) {
      std::unique_ptr<FrameBuffer> buffer(back);
      const std::lock_guard lock(mutex);
      bytes_out -= buffer->size();
      free_bytes += buffer->size();
      free.push_back(std::move(buffer));
      while (free_bytes > keep_bytes) {  // the one unused for longest goes
        free_bytes -= free.front()->size();
        free.erase(free.begin());
      }
    }

    const std::size_t keep_bytes;
    std::mutex mutex;
    std::vector<std::unique_ptr<FrameBuffer>> free;
    std::size_t free_bytes = 0;
    std::size_t bytes_out = 0;
  };
  std::shared_ptr<State> state_;
};

}  // namespace ds::kafka
