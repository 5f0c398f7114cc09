#include "kafka/client/connection.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "kafka/wire/messages/17_sasl_handshake.h"
#include "kafka/wire/messages/18_api_versions.h"
#include "kafka/wire/messages/36_sasl_authenticate.h"

namespace ds::kafka {
namespace {

constexpr std::size_t kInboxBytes = 64 << 10;
constexpr std::size_t kPiecesMax = 64;  // of one sendmsg
constexpr std::size_t kSpareMax = 64;   // request heads kept for use again
constexpr int kSocketBufferBytes = 4 << 20;

// Tags of the connection's own requests.
enum : std::uint64_t { kVersionsTag, kHandshakeTag, kLoginTag };

}  // namespace

Connection::Connection(const ClientSettings& settings, Poller& poller, const Clock& clock,
                       FramePool* frames)
    : settings_(settings), poller_(poller), clock_(clock), frames_(frames), inbox_(kInboxBytes) {}

Connection::~Connection() {
  if (connecting_) poller_.unwatch(connecting_.get(), *this);
  if (transport_) poller_.unwatch(transport_->fd(), *this);
}

// Opening.

void Connection::open(const Address& address) {
  check(closed(), "Connection::open() of an open connection");
  ++opened_;
  address_ = address;
  error_ = {};
  reached_ = answered_ = false;
  state_ = State::kConnecting;
  open_deadline_ = clock_.now() + settings_.connect_timeout;
  inbox_begin_ = inbox_end_ = 0;
  if (settings_.security.tls && !tls_) {
    const Security& security = settings_.security;
    Result<TlsContext> context = TlsContext::client({.ca_file = security.ca_file,
                                                     .certificate_file = security.certificate_file,
                                                     .key_file = security.key_file,
                                                     .verify_host = security.verify_host});
    if (!context) return close(context.error());
    tls_ = std::move(*context);
  }
  Result<Fd> fd = start_connect(address);
  if (!fd) return close(fd.error());
  connecting_ = std::move(*fd);
  set_buffer_sizes(connecting_.get(), kSocketBufferBytes);
  watched_ = EPOLLIN | EPOLLOUT;
  poller_.watch(connecting_.get(), watched_, *this);
}

void Connection::on_connected() {
  const Status connected = connect_result(connecting_.get(), address_);
  if (!connected) return close(connected.error());
  reached_ = true;
  if (settings_.security.tls) {
    transport_ = tls_->connect(std::move(connecting_), address_.host);
  } else {
    transport_ = plain_transport(std::move(connecting_));
  }
  state_ = State::kVersions;
  ask_own(ApiVersionsRequest{}, 0, kVersionsTag);
}

void Connection::on_versions(ByteView body) {
  const auto answer = decode<ApiVersionsResponse>(body, 0);
  if (!answer) return close(malformed(answer.error()));
  if (answer->error_code != KafkaError::kNone)
    return close(to_error(answer->error_code, address_.to_string()));
  versions_.fill({});
  for (const auto& [key, min, max] : answer->api_keys) {
    if (key >= 0 && static_cast<std::size_t>(key) < versions_.size())
      versions_[static_cast<std::size_t>(key)] = {min, max};
  }
  if (settings_.security.sasl == SaslMechanism::kNone) return become_ready();

  const Result<int> version = version_of(SaslHandshakeRequest::api);
  if (!version) return close(version.error());
  state_ = State::kHandshake;
  const std::string mechanism(to_string(settings_.security.sasl));
  ask_own(SaslHandshakeRequest{.mechanism = mechanism}, *version, kHandshakeTag);
}

void Connection::on_handshake(ByteView body) {
  const auto answer = decode<SaslHandshakeResponse>(body, 1);
  if (!answer) return close(malformed(answer.error()));
  if (answer->error_code != KafkaError::kNone) {
    return close({.code = ErrorCode::kRefused,
                  .message = fmt::format("{} does not log in by {}", address_.to_string(),
                                         to_string(settings_.security.sasl)),
                  .hint = answer->mechanisms.empty()
                              ? "its listener takes no login"
                              : fmt::format("it offers {}", fmt::join(answer->mechanisms, ", "))});
  }
  state_ = State::kLogin;
  login_.emplace(settings_.security, make_sasl_nonce());
  send_login(login_->first());
}

void Connection::send_login(std::string message) {
  const Result<int> version = version_of(SaslAuthenticateRequest::api);
  if (!version) return close(version.error());
  ask_own(SaslAuthenticateRequest{.auth_bytes = ByteVec(message.begin(), message.end())}, *version,
          kLoginTag);
}

void Connection::on_login(ByteView body) {
  const auto answer =
      decode<SaslAuthenticateResponse>(body, version_of(SaslAuthenticateRequest::api).value());
  if (!answer) return close(malformed(answer.error()));
  if (answer->error_code != KafkaError::kNone) {
    return close(
        {.code = ErrorCode::kRefused,
         .message = fmt::format(
             "{} refused the login of {}: {}", address_.to_string(), settings_.security.user,
             answer->error_message.value_or(std::string(describe(answer->error_code).sentence))),
         .hint = "check user, password and SASL mechanism"});
  }
  Result<std::string> next = login_->on(as_text(answer->auth_bytes));
  if (!next)
    return close(std::move(next).error().while_trying("log in to " + address_.to_string()));
  if (login_->done()) return become_ready();
  send_login(std::move(*next));
}

void Connection::become_ready() {
  state_ = State::kReady;
  login_.reset();
}

void Connection::on_answer(std::uint64_t tag, ByteView body, const FrameOwner& /*frame*/) {
  switch (tag) {
    case kVersionsTag:
      return on_versions(body);
    case kHandshakeTag:
      return on_handshake(body);
    case kLoginTag:
      return on_login(body);
    default:
      break;
  }
}

void Connection::on_lost(std::uint64_t /*tag*/, bool /*sent*/, const Error& /*why*/) {}

template <Message M>
void Connection::ask_own(const M& message, int version, std::uint64_t tag) {
  Pending& pending =
      add(M::api, version, {.listener = this, .tag = tag, .deadline = open_deadline_});
  gather_request(message, version, pending.correlation_id, settings_.client_id, pending.bytes);
  commit_add(pending);
  flush();
}

Result<int> Connection::version_of(const Api& api) const {
  const auto key = static_cast<std::size_t>(api.key);
  const Range theirs = key < versions_.size() ? versions_[key] : Range{};
  const int version = std::min<int>(api.versions.max, theirs.max);
  if (version >= api.versions.min && version >= theirs.min) return version;
  return Error{
      .code = ErrorCode::kProtocol,
      .message = theirs.max < 0
                     ? fmt::format("{} does not know {}", address_.to_string(), api.name)
                     : fmt::format("{} speaks {} {}-{}, we {}-{}", address_.to_string(), api.name,
                                   theirs.min, theirs.max, api.versions.min, api.versions.max),
      .hint = "Apache Kafka 2.1 and later will do"};
}

// Asking.

Connection::Pending& Connection::add(const Api& api, int version, const Envelope& envelope) {
  check(!closed(), "a request to a closed connection");
  Pending& pending = unwritten_.emplace_back();
  pending.api = &api;
  pending.version = version;
  pending.correlation_id = next_correlation_++;
  pending.envelope = envelope;
  if (!spare_.empty()) {
    pending.bytes = std::move(spare_.back());
    spare_.pop_back();
  }
  return pending;
}

void Connection::commit_add(Pending& pending) {
  pending.size = pending.bytes.size();
  unwritten_bytes_ += pending.size;
}

void Connection::recycle(Gathered&& bytes) {
  if (spare_.size() >= kSpareMax) return;
  bytes.clear();
  spare_.push_back(std::move(bytes));
}

void Connection::flush() {
  const std::uint64_t opened = opened_;
  while (transport_ && !unwritten_.empty() && opened == opened_) {
    if (!write_some()) break;
  }
  if (transport_ && opened == opened_) watch_as_needed();
}

bool Connection::write_some() {
  std::array<iovec, kPiecesMax> pieces;
  std::size_t count = 0;
  std::size_t skip = front_written_;
  for (const Pending& pending : unwritten_) {
    pending.bytes.for_each_piece([&](ByteView piece) {
      const std::size_t cut = std::min(skip, piece.size());
      skip -= cut;
      piece = piece.subspan(cut);
      if (piece.empty() || count == kPiecesMax) return;
      pieces[count++] = {const_cast<std::uint8_t*>(piece.data()), piece.size()};
    });
    if (count == kPiecesMax) break;
  }
  const IoResult wrote = transport_->write({pieces.data(), count});
  if (!wrote.ok()) close(lost_error(wrote.kind));
  if (wrote.kind != IoResult::Kind::kBytes) return false;
  mark_written(wrote.bytes);
  return true;
}

void Connection::mark_written(std::size_t bytes) {
  const std::uint64_t opened = opened_;
  unwritten_bytes_ -= bytes;
  front_written_ += bytes;
  while (!unwritten_.empty() && front_written_ >= unwritten_.front().size) {
    front_written_ -= unwritten_.front().size;
    const Envelope envelope = unwritten_.front().envelope;
    if (envelope.expects_answer) {
      unanswered_.push_back(std::move(unwritten_.front()));
      recycle(std::move(unanswered_.back().bytes));
    } else {
      recycle(std::move(unwritten_.front().bytes));
    }
    unwritten_.pop_front();
    envelope.listener->on_written(envelope.tag);
    if (opened != opened_ || closed()) return;
  }
}

void Connection::expire(Nanos now) {
  if (closed()) return;
  const Nanos deadline = next_deadline();
  if (deadline < 0 || now < deadline) return;
  const bool opening = !ready();
  close(
      {.code = opening ? ErrorCode::kUnreachable : ErrorCode::kTimeout,
       .message = fmt::format("{} did not answer in time{}", address_.to_string(),
                              opening ? " while the connection was opened" : ""),
       .hint = opening ? "check the address, and whether the listener wants TLS or a login" : ""});
}

Nanos Connection::next_deadline() const {
  if (closed()) return -1;
  if (!ready()) return open_deadline_;
  Nanos earliest = -1;
  const auto look = [&](const std::deque<Pending>& requests) {
    // Answers come in order, but a later request may be in more of a hurry.
    for (const Pending& pending : requests) {
      if (earliest < 0 || pending.envelope.deadline < earliest)
        earliest = pending.envelope.deadline;
    }
  };
  look(unanswered_);
  look(unwritten_);
  return earliest;
}

// The socket.

void Connection::on_ready(std::uint32_t /*events*/) {
  if (state_ == State::kConnecting) return on_connected();
  const std::uint64_t opened = opened_;
  read();
  if (opened != opened_ || closed()) return;
  if (unwritten_.empty() && transport_->wants_write()) {
    // TLS has something of its own to say.
    const IoResult wrote = transport_->write(std::span<const iovec>{});
    if (!wrote.ok()) return close(lost_error(wrote.kind));
  }
  flush();
}

void Connection::watch_as_needed() {
  const bool writes = transport_->wants_write() || !unwritten_.empty();
  const std::uint32_t events = writes ? EPOLLIN | EPOLLOUT : EPOLLIN;
  if (events == watched_) return;
  watched_ = events;
  poller_.change(transport_->fd(), events, *this);
}

void Connection::read() {
  const std::uint64_t opened = opened_;
  while (opened == opened_ && !closed()) {
    if (large_) {
      const auto room = large_->span().subspan(large_have_, large_size_ - large_have_);
      const auto got = receive(room);
      if (!got) return;
      large_have_ += *got;
      if (large_have_ < large_size_) continue;
      const auto whole = std::exchange(large_, nullptr);
      deliver(whole->span().first(large_size_), whole);
      continue;
    }
    const auto room = ByteSpan(inbox_).subspan(inbox_end_);
    const auto got = receive(room);
    if (!got) return;
    inbox_end_ += *got;
    take_frames();
    if (*got < room.size() && !large_) return;  // most likely empty: epoll will say otherwise
  }
}

std::optional<std::size_t> Connection::receive(ByteSpan into) {
  const IoResult got = transport_->read(into);
  if (got.kind == IoResult::Kind::kBytes) return got.bytes;
  if (!got.ok()) close(lost_error(got.kind));
  return std::nullopt;
}

Error Connection::malformed(const Error& why) const {
  return {.code = ErrorCode::kProtocol,
          .message = fmt::format("{} does not answer as Kafka does: {}", address_.to_string(),
                                 why.message),
          .hint = "check that a Kafka broker listens there"};
}

void Connection::take_frames() {
  const std::uint64_t opened = opened_;
  while (opened == opened_ && !closed()) {
    const ByteView have = ByteView(inbox_).subspan(inbox_begin_, inbox_end_ - inbox_begin_);
    const auto size = frame_size(have);
    if (!size) {
      Error why = malformed(size.error());
      why.hint = "check the port, and whether the listener wants TLS";
      return close(why);
    }
    if (!*size) break;
    if (**size > have.size()) {
      if (**size > inbox_.size()) begin_large_frame(**size);
      break;
    }
    inbox_begin_ += **size;
    deliver(have.first(**size), nullptr);
  }
  if (opened != opened_ || closed()) return;
  // What is left of a frame moves to the front, so that the inbox always has room for it.
  std::memmove(inbox_.data(), inbox_.data() + inbox_begin_, inbox_end_ - inbox_begin_);
  inbox_end_ -= inbox_begin_;
  inbox_begin_ = 0;
}

void Connection::begin_large_frame(std::size_t size) {
  large_ = frame_buffer(size);
  large_size_ = size;
  large_have_ = inbox_end_ - inbox_begin_;
  std::memcpy(large_->span().data(), inbox_.data() + inbox_begin_, large_have_);
  inbox_begin_ = inbox_end_ = 0;
}

std::shared_ptr<FrameBuffer> Connection::frame_buffer(std::size_t size) {
  return frames_ ? frames_->take(size) : std::make_shared<FrameBuffer>(size);
}

void Connection::deliver(ByteView frame, const FrameOwner& owner) {
  const auto out_of_step = [&] {
    close({.code = ErrorCode::kProtocol,
           .message = fmt::format("{} answered what it was not asked", address_.to_string()),
           .hint = "check that a Kafka broker listens there"});
  };
  if (unanswered_.empty()) return out_of_step();
  FrameOwner kept = owner;
  if (!kept && unanswered_.front().envelope.keep_answer) {
    auto copy = frame_buffer(frame.size());
    std::memcpy(copy->span().data(), frame.data(), frame.size());
    frame = copy->span().first(frame.size());
    kept = std::move(copy);
  }
  Pending pending = std::move(unanswered_.front());
  unanswered_.pop_front();
  ByteView body = frame.subspan(4);
  const auto header = take_response_header(body, *pending.api, pending.version);
  if (!header || header->correlation_id != pending.correlation_id) {
    unanswered_.push_front(std::move(pending));  // lost with the others
    return out_of_step();
  }
  answered_ = answered_ || ready();
  pending.envelope.listener->on_answer(pending.envelope.tag, body, kept);
}

Error Connection::lost_error(IoResult::Kind kind) const {
  Error error = kind == IoResult::Kind::kError
                    ? transport_->error()
                    : Error{.message = address_.to_string() + " closed the connection"};
  error.code = ErrorCode::kUnreachable;
  if (error.message.find(address_.to_string()) == std::string::npos)
    error.message = fmt::format("{}: {}", address_.to_string(), error.message);
  if (ready()) {
    // A listener that wants a login lets a stranger ask for versions, and nothing more.
    if (!answered_ && error.hint.empty()) error.hint = "check whether its listener wants a login";
    return error;
  }
  if (kind == IoResult::Kind::kClosed) error.message += " while it was opened";
  if (error.hint.empty())
    error.hint = "check whether its listener wants TLS, plain text or a login";
  return error;
}

void Connection::close(const Error& why) {
  if (closed()) return;
  state_ = State::kClosed;
  error_ = why;
  if (connecting_) poller_.unwatch(connecting_.get(), *this);
  if (transport_) poller_.unwatch(transport_->fd(), *this);
  connecting_.close();
  transport_.reset();
  watched_ = 0;
  login_.reset();
  large_.reset();
  front_written_ = 0;
  unwritten_bytes_ = 0;
  const std::deque<Pending> sent = std::exchange(unanswered_, {});
  const std::deque<Pending> unsent = std::exchange(unwritten_, {});
  const Error reason = error_;  // a listener may open us again
  for (const Pending& each : sent) each.envelope.listener->on_lost(each.envelope.tag, true, reason);
  for (const Pending& each : unsent)
    each.envelope.listener->on_lost(each.envelope.tag, false, reason);
}

// Blocking.

Status wait_ready(Connection& connection, Poller& poller, const Clock& clock, Nanos deadline) {
  while (!connection.ready()) {
    if (connection.closed()) return connection.error();
    const Nanos now = clock.now();
    if (now >= deadline) {
      connection.close({.code = ErrorCode::kUnreachable,
                        .message = connection.address().to_string() + " did not answer in time"});
      return connection.error();
    }
    connection.expire(now);
    if (connection.closed()) return connection.error();
    poller.wait(std::min(deadline, connection.next_deadline()) - now);
  }
  return Done{};
}

void BlockingAnswer::on_answer(std::uint64_t /*tag*/, ByteView answer,
                               const FrameOwner& /*frame*/) {
  body.assign(answer.begin(), answer.end());
  done_ = true;
}

void BlockingAnswer::on_lost(std::uint64_t /*tag*/, bool /*sent*/, const Error& why) {
  error_ = why;
}

Status BlockingAnswer::wait(Connection& connection, Poller& poller, const Clock& clock) {
  connection.flush();
  while (!done_ && !error_) {
    const Nanos now = clock.now();
    connection.expire(now);
    if (done_ || error_) break;
    poller.wait(std::max<Nanos>(connection.next_deadline() - now, 0));
  }
  if (error_) return *error_;
  return Done{};
}

}  // namespace ds::kafka
