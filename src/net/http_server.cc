#include "net/http_server.h"

#include <sys/epoll.h>

#include <algorithm>
#include <deque>
#include <future>

#include "net/http_parser.h"

namespace ds {
namespace {

constexpr std::size_t kReadBytes = 64 << 10;
constexpr int kReadsATurn = 16;
constexpr Nanos kLingerTime = kSecond;
constexpr Nanos kAcceptPause = 100 * kMillisecond;

std::string error_body(int status, std::string_view reason) {
  return fmt::format("{} {}: {}\n", status, http_reason(status), reason);
}

}  // namespace

class HttpServer::Listener final : public Watcher {
 public:
  Listener(HttpServer& server, Fd socket, const TlsContext* tls)
      : server_(server), socket_(std::move(socket)), tls_(tls) {
    server_.lane_.poller().watch(socket_.get(), EPOLLIN, *this);
  }
  ~Listener() override {
    if (paused_)
      server_.lane_.cancel(paused_);
    else
      server_.lane_.poller().unwatch(socket_.get(), *this);
  }

  void on_ready(std::uint32_t) override {
    while (true) {
      auto socket = accept_connection(socket_.get());
      if (!socket) return pause(socket.error());
      if (!*socket) return;
      server_.adopt(std::move(*socket), tls_);
    }
  }

 private:
  /// Out of descriptors: the listener stays ready, so looking at it again at once would spin.
  void pause(const Error& error) {
    if (paused_) return;
    server_.log_.warn("{}", error.message);
    server_.lane_.poller().unwatch(socket_.get(), *this);
    paused_ = server_.lane_.after(kAcceptPause, [this] {
      paused_ = 0;
      server_.lane_.poller().watch(socket_.get(), EPOLLIN, *this);
    });
  }

  HttpServer& server_;
  Fd socket_;
  const TlsContext* tls_;
  Lane::TimerId paused_ = 0;
};

/// One client. It reads, serves and writes in turns: when its socket is ready, and once after all
/// answers that handlers gave later. It never destroys itself; end() leaves it to bury().
class HttpServer::Connection final : public Watcher {
 public:
  Connection(HttpServer& server, std::uint64_t id, std::unique_ptr<Transport> transport,
             Address peer, bool tls)
      : server_(server),
        id_(id),
        transport_(std::move(transport)),
        peer_(std::move(peer)),
        tls_(tls),
        parser_(server.limits_.header_bytes, server.limits_.body_bytes),
        since_(server.lane_.clock().now()) {
    server_.lane_.poller().watch(transport_->fd(), events_, *this);
  }
  ~Connection() override {
    if (!ended_) server_.lane_.poller().unwatch(transport_->fd(), *this);
  }

  std::uint64_t id() const { return id_; }
  bool ended() const { return ended_; }
  bool streaming() const { return streaming_; }
  bool due = false;  // is in the server's list of turns
  std::size_t unsent() const { return out_.size() - sent_; }
  bool owes_answer() const { return !pending_.empty() || (unsent() > 0 && !streaming_); }

  void on_ready(std::uint32_t events) override {
    if (events & (EPOLLERR | EPOLLHUP)) return end();
    turn(true);
  }

  /// `readable`: there may be something to read that no event will tell of.
  void turn(bool readable) {
    if (ended_) return;
    in_turn_ = true;
    serve();  // what came earlier than it could be served
    if (readable || tls_ || std::exchange(more_to_read_, false)) read();
    if (!ended_) write();
    in_turn_ = false;
    // What was read before the answers grew too many is served now; no socket will tell of it.
    if (!ended_ && may_read() && std::exchange(held_, false)) server_.turn_later(*this);
    if (!ended_) ask_poller();
  }

  bool waits_for(std::uint64_t request) const {
    return !ended_ && std::any_of(pending_.begin(), pending_.end(), [&](const Pending& each) {
      return each.request == request && !each.answered;
    });
  }

  void reply(std::uint64_t request, int status, std::string_view type, std::string_view body,
             const HttpHeaders& headers) {
    const auto found = std::find_if(pending_.begin(), pending_.end(),
                                    [&](const Pending& each) { return each.request == request; });
    if (ended_ || found == pending_.end() || found->answered) return;
    if (server_.draining_ && found + 1 == pending_.end()) found->close = closing_ = true;
    found->answered = true;
    begin_output();
    const bool is_next = found == pending_.begin();  // then its bytes are copied only once
    append_http_answer(is_next ? out_ : found->answer, status, type, body, headers, found->head,
                       found->close);
    while (!pending_.empty() && pending_.front().answered) {
      out_ += pending_.front().answer;
      pending_.pop_front();
    }
    moved();
  }

  bool begin_stream(std::uint64_t request, const HttpHeaders& headers) {
    if (!waits_for(request)) return false;
    if (pending_.size() > 1 || closing_by_refusal_) {
      reply(request, 503, "text/plain", error_body(503, "events need a connection of their own"),
            {});
      return false;
    }
    begin_output();
    out_ += "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n";
    for (const auto& [name, value] : headers) out_ += name + ": " + value + "\r\n";
    out_ += "Connection: close\r\n\r\n";
    streaming_ = !pending_.front().head && !server_.draining_;
    closing_ = !streaming_;
    pending_.clear();
    moved();
    return streaming_;
  }

  bool send(std::string_view event) {
    if (ended_ || !streaming_) return false;
    if (unsent() + event.size() > server_.limits_.unread_bytes) {
      ++server_.counters_.dropped_viewers;
      return end(), false;
    }
    begin_output();
    out_ += event;
    moved();
    return true;
  }

  void close_stream() {
    streaming_ = false;
    close_when_done();
  }
  void close_when_done() {
    closing_ = true;
    moved();
  }
  void close_if_idle() {
    if (!ended_ && pending_.empty() && !parser_.begun()) close_when_done();
  }

  void on_close(std::function<void()> then) { on_close_ = std::move(then); }
  std::function<void()> take_on_close() { return std::exchange(on_close_, nullptr); }

  /// Called now and then: who has used up the time?
  void check_deadlines(Nanos now) {
    const HttpLimits& limits = server_.limits_;
    if (ended_) return;
    if (lingering_) return now - since_ > kLingerTime ? end() : void();
    if (unsent() > 0 && now - progress_ > limits.write_time) return end();
    if (streaming_) {
      if (now - progress_ > limits.heartbeat) send(": still here\n\n");
      return;
    }
    if (!pending_.empty()) {
      const Pending& oldest = pending_.front();
      if (now - oldest.since <= limits.answer_time) return;
      return reply(oldest.request, 503, "text/plain", error_body(503, "there is no answer yet"),
                   {});
    }
    if (closing_) return;
    if (parser_.in_body()) {
      const auto earned = static_cast<Nanos>(parser_.body_bytes() / limits.bytes_a_second);
      if (now - since_ > limits.header_time + earned * kSecond) refuse(408, "the body is too slow");
    } else if (parser_.begun()) {
      if (now - since_ > limits.header_time) refuse(408, "the header is too slow");
    } else if (now - since_ > (served_ ? limits.idle_time : limits.header_time)) {
      end();
    }
  }

  void end() {
    if (ended_) return;
    ended_ = true;
    server_.lane_.poller().unwatch(transport_->fd(), *this);
    server_.turn_later(*this);
  }

 private:
  struct Pending {
    std::uint64_t request;
    Nanos since;
    bool head;
    bool close;
    bool answered = false;
    std::string answer;  // of one that was answered before its turn
  };

  bool may_read() const {
    if (ended_ || peer_done_) return false;
    if (lingering_ || streaming_) return true;
    return !closing_ && pending_.size() < server_.limits_.pipelined &&
           unsent() <= server_.limits_.unread_bytes;
  }

  void read() {
    static thread_local std::uint8_t buffer[kReadBytes];
    more_to_read_ = false;
    for (int reads = 0; may_read(); ++reads) {
      if (reads == kReadsATurn) {
        more_to_read_ = true;
        return server_.turn_later(*this);
      }
      const IoResult got = transport_->read(buffer);
      if (got.kind == IoResult::Kind::kWouldBlock) return;
      if (got.kind == IoResult::Kind::kError) return end();
      if (got.kind == IoResult::Kind::kClosed) return peer_ended();
      if (!lingering_ && !streaming_) {
        if (!parser_.begun()) since_ = server_.lane_.clock().now();
        parser_.append(ByteView(buffer).first(got.bytes));
        serve();
      }
      if (!tls_ && got.bytes < sizeof buffer) return;
    }
  }

  void peer_ended() {
    peer_done_ = closing_ = true;
    if (lingering_ || streaming_ || (pending_.empty() && unsent() == 0)) end();
  }

  void serve() {
    while (may_read() && !lingering_ && !streaming_) {
      switch (parser_.advance()) {
        case HttpRequestParser::Step::kNeedMore:
          if (parser_.awaits_continue() && pending_.empty() && parser_.buffered() == 0) {
            parser_.continued();
            begin_output();
            out_ += "HTTP/1.1 100 Continue\r\n\r\n";
          }
          return;
        case HttpRequestParser::Step::kRefused:
          return refuse(parser_.status(), parser_.reason());
        case HttpRequestParser::Step::kRequest:
          serve_one();
      }
    }
    held_ = !lingering_ && !streaming_;
  }

  void serve_one() {
    HttpRequest& request = parser_.request();
    request.peer = peer_;
    request.tls = tls_;
    served_ = true;
    since_ = server_.lane_.clock().now();
    closing_ = !parser_.keep_alive();
    const std::uint64_t number = next_request_++;
    pending_.push_back({number, since_, request.method == "HEAD", closing_});
    ++server_.counters_.requests;
    server_.handler_(request, HttpResponder(&server_, id_, number));
    parser_.next();
  }

  /// Answers for the handler, after what has been asked before, and closes.
  void refuse(int status, std::string_view reason) {
    ++server_.counters_.refused;
    closing_ = closing_by_refusal_ = true;
    const std::uint64_t number = next_request_++;
    pending_.push_back({number, server_.lane_.clock().now(), false, true});
    reply(number, status, "text/plain", error_body(status, reason), {});
  }

  void write() {
    if (unsent() == 0 && !transport_->wants_write() && transport_handshaken()) return finish();
    const IoResult put = transport_->write(as_bytes(std::string_view(out_).substr(sent_)));
    if (!put.ok()) return end();
    if (put.bytes > 0) progress_ = server_.lane_.clock().now();
    sent_ += put.bytes;
    if (sent_ == out_.size()) {
      out_.clear();
      sent_ = 0;
      if (out_.capacity() > kReadBytes) out_.shrink_to_fit();
    } else if (sent_ > kReadBytes && sent_ > out_.size() / 2) {
      out_.erase(0, sent_);
      sent_ = 0;
    }
    finish();
  }
  /// A TLS handshake is moved on by empty writes too; a plain socket needs none.
  bool transport_handshaken() const { return !tls_ || served_; }

  /// Closing at once would reset the connection under an answer that the client has not read, if
  /// some of its bytes are unread here. So it is told the end, and given a moment.
  void finish() {
    if (!closing_ || lingering_ || !pending_.empty() || unsent() > 0 || transport_->wants_write())
      return;
    if (peer_done_) return end();
    transport_->shutdown();
    lingering_ = true;
    since_ = server_.lane_.clock().now();
  }

  /// Before something is put into out_: from now on the client has time to read it.
  void begin_output() {
    if (unsent() == 0) progress_ = server_.lane_.clock().now();
  }

  /// There is something to write. One write carries all answers of a turn.
  void moved() {
    if (!in_turn_) server_.turn_later(*this);
  }

  void ask_poller() {
    const std::uint32_t wanted =
        (may_read() ? static_cast<std::uint32_t>(EPOLLIN) : 0) |
        (transport_->wants_write() ? static_cast<std::uint32_t>(EPOLLOUT) : 0);
    if (wanted == events_) return;
    events_ = wanted;
    server_.lane_.poller().change(transport_->fd(), events_, *this);
  }

  HttpServer& server_;
  const std::uint64_t id_;
  std::unique_ptr<Transport> transport_;
  const Address peer_;
  const bool tls_;
  HttpRequestParser parser_;
  std::deque<Pending> pending_;  // asked and not yet in out_, in their order
  std::uint64_t next_request_ = 1;
  std::string out_;
  std::size_t sent_ = 0;
  std::uint32_t events_ = EPOLLIN;
  std::function<void()> on_close_;
  Nanos since_;         // begin of the request under way, of being idle or of lingering
  Nanos progress_ = 0;  // the peer last took something
  bool in_turn_ = false;
  bool more_to_read_ = false;
  bool held_ = false;    // serving stopped before what was read was served
  bool served_ = false;  // one request at least
  bool streaming_ = false;
  bool closing_ = false;  // reads no more requests, ends after the last answer
  bool closing_by_refusal_ = false;
  bool lingering_ = false;  // has said all, waits for the peer's end
  bool peer_done_ = false;
  bool ended_ = false;
};

bool HttpStream::send(std::string_view event) {
  auto* const connection = server_ ? server_->find(connection_) : nullptr;
  return connection && connection->send(event);
}
bool HttpStream::open() const {
  const auto* const connection = server_ ? server_->find(connection_) : nullptr;
  return connection && connection->streaming();
}
std::size_t HttpStream::unread() const {
  const auto* const connection = server_ ? server_->find(connection_) : nullptr;
  return connection ? connection->unsent() : 0;
}
void HttpStream::on_close(std::function<void()> then) {
  if (auto* const connection = server_ ? server_->find(connection_) : nullptr)
    connection->on_close(std::move(then));
}
void HttpStream::close() {
  if (auto* const connection = server_ ? server_->find(connection_) : nullptr)
    connection->close_stream();
}

void HttpResponder::reply(int status, std::string_view content_type, std::string_view body,
                          const HttpHeaders& headers) {
  if (auto* const connection = server_->find(connection_))
    connection->reply(request_, status, content_type, body, headers);
}
HttpStream HttpResponder::stream(const HttpHeaders& headers) {
  auto* const connection = server_->find(connection_);
  if (!connection || !connection->begin_stream(request_, headers)) return {};
  return HttpStream(server_, connection_);
}
bool HttpResponder::waiting() const {
  const auto* const connection = server_->find(connection_);
  return connection && connection->waits_for(request_);
}

HttpServer::HttpServer(Lane& lane, const HttpLimits& limits, HttpHandler handler, Log& log)
    : lane_(lane), limits_(limits), handler_(std::move(handler)), log_(log) {}

HttpServer::~HttpServer() {
  lane_.call([this] {
    lane_.cancel(turns_timer_);
    lane_.cancel(sweep_timer_);
    listeners_.clear();
    connections_.clear();
  });
}

Result<Address> HttpServer::listen(const Address& address, const TlsContext* tls) {
  auto socket = listen_tcp(address);
  if (!socket) return std::move(socket).error();
  auto where = local_address(socket->get());
  lane_.call(
      [&] { listeners_.push_back(std::make_unique<Listener>(*this, std::move(*socket), tls)); });
  return where;
}

void HttpServer::wait_until_empty(Nanos timeout) {
  const auto empty = std::make_shared<std::promise<void>>();
  lane_.call([&] {
    when_empty_ = [empty] { empty->set_value(); };
    if (connections_.empty()) std::exchange(when_empty_, nullptr)();
  });
  empty->get_future().wait_for(std::chrono::nanoseconds(timeout));
  lane_.call([&] { when_empty_ = nullptr; });
}

std::size_t HttpServer::drain(Nanos timeout, Nanos grace) {
  check(!lane_.on_lane(), "a lane cannot wait for itself to drain");
  lane_.call([&] { draining_ = true; });
  if (grace > 0) wait_until_empty(grace);
  lane_.call([&] {
    for (auto& each : listeners_) each->on_ready(EPOLLIN);  // clients that have connected already
    listeners_.clear();
    std::vector<Connection*> all;
    for (auto& [id, each] : connections_) all.push_back(each.get());
    for (Connection* each : all) {
      each->turn(true);  // asked, but not read yet
      if (each->streaming()) each->close_stream();
      each->close_if_idle();
    }
  });
  wait_until_empty(timeout);
  std::size_t owing = 0;
  lane_.call([&] {
    for (auto& [id, each] : connections_) owing += each->owes_answer() && !each->ended();
  });
  return owing;
}

HttpCounters HttpServer::counters() {
  HttpCounters now;
  lane_.call([&] { now = counters_; });
  return now;
}

std::size_t HttpServer::connections() {
  std::size_t now = 0;
  lane_.call([&] { now = connections_.size(); });
  return now;
}

HttpServer::Connection* HttpServer::find(std::uint64_t id) {
  const auto found = connections_.find(id);
  return found == connections_.end() || found->second->ended() ? nullptr : found->second.get();
}

void HttpServer::adopt(Fd socket, const TlsContext* tls) {
  ++counters_.accepted;
  auto peer = peer_address(socket.get());
  if (!peer) return;  // gone already
  auto transport = tls ? tls->accept(std::move(socket)) : plain_transport(std::move(socket));
  if (connections_.size() >= limits_.connections) {
    ++counters_.turned_away;
    std::string answer;
    append_http_answer(answer, 503, "text/plain", error_body(503, "too many connections"),
                       {{"Retry-After", "1"}}, false, true);
    if (!tls) transport->write(as_bytes(answer));
    return;
  }
  const std::uint64_t id = next_connection_++;
  connections_.emplace(id, std::make_unique<Connection>(*this, id, std::move(transport),
                                                        std::move(*peer), tls != nullptr));
  if (sweep_timer_ == 0) sweep();
}

void HttpServer::turn_later(Connection& connection) {
  if (connection.due) return;
  connection.due = true;
  due_.push_back(connection.id());
  if (turns_timer_ == 0) turns_timer_ = lane_.after(0, [this] { run_turns(); });
}

void HttpServer::run_turns() {
  turns_timer_ = 0;
  std::vector<std::uint64_t> due;
  due.swap(due_);
  std::vector<std::uint64_t> dead;
  for (const std::uint64_t id : due) {
    Connection& connection = *connections_.at(id);
    connection.due = false;
    connection.turn(false);
    if (connection.ended() && !connection.due) dead.push_back(id);
  }
  for (const std::uint64_t id : dead) {
    const auto then = connections_.at(id)->take_on_close();
    connections_.erase(id);
    if (then) then();
  }
  if (connections_.empty() && when_empty_) std::exchange(when_empty_, nullptr)();
}

/// Deadlines are kept to an eighth of the shortest, by looking at all connections now and then:
/// cheaper than a timer that moves with every request.
void HttpServer::sweep() {
  for (auto& [id, each] : connections_) each->check_deadlines(lane_.clock().now());
  const Nanos shortest = std::min({limits_.header_time, limits_.idle_time, limits_.write_time,
                                   limits_.answer_time, limits_.heartbeat});
  sweep_timer_ = 0;
  if (connections_.empty()) return;
  sweep_timer_ =
      lane_.after(std::clamp(shortest / 8, kMillisecond, 250 * kMillisecond), [this] { sweep(); });
}

}  // namespace ds
