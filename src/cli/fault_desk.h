// What `up` plays its scenario's faults with: it owns all that makes the trouble, and stands where
// storm, broker and pipeline would otherwise touch.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/log.h"
#include "cli/fault_parts.h"
#include "cli/faults.h"
#include "net/fault_proxy.h"

namespace ds::cli {

/// Whether it is played between the storm and the broker.
bool needs_proxy(const Fault& fault);

/// Lifetime: longer than the storm and the pipeline that it troubles; borrows clock and log.
class FaultDesk {
 public:
  FaultDesk(std::vector<Fault> faults, const Clock& clock, Log& log);

  bool has_faults() const { return !faults_.empty(); }
  bool wants_proxy() const;

  /// The storm's clock.
  const Clock& clock() const { return storm_clock_; }
  /// What the pipeline's source and sink ask; none without faults.
  std::shared_ptr<IntakeTrouble> intake() const { return intake_; }
  /// Where the storm is to connect instead.
  Result<Address> stand_before(const Address& broker);

  /// Time counts from here. `behind`: records due and not yet stored; any thread.
  void play(std::function<std::uint64_t()> behind);
  /// What is on ends now, and nothing begins any more; recovery is measured on.
  void lift();
  /// The end; `behind` is asked no more.
  void stop();
  /// After stop(): what became of each.
  const std::vector<FaultShown>& shown() const { return shown_; }

 private:
  void turn(const Fault& fault, bool on);
  std::uint64_t injected(FaultKind kind) const;

  const std::vector<Fault> faults_;
  const Clock& clock_;
  Log& log_;
  SkewedClock storm_clock_;
  std::shared_ptr<IntakeTrouble> intake_;
  std::unique_ptr<FaultProxy> proxy_;
  std::vector<FaultShown> shown_;
  std::optional<FaultPlay> play_;  // last: ends before what it turns
};

}  // namespace ds::cli
