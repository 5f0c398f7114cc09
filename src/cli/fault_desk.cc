#include "cli/fault_desk.h"

#include <algorithm>
#include <limits>

namespace ds::cli {

bool needs_proxy(const Fault& fault) {
  return fault.kind == FaultKind::kLoseAcknowledgements || fault.kind == FaultKind::kDuplicate;
}

FaultDesk::FaultDesk(std::vector<Fault> faults, const Clock& clock, Log& log)
    : faults_(std::move(faults)), clock_(clock), log_(log), storm_clock_(clock) {
  if (has_faults()) intake_ = std::make_shared<IntakeTrouble>(clock);
}

bool FaultDesk::wants_proxy() const {
  return std::ranges::any_of(faults_, needs_proxy);
}

Result<Address> FaultDesk::stand_before(const Address& broker) {
  auto proxy = FaultProxy::start(broker, {broker.host, 0}, clock_);
  if (!proxy) return std::move(proxy).error().while_trying("stand before the broker");
  proxy_ = std::move(*proxy);
  proxy_->rename(kafka_name_of(broker), kafka_name_of(proxy_->address()));
  return proxy_->address();
}

void FaultDesk::play(std::function<std::uint64_t()> behind) {
  if (!has_faults()) return;
  play_.emplace(faults_,
                FaultTarget{.turn = [this](const Fault& fault, bool on) { turn(fault, on); },
                            .injected = [this](FaultKind kind) { return injected(kind); },
                            .behind = std::move(behind)},
                clock_);
  play_->start();
}

void FaultDesk::lift() {
  if (play_) play_->lift();
}

void FaultDesk::stop() {
  if (!play_) return;
  shown_ = play_->stop();
  play_.reset();
}

void FaultDesk::turn(const Fault& fault, bool on) {
  log_.info("fault {}: {}", fault.text, on ? "begins" : "ends");
  const auto every = static_cast<int>(fault.amount);
  constexpr int kAll = std::numeric_limits<int>::max();
  switch (fault.kind) {
    case FaultKind::kFreezeSink:
      return intake_->freeze(on);
    case FaultKind::kSlowSink:
      return intake_->slow(on ? fault.amount : 0);
    case FaultKind::kPausePartition:
      return intake_->hold(on ? static_cast<std::int32_t>(fault.amount) : IntakeTrouble::kNone);
    case FaultKind::kLoseAcknowledgements:
      return proxy_->cut_answers(
          {.every = every, .count = on ? kAll : 0, .which = is_kafka_produce});
    case FaultKind::kDuplicate:
      return proxy_->double_requests(
          {.every = every, .count = on ? kAll : 0, .which = is_kafka_produce});
    case FaultKind::kSkewClock:
      return storm_clock_.skew(on ? fault.amount / kMillisecond : 0);
  }
}

std::uint64_t FaultDesk::injected(FaultKind kind) const {
  switch (kind) {
    case FaultKind::kFreezeSink:
    case FaultKind::kSlowSink:
      return intake_->stores();
    case FaultKind::kPausePartition:
      return intake_->batches();
    case FaultKind::kLoseAcknowledgements:
      return proxy_->stats().cuts;
    case FaultKind::kDuplicate:
      return proxy_->stats().doubled;
    case FaultKind::kSkewClock:
      return storm_clock_.asked();
  }
  return 0;
}

}  // namespace ds::cli
