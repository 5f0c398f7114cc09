// The memory of an outlet: equal slots out of one mapping, last in first out, so that the slots in
// use are the ones still in cache and the others never become resident.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"

namespace ds::kafka {

/// Threads: one. Cost: two vector operations a slot; memory is touched only by who fills it.
class SlotPool {
 public:
  SlotPool(std::size_t slot_bytes, std::size_t slots);
  ~SlotPool();
  SlotPool(const SlotPool&) = delete;
  SlotPool& operator=(const SlotPool&) = delete;

  std::optional<std::uint32_t> take();
  void give_back(std::uint32_t slot) { free_.push_back(slot); }
  ByteSpan bytes(std::uint32_t slot) { return {base_ + slot * stride_, slot_bytes_}; }

  std::size_t slot_bytes() const { return slot_bytes_; }
  std::size_t size() const { return slots_; }
  std::size_t used() const { return slots_ - free_.size(); }

 private:
  std::size_t slot_bytes_;
  std::size_t stride_;
  std::size_t slots_;
  std::uint8_t* base_ = nullptr;
  std::vector<std::uint32_t> free_;
};

}  // namespace ds::kafka
