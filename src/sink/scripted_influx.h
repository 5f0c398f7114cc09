// A server that answers InfluxDB's write requests by a script, and remembers which points it has:
// for errors that no real server makes on demand.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "net/socket.h"

namespace ds {

class ScriptedInflux {
 public:
  enum class How { kReply, kPartial, kResetBefore, kResetAfter, kStall, kLate, kHalfReply };
  struct Row {
    const char* what;
    How how = How::kReply;
    int status = 204;
    const char* header = "";
  };
  /// Lines that hold this are refused by every answer that stores the others.
  static constexpr std::string_view kBad = "refuse me";

  explicit ScriptedInflux(std::vector<Row> script) : script_(std::move(script)) {
    auto listener = listen_tcp({"127.0.0.1", 0});
    check(listener.ok(), "a free port");
    listener_ = std::move(*listener);
    url_ = "http://" + local_address(listener_.get())->to_string();
    thread_ = std::jthread([this](std::stop_token stop) { serve(stop); });
  }
  ~ScriptedInflux() { thread_.request_stop(); }

  const std::string& url() const { return url_; }
  std::set<std::string> points() const {
    const std::lock_guard lock(mutex_);
    return points_;
  }
  std::size_t rows_played() const { return at_; }
  std::size_t requests() const { return requests_; }

 private:
  /// Every third request meets a row of the script.
  bool is_time() const { return at_ < script_.size() && requests_ % 3 == 0; }
  static bool readable(int fd, int ms) {
    pollfd poll_it{fd, POLLIN, 0};
    return ::poll(&poll_it, 1, ms) > 0;
  }

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
  static void reset(int fd) {
    const linger hard{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  }
  static bool write(int fd, int status, const std::string& header, const std::string& body) {
    const std::string reply = "HTTP/1.1 " + std::to_string(status) +
                              " x\r\nX-Influxdb-Build: OSS\r\n" + header +
                              "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    return ::send(fd, reply.data(), reply.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(reply.size());
  }

  bool answer(int fd, const std::stop_token& stop) {
    std::size_t head;
    while ((head = buffer_.find("\r\n\r\n")) == std::string::npos)
      if (!more(fd, stop)) return false;
    const std::string header = buffer_.substr(0, head + 2);
    std::size_t length = 0;
    if (const auto at = header.find("Content-Length: "); at != std::string::npos)
      length = std::stoul(header.substr(at + 16));
    const bool is_write = header.find("/write?") < header.find('\r');
    Row row{"as it is"};
    // What the row does to the body is only known with the body, but for a reset before it.
    if (is_write && length > 20 && is_time() && script_[at_].how == How::kResetBefore) {
      ++at_;
      reset(fd);
      return false;
    }
    while (buffer_.size() < head + 4 + length)
      if (!more(fd, stop)) return false;
    const std::string body = buffer_.substr(head + 4, length);
    buffer_.erase(0, head + 4 + length);
    if (!is_write) return write(fd, 200, "", "");
    if (body.starts_with("#")) return write(fd, 204, "", "");
    const bool scripted = is_time();
    ++requests_;
    const auto lines = lines_of(body);
    bool bad = false;
    for (const std::string& line : lines) bad |= line.find(kBad) != std::string::npos;
    if (scripted) {
      const Row& next = script_[at_];
      const bool blames = next.status == 400 || next.status == 413 || next.status == 422;
      // A good line that is alone is never to blame.
      if (!blames || lines.size() > 1) {
        row = next;
        ++at_;
      }
    }
    const bool stores = row.status == 204 || row.how == How::kPartial;
    if (bad && row.status == 204 && row.how == How::kReply)
      return write(fd, 400, "", R"({"code":"invalid","message":"unable to parse"})");
    if (stores || row.how == How::kResetAfter || row.how == How::kLate ||
        row.how == How::kHalfReply) {
      const std::lock_guard lock(mutex_);
      for (const std::string& line : lines)
        if (line.find(kBad) == std::string::npos) points_.insert(line);
    }
    switch (row.how) {
      case How::kResetAfter:
        reset(fd);
        return false;
      case How::kStall:
        until_gone(fd, stop);
        return false;
      case How::kLate:
        until_gone(fd, stop);
        write(fd, 204, "", "");
        return false;
      case How::kHalfReply:
        ::send(fd, "HTTP/1.1 204 No", 15, MSG_NOSIGNAL);
        return false;
      default:
        return write(fd, row.status, row.header,
                     row.status == 204 ? "" : R"({"message":"scripted"})");
    }
  }

  /// A line end within quotes ends nothing.
  static std::vector<std::string> lines_of(const std::string& body) {
    std::vector<std::string> lines;
    std::string line;
    bool quoted = false;
    for (std::size_t i = 0; i < body.size(); ++i) {
      const char c = body[i];
      if (quoted && c == '\\' && i + 1 < body.size()) {
        line += c;
        line += body[++i];
        continue;
      }
      if (c == '"') quoted = !quoted;
      if (c == '\n' && !quoted) {
        lines.push_back(std::exchange(line, {}));
        continue;
      }
      line += c;
    }
    return lines;
  }

  const std::vector<Row> script_;
  Fd listener_;
  std::string url_;
  std::string buffer_;
  mutable std::mutex mutex_;
  std::set<std::string> points_;
  std::atomic<std::size_t> at_{0}, requests_{0};
  std::jthread thread_;
};

}  // namespace ds
