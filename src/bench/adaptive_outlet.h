// Batches whose size follows the time that acknowledgements take: halved above a goal, a step
// larger below it. The old system tried that and dropped it; here it is measured against batches
// of one size.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "kafka/client/outlet.h"

namespace ds {

/// Additive increase, multiplicative decrease. Threads: one.
class AdaptiveSize {
 public:
  static constexpr std::size_t kLeast = 16 << 10, kMost = 1 << 20, kStep = 32 << 10;
  static constexpr Nanos kGoal = 10 * kMillisecond;

  std::size_t bytes() const { return bytes_; }
  void took(Nanos time) {
    bytes_ = time > kGoal ? std::max(kLeast, bytes_ / 2) : std::min(kMost, bytes_ + kStep);
  }

 private:
  std::size_t bytes_ = 256 << 10;
};

/// Judges by how long the outlet takes to have room again, which is what its latency does to a
/// worker.
class AdaptiveOutlet final : public kafka::Outlet {
 public:
  AdaptiveOutlet(std::unique_ptr<kafka::Outlet> outlet, const Clock& clock)
      : outlet_(std::move(outlet)), clock_(clock) {}

  std::optional<Slot> reserve(std::int32_t partition, std::size_t bytes_max) override {
    auto slot = outlet_->reserve(partition, bytes_max);
    if (slot) slot->bytes = slot->bytes.first(std::min(slot->bytes.size(), size_.bytes()));
    return slot;
  }
  void submit(const Slot& slot, const kafka::OutBatch& batch) override {
    outlet_->submit(slot, batch);
    if (probe_begun_ == 0) {  // one batch at a time is followed until all before it are decided
      probe_begun_ = clock_.now();
      probe_behind_ = outlet_->pending();
    }
  }
  void turn(Nanos timeout) override {
    const std::size_t before = outlet_->pending();
    outlet_->turn(timeout);
    const std::size_t decided = before - std::min(before, outlet_->pending());
    if (probe_begun_ == 0) return;
    probe_behind_ -= std::min(probe_behind_, decided);
    if (probe_behind_ > 0) return;
    size_.took(clock_.now() - probe_begun_);
    probe_begun_ = 0;
  }
  void wake() override { outlet_->wake(); }
  std::size_t pending() const override { return outlet_->pending(); }
  void close(Nanos deadline) override { outlet_->close(deadline); }

 private:
  std::unique_ptr<kafka::Outlet> outlet_;
  const Clock& clock_;
  AdaptiveSize size_;
  Nanos probe_begun_ = 0;
  std::size_t probe_behind_ = 0;
};

}  // namespace ds
