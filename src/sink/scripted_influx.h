// A server that answers InfluxDB's write requests by a script, and remembers which points it has:
// for errors that no real server makes on demand.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "sink/scripted_server.h"

namespace ds {

class ScriptedInflux final : public ScriptedServer {
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

  /// `lines_max`: a body of more is too large for it (413), whatever the script says.
  explicit ScriptedInflux(std::vector<Row> script, std::size_t lines_max = 0)
      : script_(std::move(script)), lines_max_(lines_max), url_("http://" + address_) {
    start();
  }
  ~ScriptedInflux() override { stop(); }

  const std::string& url() const { return url_; }
  std::set<std::string> points() const {
    const std::lock_guard lock(mutex_);
    return points_;
  }

 private:
  /// Every third request meets a row of the script.
  bool is_time() const { return at_ < script_.size() && requests_ % 3 == 0; }
  using ScriptedServer::write;
  static bool write(int fd, int status, const std::string& header, const std::string& body) {
    const std::string reply = "HTTP/1.1 " + std::to_string(status) +
                              " x\r\nX-Influxdb-Build: OSS\r\n" + header +
                              "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    return write(fd, reply);
  }

  bool answer(int fd, const std::stop_token& stop) override {
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
    if (lines_max_ != 0 && lines.size() > lines_max_) return write(fd, 413, "", "");
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
        write(fd, "HTTP/1.1 204 No");
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
  const std::size_t lines_max_;
  std::string url_;
  mutable std::mutex mutex_;
  std::set<std::string> points_;
};

}  // namespace ds
