// A bucket of InfluxDB 2.x, looked at from outside by Flux while somebody else writes into it.
#pragma once

#include "base/clock.h"
#include "sink/influx_server.h"
#include "sink/store_watch.h"

namespace ds {

/// Threads: one. Borrows the clock.
/// Cost:    a look asks the server to add up the whole bucket, at most once a second and a fifth of
///          the time: what a large bucket shows is some seconds old. Looks between are free.
class InfluxWatch final : public Watch {
 public:
  InfluxWatch(InfluxServer server, std::string bucket, const Clock& clock)
      : server_(std::move(server)), bucket_(std::move(bucket)), clock_(clock) {}

  Status look() override;
  const StoreSeen& seen() const override { return seen_; }
  const ClaimBook* claims() const override { return nullptr; }

 private:
  Status add_up();
  Status ask_for_the_newest();

  const InfluxServer server_;
  const std::string bucket_;
  const Clock& clock_;
  Nanos ask_at_ = 0;
  Status last_ = Done{};  // also what a look between says
  StoreSeen seen_;
};

}  // namespace ds
