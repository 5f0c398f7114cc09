// Sensors that send through a webhook: one epoll loop, some keep-alive connections, each with one
// request under way. What is due waits for a free connection; its latency goes on counting.
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/epoll.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "net/http.h"
#include "net/poller.h"
#include "net/transport.h"
#include "storm/sensors.h"

namespace ds {
namespace {

constexpr Nanos kAnswerTime = 15 * kSecond;
constexpr Nanos kReconnect = 100 * kMillisecond;
constexpr Nanos kTick = 10 * kMillisecond;
constexpr Nanos kDrain = 15 * kSecond;
constexpr std::size_t kAnswerBytesMax = 64 << 10;

std::string signature(std::string_view secret, std::string_view body) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest, &size);
  return to_hex({digest, size});
}

struct Answer {
  int status = 0;
  double retry_after = 1;
  bool close = false;
};

/// The first whole answer in `bytes`, taken off it.
std::optional<Answer> take_answer(std::string& bytes) {
  const std::size_t head = bytes.find("\r\n\r\n");
  if (head == std::string::npos || bytes.size() < 12) return std::nullopt;
  Answer answer;
  std::from_chars(bytes.data() + 9, bytes.data() + 12, answer.status);
  std::size_t length = 0;
  for (std::size_t at = bytes.find("\r\n"); at < head; at = bytes.find("\r\n", at + 2)) {
    const std::string_view line =
        std::string_view(bytes).substr(at + 2, bytes.find("\r\n", at + 2) - at - 2);
    const std::size_t colon = line.find(": ");
    if (colon == line.npos) continue;
    const std::string_view name = line.substr(0, colon), value = line.substr(colon + 2);
    const char* const end = value.data() + value.size();
    if (same_header(name, "Content-Length")) std::from_chars(value.data(), end, length);
    if (same_header(name, "Retry-After")) std::from_chars(value.data(), end, answer.retry_after);
    if (same_header(name, "Connection")) answer.close = same_header(value, "close");
  }
  if (bytes.size() < head + 4 + length) return std::nullopt;
  bytes.erase(0, head + 4 + length);
  return answer;
}

class HookSensors final : public Sensors {
 public:
  HookSensors(const SensorSettings& settings, const SensorsViaHook& via, const Clock& clock,
              Log& log, SensorLedger* ledger)
      : Sensors(settings, clock, log, ledger), via_(via) {
    for (std::size_t i = 0; i < via.connections; ++i)
      lines_.push_back(std::make_unique<Line>(*this));
    begin();
  }
  ~HookSensors() override { stop(); }

 private:
  /// One connection and the request that it carries, until that is decided.
  struct Line final : Watcher {
    explicit Line(HookSensors& of) : sensors(of) {}
    ~Line() override { drop(); }

    void on_ready(std::uint32_t events) override { sensors.turn(*this, events); }
    void drop() {
      if (transport) sensors.poller_.unwatch(transport->fd(), *this);
      transport.reset();
      answer.clear();
    }
    bool busy() const { return count > 0; }

    HookSensors& sensors;
    std::unique_ptr<Transport> transport;
    std::uint64_t first = 0, count = 0;  // readings of the request; none: it is idle
    std::string request;
    std::size_t sent = 0;
    std::string answer;
    bool waits = false;     // for not_before, to send it (again)
    bool in_doubt = false;  // some of it was sent and never answered
    int last_status = 0;
    Nanos not_before = 0;
    Nanos deadline = 0;  // of the answer
    Nanos give_up = 0;
  };

  void run(std::stop_token stop) override {
    std::uint64_t next = 0;
    Nanos drain_until = 0;
    for (;;) {
      const Nanos now = clock_.now();
      const bool over = next >= plan_.end() || stop.stop_requested();
      const std::uint64_t due = over ? next : plan_.due_by(now);
      set_due(due);
      bool busy = false, idle_left = false;
      for (auto& line : lines_) {
        if (!line->busy() && next < due) next = load(*line, next, due, now);
        if (line->busy()) tend(*line, now);
        busy = busy || line->busy();
        idle_left = idle_left || !line->busy();
      }
      if (over) {
        if (drain_until == 0) drain_until = now + kDrain;
        if (!busy || now >= drain_until) break;
      }
      const Nanos until_due = over || !idle_left ? kTick : plan_.due(next) - clock_.now();
      poller_.wait(std::clamp<Nanos>(until_due, 0, kTick));
    }
    for (auto& line : lines_) {
      line->in_doubt = line->in_doubt || !line->waits;
      if (line->busy()) decide(*line, false);
      line->drop();
    }
  }
  void wake() override { poller_.wake(); }

  /// Makes the request of the readings from `first` on.
  std::uint64_t load(Line& line, std::uint64_t first, std::uint64_t due, Nanos now) {
    line.first = first;
    line.count = std::min<std::uint64_t>(due - first, via_.lines);
    body_.clear();
    std::uint8_t text[kReadingBytesMax];
    for (std::uint64_t i = first; i < first + line.count; ++i) {
      body_ += R"({"event":"package:publish","payload":{"topic":")";
      body_ += via_.topic;
      body_ += "\",";
      const auto size = static_cast<std::size_t>(put_json(text, plan_.reading(i)) - text);
      body_ += as_text(ByteView(text, size)).substr(1);  // the brace is open already
      body_ += via_.lines > 1 ? "}\n" : "}";
    }
    line.request = fmt::format(
        "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n"
        "x-npm-signature: sha256={}\r\n\r\n",
        via_.path, via_.address.to_string(),
        via_.lines > 1 ? "application/x-ndjson" : "application/json", body_.size(),
        signature(via_.secret, body_));
    line.request += body_;
    line.waits = true;
    line.in_doubt = false;
    line.last_status = 0;
    line.not_before = now;
    line.give_up = now + via_.give_up;
    counts_.enqueued(line.count, {}, plan_.due(first), now - plan_.due(first));
    return first + line.count;
  }

  /// Sends what waits, and gives up what took too long.
  void tend(Line& line, Nanos now) {
    if (line.waits) {
      if (now >= line.give_up) return decide(line, false);
      if (now < line.not_before) return;
      if (!line.transport && !connect(line, now)) return;
      line.waits = false;
      line.sent = 0;
      line.deadline = now + kAnswerTime;
      put(line, now);
    } else if (now >= line.deadline) {
      lost(line, now);
    }
  }

  bool connect(Line& line, Nanos now) {
    auto socket = start_connect(via_.address);
    if (!socket) {
      line.not_before = now + kReconnect;
      return false;
    }
    line.transport = plain_transport(std::move(*socket));
    poller_.watch(line.transport->fd(), EPOLLIN | EPOLLOUT, line);
    return true;
  }

  void put(Line& line, Nanos now) {
    while (line.sent < line.request.size()) {
      const IoResult put =
          line.transport->write(as_bytes(std::string_view(line.request).substr(line.sent)));
      if (!put.ok()) return lost(line, now);
      if (put.kind == IoResult::Kind::kWouldBlock) break;
      line.sent += put.bytes;
    }
    const bool whole = line.sent == line.request.size();
    poller_.change(line.transport->fd(), whole ? EPOLLIN : EPOLLIN | EPOLLOUT, line);
    if (whole)
      counts_.written(line.last_status == 0 && !line.in_doubt ? line.count : 0,
                      line.request.size());
  }

  void turn(Line& line, std::uint32_t events) {
    const Nanos now = clock_.now();
    if (events & EPOLLIN || events & (EPOLLERR | EPOLLHUP)) {
      std::uint8_t bytes[8192];
      const IoResult got = line.transport->read(bytes);
      if (!got.ok()) return lost(line, now);
      if (got.kind == IoResult::Kind::kBytes)
        line.answer.append(reinterpret_cast<char*>(bytes), got.bytes);
      if (line.answer.size() > kAnswerBytesMax) return lost(line, now);
      if (line.busy() && !line.waits)
        if (const auto answer = take_answer(line.answer)) return hear(line, *answer, now);
    }
    if (line.busy() && !line.waits && line.sent < line.request.size()) put(line, now);
  }

  void hear(Line& line, const Answer& answer, Nanos now) {
    if (answer.close) line.drop();
    line.last_status = answer.status;
    if (answer.status == 202) return decide(line, true);
    const bool later = answer.status == 429 || answer.status == 503 || answer.status == 408;
    if (!later) return decide(line, false);
    again(line, now + std::max<Nanos>(static_cast<Nanos>(answer.retry_after * 1e9), kReconnect));
  }

  void lost(Line& line, Nanos now) {
    line.drop();
    if (!line.busy() || line.waits) return;
    line.in_doubt = line.in_doubt || line.sent > 0;
    again(line, now + kReconnect);
  }

  void again(Line& line, Nanos when) {
    line.waits = true;
    line.not_before = when;
    retries_.fetch_add(1, std::memory_order_relaxed);
  }

  void decide(Line& line, bool stored) {
    const Nanos now = clock_.now();
    for (std::uint64_t i = line.first; i < line.first + line.count; ++i) {
      const Nanos latency = now - plan_.due(i);
      if (stored)
        counts_.delivered(1, latency, now, true);
      else if (line.in_doubt)
        counts_.unknown(1, latency);
      else
        counts_.failed(1, latency);
    }
    settle(line.first, line.count,
           stored          ? SensorLedger::Outcome::kAcknowledged
           : line.in_doubt ? SensorLedger::Outcome::kUnknown
                           : SensorLedger::Outcome::kFailed);
    if (!stored && first_failure_.empty())
      first_failure_ = line.last_status == 0
                           ? fmt::format("{} did not answer", via_.address.to_string())
                           : fmt::format("{} answered {} {}", via_.address.to_string(),
                                         line.last_status, http_reason(line.last_status));
    line.count = 0;
    line.waits = false;
  }

  const SensorsViaHook via_;
  Poller poller_;
  std::vector<std::unique_ptr<Line>> lines_;
  std::string body_;
};

}  // namespace

Result<std::unique_ptr<Sensors>> Sensors::start(const SensorSettings& settings,
                                                const SensorsViaHook& via, const Clock& clock,
                                                Log& log, SensorLedger* ledger) {
  if (auto reached = connect_tcp(via.address, 5 * kSecond); !reached)
    return std::move(reached).error().while_trying("reach the webhook (--via)");
  if (ledger != nullptr)
    if (auto announced = ledger->announce(settings); !announced)
      return std::move(announced).error();
  return std::unique_ptr<Sensors>(new HookSensors(settings, via, clock, log, ledger));
}

}  // namespace ds
