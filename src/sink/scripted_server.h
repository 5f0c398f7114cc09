// A server for tests that answers by a script: for errors that no real server makes on demand. It
// takes one connection after the other; who derives from it speaks the protocol.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "base/check.h"
#include "net/socket.h"

namespace ds {

class ScriptedServer {
 public:
  std::size_t rows_played() const { return at_; }
  std::size_t requests() const { return requests_; }

 protected:
  ScriptedServer() {
    auto listener = listen_tcp({"127.0.0.1", 0});
    check(listener.ok(), "a free port");
    listener_ = std::move(*listener);
    address_ = local_address(listener_.get())->to_string();
  }
  virtual ~ScriptedServer() = default;
  /// From the end of the constructor of who derives, and until the begin of its destructor.
  void start() {
    thread_ = std::jthread([this](std::stop_token stop) { serve(stop); });
  }
  void stop() {
    thread_.request_stop();
    thread_.join();
  }

  /// One request of a connection; false when the connection is over.
  virtual bool answer(int fd, const std::stop_token& stop) = 0;

  /// Appends what comes; false when the client has gone.
  bool more(int fd, const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (!readable(fd, 20)) continue;
      char bytes[65536];
      const auto got = ::recv(fd, bytes, sizeof bytes, 0);
      if (got <= 0) return false;
      buffer_.append(bytes, static_cast<std::size_t>(got));
      return true;
    }
    return false;
  }
  void until_gone(int fd, const std::stop_token& stop) {
    while (more(fd, stop)) {
    }
  }
  static bool readable(int fd, int ms) {
    pollfd poll_it{fd, POLLIN, 0};
    return ::poll(&poll_it, 1, ms) > 0;
  }
  static void reset(int fd) {
    const linger hard{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  }
  static bool write(int fd, std::string_view bytes) {
    return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }

  std::string address_;
  std::string buffer_;  // what has come and is not answered
  std::atomic<std::size_t> at_{0}, requests_{0};

 private:
  void serve(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (!readable(listener_.get(), 20)) continue;
      auto connection = accept_connection(listener_.get());
      if (!connection || connection->get() < 0) continue;
      buffer_.clear();
      while (!stop.stop_requested() && answer(connection->get(), stop)) {
      }
    }
  }

  Fd listener_;
  std::jthread thread_;
};

}  // namespace ds
