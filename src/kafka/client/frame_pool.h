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

/// Threads:  any.
/// Lifetime: buffers may outlive the pool.
/// Cost:     fresh memory is cleared once; a buffer used again is not touched.
class FramePool {
 public:
  /// Keeps at most `keep_bytes` of memory that nobody uses.
  explicit FramePool(std::size_t keep_bytes = 64u << 20)
      : state_(std::make_shared<State>(keep_bytes)) {}

  /// At least `size` bytes; what stands in them is undefined.
  std::shared_ptr<ByteVec> take(std::size_t size) {
    std::unique_ptr<ByteVec> buffer = state_->take(size);
    return {buffer.release(), [state = state_](ByteVec* back) { state->give_back(back); }};
  }

  /// Held by somebody at the moment.
  std::size_t bytes_out() const {
    const std::lock_guard lock(state_->mutex);
    return state_->bytes_out;
  }

 private:
  struct State {
    explicit State(std::size_t keep) : keep_bytes(keep) {}

    std::unique_ptr<ByteVec> take(std::size_t size) {
      const std::size_t rounded = std::bit_ceil(std::max<std::size_t>(size, 4096));
      std::unique_ptr<ByteVec> buffer;
      {
        const std::lock_guard lock(mutex);
        bytes_out += rounded;
        const auto fits = std::find_if(free.rbegin(), free.rend(),
                                       [&](const auto& each) { return each->size() == rounded; });
        if (fits != free.rend()) {
          buffer = std::move(*fits);
          free.erase(std::next(fits).base());
          free_bytes -= rounded;
        }
      }
      return buffer ? std::move(buffer) : std::make_unique<ByteVec>(rounded);
    }

    void give_back(ByteVec* back) {
      std::unique_ptr<ByteVec> buffer(back);
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
    std::vector<std::unique_ptr<ByteVec>> free;
    std::size_t free_bytes = 0;
    std::size_t bytes_out = 0;
  };
  std::shared_ptr<State> state_;
};

}  // namespace ds::kafka
