#include "kafka/client/coordinator.h"

#include "kafka/wire/messages/10_find_coordinator.h"

namespace ds::kafka {
namespace {

constexpr Nanos kBackoff = 50 * kMillisecond;
constexpr Nanos kBackoffMax = kSecond;

}  // namespace

Coordinator::Coordinator(const ClientSettings& settings, std::string group, Poller& poller,
                         const Clock& clock, Cluster& cluster, Log& log)
    : settings_(settings),
      group_(std::move(group)),
      clock_(clock),
      cluster_(cluster),
      log_(log),
      random_(settings.jitter_seed, static_cast<std::uint64_t>(clock.now())),
      connection_(settings, poller, clock) {}

Connection* Coordinator::connection(Nanos now) {
  connection_.expire(now);
  if (connection_.ready()) return &connection_;
  if (!connection_.closed() || asking_ || fatal_) return nullptr;
  if (std::exchange(opened_, false)) ask_again(now);  // it was open or opening, and is no more
  if (now < not_before_) return nullptr;
  if (address_) {
    opened_ = true;
    connection_.open(*address_);
    return nullptr;
  }
  Connection* const any = cluster_.control();
  if (!any) {
    cluster_.want_refresh();
    return nullptr;
  }
  const Status asked = any->ask(FindCoordinatorRequest{.key = group_},
                                {.listener = this, .deadline = now + settings_.request_timeout});
  if (!asked) {
    fatal_ = asked.error();
    return nullptr;
  }
  asking_ = true;
  any->flush();
  return nullptr;
}

void Coordinator::ask_again(Nanos now) {
  address_.reset();
  if (!connection_.closed()) {
    connection_.close({.code = ErrorCode::kUnreachable,
                       .message = "the coordinator of group " + group_ + " is looked for again"});
  }
  opened_ = false;
  not_before_ = now + backoff(attempts_++, kBackoff, kBackoffMax, random_);
}

Nanos Coordinator::next_turn() const {
  if (!connection_.closed()) return connection_.next_deadline();
  return asking_ || fatal_ ? -1 : not_before_;
}

void Coordinator::on_answer(std::uint64_t /*tag*/, ByteView body, const FrameOwner& /*frame*/) {
  asking_ = false;
  const Connection* const any = cluster_.control();
  const auto answer = decode<FindCoordinatorResponse>(
      body, any ? any->version_of(FindCoordinatorRequest::api).value() : 0);
  if (!answer) return ask_again(clock_.now());
  if (answer->error_code == KafkaError::kNone) {
    attempts_ = 0;
    address_ = Address{answer->host, static_cast<std::uint16_t>(answer->port)};
  } else if (is_retriable(answer->error_code)) {
    ask_again(clock_.now());
  } else {
    fatal_ = to_error(answer->error_code, "group " + group_);
  }
}

void Coordinator::on_lost(std::uint64_t /*tag*/, bool /*sent*/, const Error& why) {
  asking_ = false;
  log_.debug("group {}: {}", group_, why.message);
  ask_again(clock_.now());
}

}  // namespace ds::kafka
