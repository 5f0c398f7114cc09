// B14: the dashboard is closed by default. Every cell of endpoint × Host × Origin × token ×
// Sec-Fetch-Site is asked of two running dashboards (one without a token, one with) and judged by a
// policy that is written here a second time, in twenty lines and without the guard's code. Buttons
// count how often they were pressed: a refusal that presses one would be seen. Then a viewer that
// never reads, and names that would like to be markup.
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "base/json_writer.h"
#include "net/http_client.h"
#include "promise.h"
#include "web/dashboard.h"

namespace ds {
namespace {

constexpr const char* kToken = "correct horse battery staple";
constexpr const char* kMarkup = "</script><img src=x onerror=\"alert(1)\">\r\nSet-Cookie: a=b\"{}";

struct Endpoint {
  const char* method;
  const char* path;
  const char* body;
  enum { kPage, kOpen, kData, kButton } kind;
};
constexpr Endpoint kEndpoints[] = {
    {"GET", "/", "", Endpoint::kPage},
    {"GET", "/main.js", "", Endpoint::kOpen},
    {"GET", "/healthz", "", Endpoint::kOpen},
    {"GET", "/readyz", "", Endpoint::kOpen},
    {"GET", "/metrics", "", Endpoint::kData},
    {"GET", "/api/status", "", Endpoint::kData},
    {"GET", "/api/history?range=5m", "", Endpoint::kData},
    {"GET", "/api/alerts", "", Endpoint::kData},
    {"GET", "/api/openapi.json", "", Endpoint::kData},
    {"POST", "/api/start", "", Endpoint::kButton},
    {"POST", "/api/stop", "", Endpoint::kButton},
    {"POST", "/api/trigger/crisis", "{}", Endpoint::kButton},
    {"POST", "/api/trigger/opportunity", "", Endpoint::kButton},
    {"POST", "/api/rate", R"({"rate": 5})", Endpoint::kButton},
    {"POST", "/api/mix", R"({"positive": 50, "negative": 30, "neutral": 20})", Endpoint::kButton},
};
enum class Host { kOwn, kLocalhost, kOtherPort, kForeign, kMissing };
enum class Origin { kNone, kOwn, kForeign, kNull };
enum class Token { kNone, kWrong, kRight };
enum class Site { kNone, kSameOrigin, kSameSite, kCrossSite };  // kNone: no such header

struct Cell {
  const Endpoint* endpoint;
  Host host;
  Origin origin;
  Token token;
  Site site;
};

/// The policy, once more.
int expected(const Cell& cell, bool needs_token) {
  const bool page = cell.endpoint->kind == Endpoint::kPage;
  const bool told = cell.endpoint->kind == Endpoint::kData;
  const bool button = cell.endpoint->kind == Endpoint::kButton;
  if (cell.host == Host::kMissing) return 400;  // HTTP/1.1 asks for one
  if (cell.host == Host::kForeign) return 403;
  if (cell.host == Host::kOtherPort) return 403;
  if (cell.origin == Origin::kForeign) return 403;
  if (cell.origin == Origin::kNull) return 403;
  const bool stranger = cell.site == Site::kSameSite || cell.site == Site::kCrossSite;
  if (stranger && !page) return 403;
  if (needs_token && (told || button) && cell.token != Token::kRight) return 401;
  return 200;
}

class Bench {
 public:
  Bench(fault::Promise& check, GuardSettings guard)
      : check_(check), needs_token_(!guard.token.empty()) {
    std::string name = (std::filesystem::temp_directory_path() / "guard-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    const auto press = [this] { return ++pressed_, Status(Done{}); };
    Controls controls{.start = press,
                      .stop = press,
                      .crisis = press,
                      .opportunity = press,
                      .rate = [press](std::optional<double>) { return press(); },
                      .mix = [press](const std::string&) { return press(); }};
    auto started = Dashboard::start(
        {.dashboard = {"127.0.0.1", 0},
         .history_file = (folder_ / "history.db").string(),
         .guard = std::move(guard)},
        [this] { return snapshot(); }, std::move(controls), clock_, log_);
    ds::check(started.ok(), "the dashboard does not start");
    dashboard_ = std::move(*started);
  }
  ~Bench() {
    dashboard_.reset();
    std::filesystem::remove_all(folder_);
  }

  void ask_every_cell() {
    for (const Endpoint& endpoint : kEndpoints)
      for (const Host host :
           {Host::kOwn, Host::kLocalhost, Host::kOtherPort, Host::kForeign, Host::kMissing}) {
        std::vector<Cell> cells;
        for (const Origin origin : {Origin::kNone, Origin::kOwn, Origin::kForeign, Origin::kNull})
          for (const Token token : {Token::kNone, Token::kWrong, Token::kRight})
            for (const Site site :
                 {Site::kNone, Site::kSameOrigin, Site::kSameSite, Site::kCrossSite})
              cells.push_back({&endpoint, host, origin, token, site});
        // What is not HTTP ends its connection; all else is asked in one breath.
        if (host != Host::kMissing)
          ask(cells);
        else
          for (const Cell& cell : cells) ask({cell});
      }
  }

  /// Reads nothing, while the program has more and more to tell.
  void starve() {
    Address at = dashboard_->address();
    auto viewer = connect_to(at);
    const std::string ask = "GET /api/stream HTTP/1.1\r\nHost: " + at.to_string() + "\r\n\r\n";
    ds::check(send(viewer, ask.data(), ask.size(), 0) == static_cast<ssize_t>(ask.size()), "send");
    long_names_ = 2'000;
    std::size_t told = 0;
    for (int i = 0; i < 200; ++i) {
      dashboard_->tick_now();
      told += to_json(dashboard_->latest()).size();
    }
    check_.fault();
    std::size_t got = 0;
    char buffer[65536];
    timeval patience{.tv_sec = 5, .tv_usec = 0};
    setsockopt(viewer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ssize_t n = 0;
    while ((n = recv(viewer, buffer, sizeof buffer, 0)) > 0) got += static_cast<std::size_t>(n);
    const bool cut = n == 0 || errno == ECONNRESET;
    close(viewer);
    check_.note("KiB told to a deaf viewer", static_cast<std::int64_t>(told >> 10));
    check_.note("KiB that it found", static_cast<std::int64_t>(got >> 10));
    if (!cut) check_.wrong("a viewer that never reads is kept");
    // 1 MiB in the program, and what the kernel's two buffers hold (4 MiB and a little at most).
    if (got > (6u << 20)) check_.wrong(fmt::format("{} bytes waited for a deaf viewer", got));
    long_names_ = 0;
    dashboard_->tick_now();
    if (get("/healthz").status != 200) check_.wrong("the others are not served");
  }

  /// Prints what a hundred viewers cost the whole process, which is more than the lane alone.
  void watch_by_a_hundred() {
    std::vector<int> viewers;
    const std::string ask =
        "GET /api/stream HTTP/1.1\r\nHost: " + dashboard_->address().to_string() + "\r\n\r\n";
    for (int i = 0; i < 100; ++i) {
      viewers.push_back(connect_to(dashboard_->address()));
      ds::check(send(viewers.back(), ask.data(), ask.size(), 0) == ssize_t(ask.size()), "send");
    }
    const double before = process_cost().cpu_seconds;
    constexpr int kSeconds = 3;
    char byte;
    for (int heard = 0; heard < kSeconds;) {  // the first viewer's socket is the clock
      std::string event;
      while (!event.ends_with("event: point") && recv(viewers[0], &byte, 1, 0) == 1) event += byte;
      ++heard;
    }
    const double cost = process_cost().cpu_seconds - before;
    check_.note("ms of CPU a second for 100 viewers",
                static_cast<std::int64_t>(cost * 1000 / kSeconds));
    for (const int each : viewers) close(each);
  }

  /// What others may choose (brands, the topic's run, a path) stays text.
  void tell_markup() {
    const HttpReply status = get("/api/status");
    const auto json = nlohmann::json::parse(status.body, nullptr, false);
    check_.fault();
    if (!json.is_object() || json["brands"][0] != kMarkup || json["store"]["path"] != kMarkup)
      check_.wrong("markup does not come through as text");
    if (status.header("x-content-type-options") != "nosniff")
      check_.wrong("a browser may take the status for a page");
    for (const char* path :
         {"/api/status", "/api/alerts", "/metrics", "/api/history?brand=%3Cimg%3E", "/%3Cscript%3E",
          "/api/history?range=%3Cscript%3Ealert(1)"}) {
      const HttpReply reply = get(path);
      check_.fault();
      const auto type = reply.header("content-type").value_or("");
      if (type.find("html") != type.npos) check_.wrong(fmt::format("{} says it is HTML", path));
      if (reply.header("set-cookie")) check_.wrong(fmt::format("{} lets a header in", path));
      const auto policy = reply.header("content-security-policy").value_or("");
      if (!policy.starts_with("default-src 'none'") || policy.find("unsafe") != policy.npos)
        check_.wrong(fmt::format("{} comes without a strict policy", path));
    }
  }

  void log_in() {
    const auto post = [&](const std::string& body) {
      return http_call(dashboard_->address(), "POST", "/login",
                       {{"Content-Type", "application/json"}}, body)
          .value();
    };
    const HttpReply wrong = post(R"({"token": "a guess of some length"})");
    if (wrong.status != 401 || wrong.header("set-cookie")) check_.wrong("a guess logs in");
    const HttpReply right = post(fmt::format(R"({{"token": "{}"}})", kToken));
    const auto cookie = std::string(right.header("set-cookie").value_or(""));
    if (right.status != 200 || cookie.find("HttpOnly") == cookie.npos ||
        cookie.find("SameSite=Strict") == cookie.npos || cookie.find(kToken) != cookie.npos)
      check_.wrong("the token gives no HttpOnly cookie: " + cookie);
    const std::string pair = cookie.substr(0, cookie.find(';'));
    for (const auto& [sent, status] :
         {std::pair{"other=1; " + pair, 200}, {pair + "0", 401}, {std::string("datastorm"), 401}}) {
      const auto reply = http_call(dashboard_->address(), "GET", "/api/status", {{"Cookie", sent}});
      check_.fault();
      if (reply.value().status != status) check_.wrong("cookie " + sent);
    }
  }

 private:
  static int connect_to(const Address& at) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{.sin_family = AF_INET,
                   .sin_port = htons(at.port),
                   .sin_addr = {htonl(INADDR_LOOPBACK)},
                   .sin_zero = {}};
    ds::check(connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0, "connect");
    return fd;
  }
  Snapshot snapshot() {
    Snapshot s;
    s.brands = {kMarkup};
    s.store.path = kMarkup;
    for (int i = 0; i < long_names_; ++i) s.brands.push_back(fmt::format("brand {:060}", i));
    s.now_ms = clock_.wall_ms();
    return s;
  }
  HttpReply get(const std::string& path) {
    HttpHeaders headers;
    if (needs_token_) headers.emplace_back("Authorization", fmt::format("Bearer {}", kToken));
    return http_call(dashboard_->address(), "GET", path, headers).value();
  }

  /// By hand, so that a Host can be missing.
  std::string request_of(const Cell& cell) const {
    const Address& at = dashboard_->address();
    const std::string own = at.to_string(), port = std::to_string(at.port);
    std::string text =
        fmt::format("{} {} HTTP/1.1\r\n", cell.endpoint->method, cell.endpoint->path);
    const std::string hosts[] = {own, "localhost:" + port, "127.0.0.1:1", "evil.example:" + port};
    const std::string origins[] = {"", "http://" + own, "http://evil.example", "null"};
    const char* tokens[] = {"", "wrong horse battery staple!!", kToken};
    const char* sites[] = {"", "same-origin", "same-site", "cross-site"};
    if (cell.host != Host::kMissing) text += "Host: " + hosts[int(cell.host)] + "\r\n";
    if (cell.origin != Origin::kNone) text += "Origin: " + origins[int(cell.origin)] + "\r\n";
    if (cell.token != Token::kNone)
      text += fmt::format("Authorization: Bearer {}\r\n", tokens[int(cell.token)]);
    if (cell.site != Site::kNone)
      text += fmt::format("Sec-Fetch-Site: {}\r\n", sites[int(cell.site)]);
    const std::string_view body = cell.endpoint->body;
    if (!body.empty()) text += "Content-Type: application/json\r\n";
    return text + fmt::format("Content-Length: {}\r\n\r\n{}", body.size(), body);
  }

  /// The statuses of as many answers as were asked for, or of those that came.
  std::vector<int> answers_to(std::span<const Cell> cells) {
    std::string text;
    for (const Cell& cell : cells) text += request_of(cell);
    const int fd = connect_to(dashboard_->address());
    ds::check(send(fd, text.data(), text.size(), MSG_NOSIGNAL) == ssize_t(text.size()), "send");
    std::vector<int> statuses;
    std::string got;
    char buffer[65536];
    ssize_t n = 1;
    while (statuses.size() < cells.size() && n > 0) {
      n = recv(fd, buffer, sizeof buffer, 0);
      if (n > 0) got.append(buffer, static_cast<std::size_t>(n));
      for (std::size_t end; (end = got.find("\r\n\r\n")) != got.npos;) {
        const std::size_t length = got.find("Content-Length: ");
        ds::check(length < end, "an answer has a length");
        const std::size_t whole = end + 4 + std::stoul(got.substr(length + 16));
        if (got.size() < whole) break;
        statuses.push_back(std::stoi(got.substr(9, 3)));
        got.erase(0, whole);
      }
    }
    close(fd);
    return statuses;
  }

  void ask(const std::vector<Cell>& cells) {
    const int before = pressed_;
    std::vector<int> statuses = answers_to(cells);
    statuses.resize(cells.size());
    int presses = 0;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const Cell& cell = cells[i];
      const int wanted = expected(cell, needs_token_);
      check_.fault();
      presses += cell.endpoint->kind == Endpoint::kButton && wanted == 200;
      if (statuses[i] != wanted)
        check_.wrong(fmt::format("{} {} host {} origin {} token {} site {}: {}, not {}",
                                 cell.endpoint->method, cell.endpoint->path, int(cell.host),
                                 int(cell.origin), int(cell.token), int(cell.site), statuses[i],
                                 wanted));
    }
    if (pressed_ - before != presses)
      check_.wrong(fmt::format("{} {}: {} presses, not {}", cells[0].endpoint->method,
                               cells[0].endpoint->path, pressed_ - before, presses));
  }

  fault::Promise& check_;
  const bool needs_token_;
  SystemClock clock_;
  NoLog log_;
  std::filesystem::path folder_;
  std::atomic<int> pressed_{0};
  std::atomic<int> long_names_{0};
  std::unique_ptr<Dashboard> dashboard_;
};

void refuses_to_be_open(fault::Promise& check) {
  const SystemClock clock;
  NoLog log;
  for (const char* host : {"0.0.0.0", "::"})
    for (const char* token : {"", "short"}) {
      const auto started = Dashboard::start(
          {.dashboard = {host, 0}, .guard = {.token = token}}, [] { return Snapshot(); }, {}, clock,
          log);
      check.fault();
      if (started.ok()) check.wrong(fmt::format("{} is open with the token '{}'", host, token));
    }
}

int run(int argc, char** argv) {
  fault::Promise check(argc, argv,
                       {.promise = "B14", .check = "closed by default", .faults = 7'200});
  check.size("2 x 3,600 cells");
  refuses_to_be_open(check);
  Bench open(check, {}), guarded(check, {.token = kToken});
  open.ask_every_cell();
  guarded.ask_every_cell();
  guarded.log_in();
  open.tell_markup();
  guarded.tell_markup();
  open.watch_by_a_hundred();
  open.starve();
  return check.end();
}

}  // namespace
}  // namespace ds

int main(int argc, char** argv) {
  return ds::run(argc, argv);
}
