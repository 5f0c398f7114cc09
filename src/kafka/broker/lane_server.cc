#include "kafka/broker/lane_server.h"

#include "kafka/broker/core.h"

namespace ds::kafka::broker {
namespace {

constexpr Nanos kRetryHeld = 5 * kMillisecond;

}  // namespace

LaneServer::LaneServer(std::string name, const Clock& clock, Log& log, Core& core)
    : core_(core), log_(log), send_buffer_(kSendBytes), lane_(std::move(name), clock) {}

LaneServer::~LaneServer() {
  close_all();
}

void LaneServer::adopt(Fd socket) {
  ++count_;
  // A task must be copyable, so the socket travels as a number; the inbox runs every task.
  lane_.post([this, fd = socket.release()] {
    auto transport = plain_transport(Fd(fd));
    const auto peer = peer_address(fd);
    const auto local = local_address(fd);
    if (!peer || !local) {  // gone already
      --count_;
      return;
    }
    const std::uint64_t id = next_id_++;
    connections_.emplace(id, std::make_unique<Connection>(*this, id, std::move(transport),
                                                          peer->to_string(), *local));
  });
}

void LaneServer::answer(std::uint64_t connection, std::uint64_t request,
                        std::optional<Outgoing> outgoing) {
  if (lane_.on_lane()) {
    const auto found = connections_.find(connection);
    if (found == connections_.end()) return;
    if (found->second->handling()) return found->second->answer(request, std::move(outgoing));
  }
  // Whoever answers somebody else's request may hold a lock: what follows is for a turn of its own.
  lane_.post([this, connection, request, outgoing = std::move(outgoing)]() mutable {
    const auto found = connections_.find(connection);
    if (found != connections_.end()) found->second->answer(request, std::move(outgoing));
  });
}

void LaneServer::retry_later(std::uint64_t connection) {
  if (held_.empty()) lane_.after(kRetryHeld, [this] { retry_held(); });
  held_.push_back(connection);
}

void LaneServer::retry_held() {
  if (!core_.pressure.has_room()) core_.pressure.ask_for_room();
  for (const std::uint64_t id : std::exchange(held_, {}))
    if (const auto found = connections_.find(id); found != connections_.end())
      found->second->retry_held();
}

void LaneServer::drop(std::uint64_t connection) {
  lane_.post([this, connection] { count_ -= connections_.erase(connection); });
}

void LaneServer::close_all() {
  lane_.call([this] {
    count_ -= connections_.size();
    connections_.clear();
  });
}

}  // namespace ds::kafka::broker
