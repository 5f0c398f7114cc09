#include "net/transport.h"

#include <limits.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ds {
namespace {

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(Fd socket) : socket_(std::move(socket)) {}

  int fd() const override { return socket_.get(); }
  bool wants_write() const override { return wants_write_; }
  const Error& error() const override { return error_; }
  void shutdown() override { ::shutdown(socket_.get(), SHUT_WR); }

  IoResult read(ByteSpan into) override {
    while (true) {
      const auto n = recv(socket_.get(), into.data(), into.size(), 0);
      if (n > 0) return {IoResult::Kind::kBytes, static_cast<std::size_t>(n)};
      if (n == 0) return {IoResult::Kind::kClosed};
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return {IoResult::Kind::kWouldBlock};
      return failed("read from");
    }
  }

  IoResult write(std::span<const iovec> pieces) override {
    wants_write_ = false;
    std::size_t total = 0;
    for (const iovec& each : pieces) total += each.iov_len;
    if (total == 0) return {IoResult::Kind::kWouldBlock};
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());
    message.msg_iovlen = std::min<std::size_t>(pieces.size(), IOV_MAX);
    while (true) {
      const auto n = sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
      if (n >= 0) {
        wants_write_ = static_cast<std::size_t>(n) < total;
        return {IoResult::Kind::kBytes, static_cast<std::size_t>(n)};
      }
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return failed("write to");
      wants_write_ = true;
      return {IoResult::Kind::kWouldBlock};
    }
  }

 private:
  IoResult failed(std::string_view what) {
    error_ = {.code = ErrorCode::kUnreachable,
              .message = fmt::format("could not {} the connection: {}", what, strerror(errno)),
              .system = errno};
    return {IoResult::Kind::kError};
  }

  Fd socket_;
  bool wants_write_ = false;
  Error error_;
};

/// Waits until the socket may be read, or written when the transport has something for it.
Status wait_ready(Transport& transport, bool reading, Nanos deadline) {
  const SystemClock clock;
  const short events =
      static_cast<short>((reading ? POLLIN : 0) | (transport.wants_write() ? POLLOUT : 0));
  while (true) {
    const Nanos left = std::max<Nanos>(deadline - clock.now(), 0);
    const timespec wait{left / kSecond, left % kSecond};
    pollfd waiting{transport.fd(), events, 0};
    const int ready = ppoll(&waiting, 1, &wait, nullptr);
    if (ready > 0) return Done{};
    if (ready == 0)
      return Error{.code = ErrorCode::kTimeout,
                   .message = "the other side does not answer in time"};
    if (errno != EINTR) return Error{.message = fmt::format("poll: {}", strerror(errno))};
  }
}

}  // namespace

std::unique_ptr<Transport> plain_transport(Fd socket) {
  return std::make_unique<PlainTransport>(std::move(socket));
}

Result<std::size_t> read_some(Transport& transport, ByteSpan into, Nanos timeout) {
  const Nanos deadline = SystemClock().now() + timeout;
  while (true) {
    const IoResult got = transport.read(into);
    if (got.kind == IoResult::Kind::kBytes) return got.bytes;
    if (got.kind == IoResult::Kind::kClosed) return std::size_t{0};
    if (got.kind == IoResult::Kind::kError) return transport.error();
    if (transport.flush().kind == IoResult::Kind::kError) return transport.error();
    if (auto ready = wait_ready(transport, true, deadline); !ready) return std::move(ready).error();
  }
}

Status write_all(Transport& transport, ByteView bytes, Nanos timeout) {
  const Nanos deadline = SystemClock().now() + timeout;
  while (true) {
    const IoResult put = transport.write(bytes);
    if (!put.ok()) return transport.error();
    bytes = bytes.subspan(put.bytes);
    if (bytes.empty() && !transport.wants_write()) return Done{};
    if (put.bytes > 0) continue;
    // A TLS handshake reads to write; a plain socket that is full waits only to be writable.
    if (auto ready = wait_ready(transport, !transport.wants_write(), deadline); !ready)
      return ready;
  }
}

}  // namespace ds
