// Buffers for large answers, handed out as shared immutable bytes and used again when the last
// holder lets go: fetched batches travel to other threads without a copy, and memory stays bounded.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "base/bytes.h"

namespace ds::kafka {

/// Threads:  take() belongs to one; buffers may be let go on any.
/// Lifetime: buffers may outlive the pool.
/// Cost:     fresh memory is cleared once; a buffer used again is not touched.
class FramePool {
 public:
  FramePool() : state_(std::make_shared<State>()) {}

  /// At least `size` bytes; what stands in them is undefined.
  std::shared_ptr<ByteVec> take(std::size_t size) {
    std::unique_ptr<ByteVec> buffer;
    {
      const std::lock_guard lock(state_->mutex);
      if (!state_->free.empty()) {
        buffer = std::move(state_->free.back());
        state_->free.pop_back();
      }
    }
    if (!buffer) buffer = std::make_unique<ByteVec>();
    if (buffer->size() < size) {
      buffer->clear();  // nothing to carry over when it grows
      buffer->resize(size);
    }
    state_->outstanding.fetch_add(1, std::memory_order_relaxed);
    return {buffer.release(), [state = state_](ByteVec* back) { state->give_back(back); }};
  }

  /// Buffers somebody still holds.
  std::size_t outstanding() const { return state_->outstanding.load(std::memory_order_acquire); }

 private:
  struct State {
    std::mutex mutex;
    std::vector<std::unique_ptr<ByteVec>> free;
    std::atomic<std::size_t> outstanding = 0;

    void give_back(ByteVec* buffer) {
      {
        const std::lock_guard lock(mutex);
        free.emplace_back(buffer);
      }
      outstanding.fetch_sub(1, std::memory_order_release);
    }
  };
  std::shared_ptr<State> state_;
};

}  // namespace ds::kafka
