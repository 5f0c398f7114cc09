// The connections of one lane, and what they share.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/log.h"
#include "kafka/broker/connection.h"
#include "net/lane.h"

namespace ds::kafka::broker {

struct Core;

/// Threads:  its lane's, but for adopt() and answer().
/// Lifetime: close_all() on the lane, then the lane ends, then this goes.
class LaneServer {
 public:
  LaneServer(std::string name, const Clock& clock, Log& log, Core& core);
  ~LaneServer();

  /// Any thread: a new client for this lane.
  void adopt(Fd socket, const Door& door);
  /// Any thread: the answer to request number `request` of connection `connection`, if it still is
  /// there.
  void answer(std::uint64_t connection, std::uint64_t request, std::optional<Outgoing> outgoing);
  /// Any thread but the lane's.
  void close_all();

  Lane& lane() { return lane_; }
  std::size_t connections() const { return count_; }

  // For its connections.
  static constexpr std::size_t kSendBytes = 256 * 1024;
  Core& core() { return core_; }
  Log& log() { return log_; }
  BufferPool& pool() { return pool_; }
  ByteSpan send_buffer() { return send_buffer_; }
  std::vector<iovec>& pieces() { return pieces_; }  // scratch of a connection's write
  Poller& poller() { return lane_.poller(); }
  /// Its retry_held() is called in some milliseconds.
  void retry_later(std::uint64_t connection);
  /// Its go_on() is called when the others have had their turn.
  void go_on_soon(std::uint64_t connection);
  /// Calls `what` with the connection, if it still is there, after at least `delay`. Any thread.
  void later(std::uint64_t connection, Nanos delay, std::function<void(Connection&)> what);
  /// Destroys the connection at the end of this turn.
  void drop(std::uint64_t connection);

 private:
  void retry_held();
  void drop_idle();

  Core& core_;
  Log& log_;
  BufferPool pool_{32u << 20};
  ByteVec send_buffer_;
  std::vector<iovec> pieces_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::vector<std::uint64_t> held_;  // connections that wait for room
  std::uint64_t next_id_ = 1;
  std::atomic<std::size_t> count_ = 0;
  Lane lane_;  // last: its thread uses the rest
};

}  // namespace ds::kafka::broker
