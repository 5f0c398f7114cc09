// An HTTP/1.1 server on a lane.
//
//   HttpServer server(lane, {}, [](const HttpRequest& request, HttpResponder answer) {
//     if (request.path != "/healthz") return answer.reply(404, "text/plain", "no such page\n");
//     answer.reply(200, "text/plain", "ok\n");
//   }, log);
//   Result<Address> at = server.listen({"127.0.0.1", 3000});
//
// Framing is strict, because what two servers read differently can be smuggled past one of them:
// two lengths, length and chunks together, bare line feeds, folded headers and NUL are refused with
// 400, and the connection is closed. Every buffer, count and time has a limit in HttpLimits.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/log.h"
#include "net/http.h"
#include "net/lane.h"
#include "net/tls.h"

namespace ds {

struct HttpLimits {
  std::size_t header_bytes = 16 << 10;   // more: 431
  std::size_t body_bytes = 1 << 20;      // more: 413
  std::size_t connections = 4096;        // more: 503 and closed
  std::size_t pipelined = 64;            // unanswered requests a connection; more wait unread
  std::size_t unread_bytes = 1 << 20;    // a viewer with more unread is dropped; else reading stops
  Nanos header_time = 8 * kSecond;       // from the connection's or the request's begin; else 408
  Nanos idle_time = 60 * kSecond;        // between requests
  std::size_t bytes_a_second = 1 << 10;  // a body slower than this after header_time: 408
  Nanos answer_time = 30 * kSecond;      // a handler that has not answered: 503
  Nanos write_time = 10 * kSecond;       // a client that reads nothing of its answer is cut
  Nanos heartbeat = 15 * kSecond;        // a comment to viewers, so that dead ones are noticed
};

class HttpServer;

/// One viewer of server-sent events. A handle: copies mean the same viewer, and all are harmless
/// when it has gone.
/// Threads: the server's lane.
class HttpStream {
 public:
  HttpStream() = default;  // of nobody
  /// False when the viewer has gone, or now goes because it has not read HttpLimits::unread_bytes.
  /// Events to many viewers are formatted once: `event` is what format_event() made.
  bool send(std::string_view event);
  bool send(std::string_view name, std::string_view data) { return send(format_event(name, data)); }
  bool open() const;
  std::size_t unread() const;
  /// Called once, on the lane, when the viewer has gone for whatever reason but the server's end.
  void on_close(std::function<void()> then);
  void close();

 private:
  friend class HttpResponder;
  HttpStream(HttpServer* server, std::uint64_t connection)
      : server_(server), connection_(connection) {}
  HttpServer* server_ = nullptr;
  std::uint64_t connection_ = 0;
};

/// Answers one request, at once or later, once; a second answer is ignored. A handle like
/// HttpStream: an answer to a client that has gone is dropped.
/// Threads: the server's lane; others post() to it.
class HttpResponder {
 public:
  void reply(int status, std::string_view content_type, std::string_view body,
             const HttpHeaders& headers = {});
  /// Begins a stream of events instead; the connection then carries nothing else. A client that
  /// has pipelined other requests around this one is refused with 503.
  HttpStream stream(const HttpHeaders& headers = {});
  /// The client still waits for this answer.
  bool waiting() const;

 private:
  friend class HttpServer;
  HttpResponder(HttpServer* server, std::uint64_t connection, std::uint64_t request)
      : server_(server), connection_(connection), request_(request) {}
  HttpServer* server_;
  std::uint64_t connection_;
  std::uint64_t request_;
};

/// Runs on the lane, must not block, must not throw.
using HttpHandler = std::function<void(const HttpRequest&, HttpResponder)>;

struct HttpCounters {
  std::uint64_t accepted = 0;     // connections
  std::uint64_t requests = 0;     // whole ones, given to the handler
  std::uint64_t refused = 0;      // answered 4xx by the server itself: framing, limits, deadlines
  std::uint64_t turned_away = 0;  // connections over the limit
  std::uint64_t dropped_viewers = 0;
};

/// Threads:  constructor, listen(), drain() and destructor from any thread; handlers and handles
///           belong to the lane.
/// Lifetime: the lane outlives the server, the server outlives the use of its handles.
/// Cost:     one read and one write a turn and connection, however many requests are pipelined.
class HttpServer {
 public:
  HttpServer(Lane& lane, const HttpLimits& limits, HttpHandler handler, Log& log);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// May be called several times; port 0 takes a free one. Returns where it listens.
  /// `tls` is borrowed for life.
  Result<Address> listen(const Address& address, const TlsContext* tls = nullptr);

  /// Accepts nothing more, answers what has been asked, tells clients to close and ends viewers.
  /// For `grace` before that (or until nobody is connected) it serves on, but tells clients to
  /// close with each answer, so that no request meets a connection that has just been closed.
  /// Returns how many connections still had an answer to come when `timeout` was over.
  /// Not from the lane itself.
  std::size_t drain(Nanos timeout, Nanos grace = 0);

  HttpCounters counters();  // from any thread
  std::size_t connections();

 private:
  class Connection;
  class Listener;
  friend class HttpStream;
  friend class HttpResponder;

  Connection* find(std::uint64_t id);
  void adopt(Fd socket, const TlsContext* tls);
  void turn_later(Connection& connection);
  void run_turns();
  void sweep();
  void wait_until_empty(Nanos timeout);

  Lane& lane_;
  const HttpLimits limits_;
  const HttpHandler handler_;
  Log& log_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::uint64_t next_connection_ = 1;
  std::vector<std::uint64_t> due_;  // connections with something to write or to bury
  Lane::TimerId turns_timer_ = 0;   // 0: none is due
  Lane::TimerId sweep_timer_ = 0;
  bool draining_ = false;
  std::function<void()> when_empty_;
  HttpCounters counters_;
};

}  // namespace ds
