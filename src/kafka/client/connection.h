// One connection to a broker: opens, encrypts, asks for versions, logs in; then carries requests
// and answers in order.
//
//   Connection connection(settings, poller, clock);
//   connection.open(address);
//   while (connection.opening()) poller.wait(...);          // or wait_ready()
//   connection.ask(MetadataRequest{...}, *this, kMetadataTag, deadline);
//   connection.flush();
//   … poller.wait() → on_answer(kMetadataTag, body, frame)
//
// Start-up and admin calls may block: call<MetadataResponse>(connection, request, deadline).
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "kafka/client/client_settings.h"
#include "kafka/client/frame_pool.h"
#include "kafka/client/sasl.h"
#include "kafka/wire/codec.h"
#include "net/poller.h"
#include "net/socket.h"
#include "net/tls.h"
#include "net/transport.h"

namespace ds::kafka {

/// Hears what becomes of requests, told apart by the tag given with each. May ask more and close
/// the connection from inside a call, but not destroy it.
class AnswerListener {
 public:
  virtual ~AnswerListener() = default;
  /// The whole request has been handed to the socket.
  virtual void on_written(std::uint64_t /*tag*/) {}
  /// `body`: the answer behind its header. `frame` owns it when the request said `keep_answer`;
  /// otherwise it is gone when this returns.
  virtual void on_answer(std::uint64_t tag, ByteView body, const FrameOwner& frame) = 0;
  /// The connection closed first. `sent`: the broker may have acted on it.
  virtual void on_lost(std::uint64_t tag, bool sent, const Error& why) = 0;
};

/// Threads:  its owner's, who drives `poller`.
/// Lifetime: requests still open at the destructor are dropped without a word; close() tells.
/// Cost:     a request is one push and its share of a sendmsg; an answer under 64 KiB is decoded
///           where it was received.
class Connection final : public Watcher, private AnswerListener {
 public:
  enum class State { kClosed, kConnecting, kVersions, kHandshake, kLogin, kReady };

  /// What goes along with a request.
  struct Envelope {
    AnswerListener* listener = nullptr;
    std::uint64_t tag = 0;
    Nanos deadline = 0;  // the connection closes when no answer came by then
    bool expects_answer = true;
    bool keep_answer = false;
  };

  /// `frames`: where kept answers go; null: each gets memory of its own.
  Connection(const ClientSettings& settings, Poller& poller, const Clock& clock,
             FramePool* frames = nullptr);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// From kClosed: starts; ends in kReady, or in kClosed with error() saying why.
  void open(const Address& address);
  void close(const Error& why);

  State state() const { return state_; }
  bool ready() const { return state_ == State::kReady; }
  bool closed() const { return state_ == State::kClosed; }
  const Error& error() const { return error_; }
  /// Somebody listens there, whatever came after.
  bool reached() const { return reached_; }
  const Address& address() const { return address_; }

  /// The highest version of an API that both sides know; an error names both ranges.
  Result<int> version_of(const Api& api) const;

  /// Queues a request; records in it are borrowed until on_written() or on_lost(). Only when
  /// ready(). The version used is version_of().
  template <Message M>
  Status ask(const M& message, const Envelope& envelope) {
    const Result<int> version = version_of(M::api);
    if (!version) return version.error();
    Pending& pending = add(M::api, *version, envelope);
    gather_request(message, *version, pending.correlation_id, settings_.client_id, pending.bytes);
    commit_add(pending);
    return Done{};
  }

  /// Writes what the socket takes now. Asking does not write by itself, so that many requests
  /// share a write.
  void flush();
  /// Closes when a request (or the opening) is past its deadline.
  void expire(Nanos now);
  /// The earliest deadline, or -1.
  Nanos next_deadline() const;

  std::size_t unanswered() const { return unwritten_.size() + unanswered_.size(); }
  std::size_t unwritten_bytes() const { return unwritten_bytes_; }

  void on_ready(std::uint32_t events) override;

 private:
  struct Pending {
    const Api* api = nullptr;
    int version = 0;
    std::int32_t correlation_id = 0;
    Envelope envelope;
    Gathered bytes;
    std::size_t size = 0;
  };
  struct Range {
    std::int16_t min = 0;
    std::int16_t max = -1;
  };

  Pending& add(const Api& api, int version, const Envelope& envelope);
  void commit_add(Pending& pending);
  template <Message M>
  void ask_own(const M& message, int version, std::uint64_t tag);

  // Opening, step by step.
  void on_connected();
  void on_versions(ByteView body);
  void on_handshake(ByteView body);
  void on_login(ByteView body);
  void send_login(std::string message);
  void become_ready();
  void on_answer(std::uint64_t tag, ByteView body, const FrameOwner& frame) override;
  void on_lost(std::uint64_t tag, bool sent, const Error& why) override;

  // The socket.
  bool write_some();
  void mark_written(std::size_t bytes);
  void read();
  std::optional<std::size_t> receive(ByteSpan into);
  void take_frames();
  void begin_large_frame(std::size_t size);
  void deliver(ByteView frame, const FrameOwner& owner);
  void watch_as_needed();
  Error lost_error(IoResult::Kind kind) const;
  Error malformed(const Error& why) const;
  std::shared_ptr<FrameBuffer> frame_buffer(std::size_t size);
  void recycle(Gathered&& bytes);

  const ClientSettings& settings_;
  Poller& poller_;
  const Clock& clock_;
  FramePool* frames_;

  State state_ = State::kClosed;
  Address address_;
  Error error_;
  bool reached_ = false;
  bool answered_ = false;  // a request of the owner's, once
  Fd connecting_;          // until it is connected
  std::optional<TlsContext> tls_;
  std::unique_ptr<Transport> transport_;
  std::uint32_t watched_ = 0;
  std::uint64_t opened_ = 0;  // counts open()s: a callback may have closed and opened again
  Nanos open_deadline_ = 0;

  std::array<Range, 128> versions_{};
  std::optional<SaslLogin> login_;

  std::int32_t next_correlation_ = 1;
  std::deque<Pending> unwritten_;
  std::deque<Pending> unanswered_;
  std::size_t front_written_ = 0;  // bytes of unwritten_.front() that the socket has
  std::size_t unwritten_bytes_ = 0;
  std::vector<Gathered> spare_;

  ByteVec inbox_;
  std::size_t inbox_begin_ = 0;
  std::size_t inbox_end_ = 0;
  std::shared_ptr<FrameBuffer> large_;  // a frame too large for the inbox, being received
  std::size_t large_size_ = 0;
  std::size_t large_have_ = 0;
};

/// Turns `poller` until the connection is ready or `deadline` passes.
Status wait_ready(Connection& connection, Poller& poller, const Clock& clock, Nanos deadline);

/// The answer's bytes; turns `poller` until they are there.
class BlockingAnswer final : public AnswerListener {
 public:
  void on_answer(std::uint64_t tag, ByteView body, const FrameOwner& frame) override;
  void on_lost(std::uint64_t tag, bool sent, const Error& why) override;
  Status wait(Connection& connection, Poller& poller, const Clock& clock);

  ByteVec body;

 private:
  bool done_ = false;
  std::optional<Error> error_;
};

/// Asks and waits. Records in the answer are copied into `keep` when given, else must not be used.
template <Message Response, Message Request>
Result<Response> call(Connection& connection, Poller& poller, const Clock& clock,
                      const Request& request, Nanos deadline, ByteVec* keep = nullptr) {
  BlockingAnswer answer;
  const Result<int> version = connection.version_of(Request::api);
  if (!version) return version.error();
  const Status asked = connection.ask(request, {.listener = &answer, .deadline = deadline});
  if (!asked) return asked.error();
  const Status waited = answer.wait(connection, poller, clock);
  if (!waited) return waited.error();
  ByteVec& body = keep ? *keep : answer.body;
  if (keep) body = std::move(answer.body);
  return decode<Response>(body, *version);
}

}  // namespace ds::kafka
