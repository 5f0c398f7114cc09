#include "kafka/client/slot_pool.h"

#include <sys/mman.h>

#include "base/check.h"

namespace ds::kafka {

constexpr std::size_t kPage = 4096;

SlotPool::SlotPool(std::size_t slot_bytes, std::size_t slots)
    : slot_bytes_(slot_bytes),
      // One more page apart: slots of a power of two would share their cache sets.
      stride_((slot_bytes + kPage - 1) / kPage * kPage + kPage),
      slots_(slots) {
  void* mapped = mmap(nullptr, stride_ * slots_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  check(mapped != MAP_FAILED, "the system gives no memory for the send buffers");
  base_ = static_cast<std::uint8_t*>(mapped);
  for (std::size_t slot = slots_; slot-- > 0;) free_.push_back(static_cast<std::uint32_t>(slot));
}

SlotPool::~SlotPool() {
  munmap(base_, stride_ * slots_);
}

std::optional<std::uint32_t> SlotPool::take() {
  if (free_.empty()) return std::nullopt;
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  return slot;
}

}  // namespace ds::kafka
