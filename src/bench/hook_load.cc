#include "bench/hook_load.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "net/fd.h"
#include "web/hook_signature.h"

namespace ds {
namespace {

constexpr Nanos kPatience = 30 * kSecond;
constexpr std::string_view kAccepted = "HTTP/1.1 202";

struct Line {
  Fd fd;
  std::string out;       // what the socket has not taken yet
  std::size_t sent = 0;  // of it
  std::string in;
  int under_way = 0;
  bool watched_for_room = false;
};

/// Takes whole answers off; how many, or an error for any but 202.
Result<int> take_answers(std::string& in) {
  int answers = 0;
  std::size_t at = 0;
  for (;;) {
    const std::size_t head = in.find("\r\n\r\n", at);
    if (head == std::string::npos) break;
    std::size_t length = 0;
    if (const auto header = in.find("Content-Length: ", at); header < head)
      length = std::strtoull(in.c_str() + header + 16, nullptr, 10);
    if (in.size() < head + 4 + length) break;
    if (in.compare(at, kAccepted.size(), kAccepted) != 0)
      return Error{.message = fmt::format("the gateway answered: {}",
                                          in.substr(at, in.find('\r', at) - at))};
    at = head + 4 + length;
    ++answers;
  }
  in.erase(0, at);
  return answers;
}

}  // namespace

std::string hook_request(std::string_view secret, std::string_view body, bool lines) {
  Hmac key(secret);
  return fmt::format(
      "POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/{}\r\n"
      "x-npm-signature: {}\r\nContent-Length: {}\r\n\r\n{}",
      lines ? "x-ndjson" : "json", hex_signature(key, body), body.size(), body);
}

Result<HookLoad> send_hooks(const HookLoadSettings& settings,
                            const std::vector<std::string>& requests, const Clock& clock) {
  const Fd poller(::epoll_create1(EPOLL_CLOEXEC));
  std::vector<Line> lines(static_cast<std::size_t>(settings.connections));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    auto fd = connect_tcp(settings.server, kPatience);
    if (!fd) return std::move(fd).error();
    lines[i].fd = std::move(*fd);
    epoll_event wish{.events = EPOLLIN, .data = {.u64 = i}};
    ::epoll_ctl(poller.get(), EPOLL_CTL_ADD, lines[i].fd.get(), &wish);
  }
  std::size_t next = 0;
  HookLoad load;
  const auto feed = [&](std::size_t i) -> Status {
    Line& line = lines[i];
    while (line.under_way < settings.pipelined && next < requests.size()) {
      line.out += requests[next++];
      ++line.under_way;
    }
    while (line.sent < line.out.size()) {
      const ssize_t n = ::send(line.fd.get(), line.out.data() + line.sent,
                               line.out.size() - line.sent, MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN)
        return Error{.message = fmt::format("the gateway is gone: {}", ::strerror(errno))};
      if (n <= 0) break;
      line.sent += static_cast<std::size_t>(n);
    }
    const bool full = line.sent < line.out.size();
    if (!full) line.out.clear(), line.sent = 0;
    if (full != line.watched_for_room) {
      epoll_event wish{.events = EPOLLIN | (full ? EPOLLOUT : 0u), .data = {.u64 = i}};
      ::epoll_ctl(poller.get(), EPOLL_CTL_MOD, line.fd.get(), &wish);
      line.watched_for_room = full;
    }
    return Done{};
  };
  const Nanos begun = clock.now();
  for (std::size_t i = 0; i < lines.size(); ++i)
    if (Status fed = feed(i); !fed) return std::move(fed).error();
  std::vector<char> bytes(256 << 10);
  epoll_event ready[64];
  for (Nanos heard = begun; load.answered < requests.size();) {
    const int n = ::epoll_wait(poller.get(), ready, std::size(ready), 100);
    if (n <= 0) {
      if (clock.now() - heard > kPatience)
        return Error{.code = ErrorCode::kTimeout, .message = "the gateway stopped answering"};
      continue;
    }
    heard = clock.now();
    for (int k = 0; k < n; ++k) {
      Line& line = lines[ready[k].data.u64];
      if ((ready[k].events & EPOLLIN) != 0) {
        const ssize_t got = ::recv(line.fd.get(), bytes.data(), bytes.size(), 0);
        if (got == 0 || (got < 0 && errno != EAGAIN))
          return Error{.message = "the gateway closed a connection"};
        if (got > 0) line.in.append(bytes.data(), static_cast<std::size_t>(got));
        const auto answers = take_answers(line.in);
        if (!answers) return answers.error();
        line.under_way -= *answers;
        load.answered += static_cast<std::uint64_t>(*answers);
      }
      if (Status fed = feed(ready[k].data.u64); !fed) return std::move(fed).error();
    }
  }
  load.seconds = static_cast<double>(clock.now() - begun) / 1e9;
  return load;
}

}  // namespace ds
