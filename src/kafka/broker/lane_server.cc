#include "kafka/broker/lane_server.h"

#include "kafka/broker/core.h"

namespace ds::kafka::broker {
namespace {

constexpr Nanos kRetryHeld = 5 * kMillisecond;
constexpr Nanos kIdleTick = kSecond;

}  // namespace

LaneServer::LaneServer(std::string name, const Clock& clock, Log& log, Core& core)
    : core_(core), log_(log), send_buffer_(kSendBytes), lane_(std::move(name), clock) {
  lane_.post([this] { drop_idle(); });
}

LaneServer::~LaneServer() {
  close_all();
}

void LaneServer::adopt(Fd socket, const Door& door) {
  ++count_;
  // A task must be copyable, so the socket travels as a number; the inbox runs every task.
  lane_.post([this, &door, fd = socket.release()] {
    auto transport = door.tls ? door.tls->accept(Fd(fd)) : plain_transport(Fd(fd));
    const auto peer = peer_address(fd);
    const auto local = local_address(fd);
    if (!peer || !local) {  // gone already
      --count_;
      return;
    }
    const std::uint64_t id = next_id_++;
    connections_.emplace(
        id, std::make_unique<Connection>(*this, id, std::move(transport), door, peer->to_string(),
                                         door.told.value_or(*local)));
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

void LaneServer::go_on_soon(std::uint64_t connection) {
  lane_.post([this, connection] {
    const auto found = connections_.find(connection);
    if (found != connections_.end()) found->second->go_on();
  });
}

void LaneServer::later(std::uint64_t connection, Nanos delay,
                       std::function<void(Connection&)> what) {
  const auto call = [this, connection, what = std::move(what)] {
    const auto found = connections_.find(connection);
    if (found != connections_.end()) what(*found->second);
  };
  lane_.post([this, delay, call] { lane_.after(delay, call); });
}

/// A client that has said nothing for long, or that never got in, gives its place up.
void LaneServer::drop_idle() {
  const Nanos now = core_.clock.now();
  std::vector<std::uint64_t> over;
  for (const auto& [id, connection] : connections_) {
    const Nanos longest = connection->session().is_in() && connection->has_asked()
                              ? core_.settings.idle_max
                              : core_.settings.login_max;
    if (const auto since = connection->idle_since(); since && now - *since >= longest)
      over.push_back(id);
  }
  for (const std::uint64_t id : over) count_ -= connections_.erase(id);
  lane_.after(kIdleTick, [this] { drop_idle(); });
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
