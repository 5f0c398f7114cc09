// One client of the broker: frames in, answers out, in order.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "kafka/broker/buffer_pool.h"
#include "kafka/broker/partition_log.h"
#include "kafka/broker/session.h"
#include "kafka/wire/codec.h"
#include "net/poller.h"
#include "net/socket.h"
#include "net/transport.h"

namespace ds::kafka::broker {

class LaneServer;

/// The bytes of one answer. Record batches stand in it as slices of the log, in the order of the
/// cuts, and are read only when the socket takes them.
struct Outgoing {
  ByteVec head;
  struct Cut {
    std::size_t at;  // this slice belongs before head[at]
    LogSlice slice;
  };
  std::vector<Cut> cuts;
};

/// Threads:  its lane's.
/// Lifetime: owned by its LaneServer, which close() asks to destroy it.
/// Cost:     idle it holds no buffer; in mid-frame at most about twice what has come in.
class Connection final : public Watcher {
 public:
  static constexpr std::size_t kAnswersMax = 64;
  static constexpr std::size_t kUnsentBytesMax = 1u << 20;  // of answers kept in memory

  Connection(LaneServer& server, std::uint64_t id, std::unique_ptr<Transport> transport,
             const Door& door, std::string peer, Address local);
  ~Connection() override;

  void on_ready(std::uint32_t events) override;

  /// Answers request number `request`; nothing to send for acks=0. Sends when its turn has come.
  void answer(std::uint64_t request, std::optional<Outgoing> outgoing);
  /// Ends it after this turn, with a line in the log.
  void refuse(std::string why);

  /// Ends it when all answers are sent; nothing further is read.
  void close_when_sent() { closing_ = true; }
  /// Goes on where it stopped: after hold(), or when others had their turn.
  void go_on() { on_ready(0); }
  /// Nothing has come or gone since then, and nothing is being waited for.
  std::optional<Nanos> idle_since() const;

  /// For a handler that has not begun: its frame stays where it is, nothing further is read, and it
  /// is handled again soon. False once that has been so for `longest`.
  bool hold(Nanos longest);
  /// Its server's: handles the held frame again if there is room now, or its time is over.
  void retry_held();

  std::uint64_t id() const { return id_; }
  Session& session() { return session_; }
  /// Of the client's certificate, as it checked out; empty when it showed none.
  std::string certificate_name() const { return transport_->peer_name(); }
  bool has_asked() const { return requests() > 0; }
  const std::string& peer() const { return peer_; }
  /// Where the client found us, and so where it is told to find us again.
  const Address& local() const { return local_; }
  /// Its handler is at work: an answer given now is sent with the others of this turn.
  bool handling() const { return handling_; }

 private:
  struct Waiting {
    bool ready = false;
    std::optional<Outgoing> outgoing;
  };
  struct Piece {
    ByteVec bytes;
    std::size_t at = 0;  // of bytes, or of the slice
    LogSlice slice;
    std::size_t left() const { return (slice.segment ? slice.size : bytes.size()) - at; }
  };

  bool turn(std::uint32_t events);
  bool read();
  bool take_frames();
  bool make_room(std::size_t frame);
  void queue_ready_answers();
  bool write();
  std::size_t offer(std::vector<iovec>& pieces);
  void forget(std::size_t size);
  Result<std::size_t> fill(ByteSpan into);
  void watch_what_matters();
  void end_hold();
  std::uint64_t requests() const { return first_answer_ + answers_.size(); }
  bool all_sent() const {
    return answers_.empty() && out_.empty() && stuck_at_ == stuck_.size() &&
           !transport_->wants_write();
  }
  bool may_handle() const {
    return !held_ && !closing_ && answers_.size() < kAnswersMax && unsent_ < kUnsentBytesMax;
  }

  LaneServer& server_;
  const std::uint64_t id_;
  std::unique_ptr<Transport> transport_;
  const std::string peer_;
  const Address local_;
  Session session_;
  Nanos active_at_;
  std::uint32_t watched_ = 0;

  Buffer in_;
  std::size_t in_from_ = 0;  // the first byte not yet handled
  std::size_t in_have_ = 0;

  std::deque<Waiting> answers_;  // of requests not yet answered, in order
  std::uint64_t first_answer_ = 0;
  std::deque<Piece> out_;
  ByteVec stuck_;  // read from out_, not yet taken by the socket
  std::size_t stuck_at_ = 0;

  std::size_t unsent_ = 0;  // bytes in out_ that are in memory

  bool handling_ = false;
  bool closing_ = false;
  bool more_to_read_ = false;  // reading stopped before the transport was empty
  bool held_ = false;          // the frame at in_from_ waits for room
  std::optional<Nanos> held_since_;
  Nanos held_until_ = 0;
  std::string refused_;
};

}  // namespace ds::kafka::broker
