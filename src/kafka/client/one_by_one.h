// An outlet that has one batch under way: the next is made when the last one is decided. How a
// program sends that awaits each answer.
#pragma once

#include <memory>
#include <utility>

#include "kafka/client/outlet.h"

namespace ds::kafka {

class OneByOneOutlet final : public Outlet {
 public:
  explicit OneByOneOutlet(std::unique_ptr<Outlet> outlet) : outlet_(std::move(outlet)) {}

  std::optional<Slot> reserve(std::int32_t partition, std::size_t bytes_max) override {
    if (outlet_->pending() > 0) return std::nullopt;
    return outlet_->reserve(partition, bytes_max);
  }
  void submit(const Slot& slot, const OutBatch& batch) override { outlet_->submit(slot, batch); }
  void turn(Nanos timeout) override { outlet_->turn(timeout); }
  void wake() override { outlet_->wake(); }
  std::size_t pending() const override { return outlet_->pending(); }
  void close(Nanos deadline) override { outlet_->close(deadline); }

 private:
  std::unique_ptr<Outlet> outlet_;
};

}  // namespace ds::kafka
