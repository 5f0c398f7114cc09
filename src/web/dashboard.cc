#include "web/dashboard.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/json_writer.h"
#include "observe/flux_history.h"
#include "observe/metrics.h"
#include "web/openapi.h"
#include "web_assets.h"

namespace ds {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::size_t kToldMax = 300;
constexpr std::size_t kAlertsMax = 500;
constexpr std::int64_t kForgetEveryMs = 600'000;

/// Everything comes from this server and nothing may frame it.
const HttpHeaders kSafe{
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
     "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
};

HttpHeaders with(HttpHeaders headers, std::string name, std::string value) {
  headers.emplace_back(std::move(name), std::move(value));
  return headers;
}

struct ApiError {
  std::string error;
  std::string hint;
  static void fields(auto& self, auto& io) {
    io("error", self.error);
    io("hint", self.hint);
  }
};

/// Unix milliseconds; -1, which is no instant, for what is not.
std::int64_t instant(const std::optional<std::string>& text) {
  std::int64_t value = -1;
  if (!text) return value;
  const auto [end, wrong] = std::from_chars(text->data(), text->data() + text->size(), value);
  return wrong == std::errc() && end == text->data() + text->size() ? value : -1;
}

/// An address that could not be taken: says which option names another.
Error elsewhere(Error error, std::string_view option) {
  error.hint = fmt::format(
      "choose another address with {} HOST:PORT (port 0 takes a free one), or stop what listens "
      "there",
      option);
  return std::move(error).while_trying("open the dashboard's server");
}

bool accepts_gzip(const HttpRequest& request) {
  const auto accepted = request.header("accept-encoding");
  return accepted && accepted->find("gzip") != std::string_view::npos;
}

void serve_asset(const web_assets::Asset& asset, const HttpRequest& request,
                 HttpResponder& answer) {
  HttpHeaders headers = with(kSafe, "ETag", std::string(asset.etag));
  headers.emplace_back("Cache-Control", "no-cache");
  headers.emplace_back("Vary", "Accept-Encoding");
  if (request.header("if-none-match") == asset.etag)
    return answer.reply(304, asset.content_type, "", headers);
  if (!accepts_gzip(request) || asset.gzip_body.empty())
    return answer.reply(200, asset.content_type, asset.body, headers);
  headers.emplace_back("Content-Encoding", "gzip");
  answer.reply(200, asset.content_type, asset.gzip_body, headers);
}

}  // namespace

std::vector<std::string> Controls::offered() const {
  const std::pair<const char*, bool> all[] = {
      {"start", bool(start)},   {"stop", bool(stop)},
      {"crisis", bool(crisis)}, {"opportunity", bool(opportunity)},
      {"rate", bool(rate)},     {"mix", bool(mix)}};
  std::vector<std::string> names;
  for (const auto& [name, is_there] : all)
    if (is_there) names.emplace_back(name);
  return names;
}

Dashboard::Dashboard(TakeSnapshot take, Controls controls, const Clock& clock, Log& log)
    : take_(std::move(take)),
      controls_(std::move(controls)),
      clock_(clock),
      log_(log),
      second_hand_(clock.wall_ms()),
      keeper_("history", clock),
      lane_("dashboard", clock) {}

Result<std::unique_ptr<Dashboard>> Dashboard::start(const Settings& settings, TakeSnapshot take,
                                                    Controls controls, const Clock& clock,
                                                    Log& log) {
  for (const Address* each : {&settings.dashboard, settings.control ? &*settings.control : nullptr})
    if (each != nullptr)
      if (auto allowed = Guard::allows(*each, settings.guard); !allowed)
        return std::move(allowed).error().while_trying("open the dashboard");
  auto dashboard =
      std::unique_ptr<Dashboard>(new Dashboard(std::move(take), std::move(controls), clock, log));
  Dashboard& self = *dashboard;
  if (!settings.history_file.empty()) {
    auto history = History::open(settings.history_file);
    if (!history) return std::move(history).error();
    self.history_ = std::move(history).value();
    self.past_of_store_ = settings.past_of_store;
    auto alerts = self.history_->alerts(kAlertsMax);
    if (!alerts) return std::move(alerts).error();
    for (const Alert& each : *alerts) self.alert_watch_.remember(each);
    self.alerts_ = {alerts->begin(), alerts->end()};
  }

  self.page_ = std::make_unique<HttpServer>(
      self.lane_, HttpLimits{},
      [&self](const HttpRequest& request, HttpResponder answer) {
        self.serve(request, std::move(answer));
      },
      log);
  auto address = self.page_->listen(settings.dashboard);
  if (!address) return elsewhere(std::move(address).error(), settings.option);
  self.address_ = *address;
  self.lane_.call(
      [&] { self.page_guard_ = std::make_unique<Guard>(self.address_, settings.guard); });
  if (settings.control) {
    self.control_server_ = std::make_unique<HttpServer>(
        self.lane_, HttpLimits{},
        [&self](const HttpRequest& request, HttpResponder answer) {
          if (const auto refused = self.control_guard_->refuse(request))
            return self.refuse(answer, refused->status, refused->reason);
          self.serve_api(request.path, request, std::move(answer));
        },
        log);
    auto control = self.control_server_->listen(*settings.control);
    if (!control) return elsewhere(std::move(control).error(), "--control");
    self.control_address_ = *control;
    self.lane_.call([&] {
      self.control_guard_ = std::make_unique<Guard>(*self.control_address_, settings.guard);
    });
  }
  self.lane_.call([&self] { self.tick_every_second(); });
  return dashboard;
}

Dashboard::~Dashboard() {
  lane_.call([this] {
    for (HttpStream& viewer : viewers_) viewer.close();
    viewers_.clear();
  });
  if (control_server_) control_server_->drain(kSecond);
  page_->drain(kSecond);
  control_server_.reset();
  page_.reset();
}

Snapshot Dashboard::latest() const {
  const std::lock_guard lock(latest_mutex_);
  return latest_;
}

void Dashboard::tick_now() {
  lane_.call([this] {
    tick();
    keep(observer_.close(second_hand_.open_second(), 1), {});
  });
  keeper_.call([] {});
}

void Dashboard::tick_every_second() {
  tick();
  lane_.after(second_hand_.ms_until_next(clock_.wall_ms()) * kMillisecond,
              [this] { tick_every_second(); });
}

void Dashboard::tick() {
  look();
  const auto [first_t, seconds] = second_hand_.passed(clock_.wall_ms());
  std::vector<HistoryPoint> points = observer_.close(first_t, seconds);
  std::vector<Alert> alerts = watch(points);
  tell(points, alerts);
  keep(std::move(points), std::move(alerts));
}

std::vector<Alert> Dashboard::watch(const std::vector<HistoryPoint>& points) {
  std::vector<Alert> raised;
  for (const HistoryPoint& point : points)
    for (const Alert& alert : alert_watch_.add(point.t, point.sentiment)) raised.push_back(alert);
  alerts_.insert(alerts_.end(), raised.begin(), raised.end());
  while (alerts_.size() > kAlertsMax) alerts_.pop_front();
  return raised;
}

void Dashboard::look() {
  Snapshot seen = observer_.observe(take_(), clock_.now(), process_cost());
  seen.controls = controls_.offered();
  const std::lock_guard lock(latest_mutex_);
  latest_ = std::move(seen);
}

/// A point's id is its second, so that ids grow over restarts too.
void Dashboard::tell(const std::vector<HistoryPoint>& points, const std::vector<Alert>& alerts) {
  std::string events = format_event("status", to_json(latest()));
  for (const HistoryPoint& point : points) {
    const std::int64_t id = point.t / 1000;
    told_.push_back({id, fmt::format("id: {}\n{}", id, format_event("point", to_json(point)))});
    events += told_.back().event;
  }
  while (told_.size() > kToldMax) told_.pop_front();
  for (const Alert& alert : alerts) events += format_event("alert", to_json(alert));
  std::erase_if(viewers_, [&](HttpStream& viewer) { return !viewer.send(events); });
}

void Dashboard::keep(std::vector<HistoryPoint> points, std::vector<Alert> alerts) {
  if (!history_ || points.empty()) return;
  keeper_.post([this, points = std::move(points), alerts = std::move(alerts)] {
    const std::int64_t last = points.back().t;
    Status kept = history_->add(points);
    for (const Alert& alert : alerts)
      if (kept) kept = history_->add_alert(alert);
    if (kept && last % kForgetEveryMs == 0) kept = history_->forget(last);
    if (!kept) log_.warn("{}", kept.error().message);
  });
}

void Dashboard::refuse(HttpResponder& answer, int status, const std::string& why,
                       const std::string& hint) {
  const std::string text = to_json(ApiError{why, hint});
  if (status == 401)
    return answer.reply(status, kJson, text, with(kSafe, "WWW-Authenticate", "Bearer"));
  answer.reply(status, kJson, text, kSafe);
}

void Dashboard::reply_status(HttpResponder& answer) {
  answer.reply(200, kJson, to_json(latest()), with(kSafe, "Cache-Control", "no-store"));
}

void Dashboard::mount(std::string path, HttpHandler handler) {
  lane_.call([&] {
    mounted_path_ = std::move(path);
    mounted_ = std::move(handler);
  });
}

/// The token for a cookie that scripts of the page cannot read.
void Dashboard::log_in(const HttpRequest& request, HttpResponder& answer) {
  if (request.method != "POST") return refuse(answer, 405, "logging in changes state", "POST");
  const auto body = nlohmann::json::parse(as_text(request.body), nullptr, false);
  const auto token = body.is_object() ? body.find("token") : body.end();
  if (!body.is_object() || token == body.end() || !token->is_string())
    return refuse(answer, 400, "the token is missing", R"({"token": "…"})");
  if (!page_guard_->is_token(token->get<std::string>()))
    return refuse(answer, 401, "this is not the token",
                  "it is what --token or DATASTORM_TOKEN says");
  answer.reply(
      200, kJson, "{}",
      with(kSafe, "Set-Cookie",
           page_guard_->cookie() + "; HttpOnly; SameSite=Strict; Path=/; Max-Age=2592000"));
}

void Dashboard::serve(const HttpRequest& request, HttpResponder answer) {
  if (!mounted_path_.empty() && request.path == mounted_path_)
    return mounted_(request, std::move(answer));
  if (const auto refused = page_guard_->refuse(request))
    return refuse(answer, refused->status, refused->reason);
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (request.path == "/healthz" || request.path == "/readyz")
    return answer.reply(200, "text/plain", "ok\n", kSafe);
  if (request.path == Guard::kLoginPath && page_guard_->has_token()) return log_in(request, answer);
  if (request.path == "/metrics")
    return answer.reply(200, kPrometheusType, prometheus_text(latest()), kSafe);
  if (request.path.starts_with("/api/"))
    return serve_api(request.path.substr(4), request, std::move(answer));
  for (const web_assets::Asset& asset : web_assets::all()) {
    if (asset.path != (request.path == "/" ? "/index.html" : request.path)) continue;
    if (!reads) return refuse(answer, 405, "pages are only read");
    return serve_asset(asset, request, answer);
  }
  refuse(answer, 404, "there is nothing here");
}

void Dashboard::serve_api(std::string_view path, const HttpRequest& request, HttpResponder answer) {
  const bool get = request.method == "GET";
  if (path == "/status" && get) return reply_status(answer);
  if (path == "/history" && get) return serve_history(request, std::move(answer));
  if (path == "/alerts" && get) return reply_alerts(answer);
  if (path == "/stream" && get) return open_stream(request, std::move(answer));
  if (path == "/openapi.json" && get) return answer.reply(200, kJson, kOpenApi, kSafe);
  static constexpr std::string_view kControls[] = {"/start", "/stop", "/trigger/crisis",
                                                   "/rate",  "/mix",  "/trigger/opportunity"};
  for (const std::string_view each : kControls) {
    if (path != each) continue;
    if (request.method != "POST")
      return refuse(answer, 405, "state never changes on " + std::string(request.method), "POST");
    return control(each, request, std::move(answer));
  }
  for (const std::string_view read : {"/status", "/history", "/alerts", "/stream", "/openapi.json"})
    if (path == read) return refuse(answer, 405, "this is only read", "GET");
  refuse(answer, 404, "there is nothing here");
}

void Dashboard::open_stream(const HttpRequest& request, HttpResponder answer) {
  const auto heard = request.parameter("since");
  const std::string_view last =
      heard ? std::string_view(*heard) : request.header("last-event-id").value_or("");
  std::int64_t since = 0;
  const auto [end, wrong] = std::from_chars(last.data(), last.data() + last.size(), since);
  const bool came_back = wrong == std::errc() && end == last.data() + last.size();
  std::string events = format_event("status", to_json(latest()));
  for (const auto& [id, event] : told_)
    if (came_back && id > since) events += event;
  HttpStream viewer = answer.stream(kSafe);
  if (viewer.send(events)) viewers_.push_back(viewer);
}

void Dashboard::reply_alerts(HttpResponder& answer) {
  std::string text;
  JsonWriter(text).put(alerts_);
  answer.reply(200, kJson, text, with(kSafe, "Cache-Control", "no-store"));
}

/// On the keeper's lane. A store that cannot be asked just now is no reason to show nothing.
Result<HistoryColumns> Dashboard::read_history(const HistorySpan& span, const std::string& brand) {
  auto own = history_->read(span, brand);
  if (!own || !past_of_store_) return own;
  const auto store = past_of_store_(span, brand);
  if (store) return merged(*own, *store);
  log_.warn("the history is this machine's own alone: {}", store.error().message);
  return own;
}

void Dashboard::serve_history(const HttpRequest& request, HttpResponder answer) {
  const auto from = request.parameter("from"), to = request.parameter("to");
  auto span = from || to ? span_between(instant(from), instant(to), clock_.wall_ms())
                         : named_span(request.parameter("range").value_or("5m"), clock_.wall_ms());
  if (!span) return refuse(answer, 400, span.error().message, span.error().hint);
  if (!history_) return refuse(answer, 501, "this server keeps no history");
  keeper_.post([this, span = *span, brand = std::string(request.parameter("brand").value_or("")),
                answer]() mutable {
    auto columns = read_history(span, brand);
    lane_.post([this, answer, columns = std::move(columns)]() mutable {
      if (!columns) return refuse(answer, 500, columns.error().message);
      answer.reply(200, kJson, to_json(*columns), with(kSafe, "Cache-Control", "no-store"));
    });
  });
}

void Dashboard::control(std::string_view what, const HttpRequest& request, HttpResponder answer) {
  const auto done = [&](const Status& status) {
    if (!status) return refuse(answer, 400, status.error().message, status.error().hint);
    tick();
    reply_status(answer);
  };
  const auto press = [&](const std::function<Status()>& button) {
    if (!button) return refuse(answer, 501, "this server has no storm to control");
    done(button());
  };
  if (what == "/start") return press(controls_.start);
  if (what == "/stop") return press(controls_.stop);
  if (what == "/trigger/crisis") return press(controls_.crisis);
  if (what == "/trigger/opportunity") return press(controls_.opportunity);
  if (what == "/mix") {
    if (!controls_.mix) return refuse(answer, 501, "this server has no storm to control");
    return done(controls_.mix(std::string(as_text(request.body))));
  }
  // /rate: {"rate": 5000} or {"rate": "max"}
  if (!controls_.rate) return refuse(answer, 501, "this server has no storm to control");
  const auto body = nlohmann::json::parse(as_text(request.body), nullptr, false);
  const auto rate = body.is_object() ? body.find("rate") : body.end();
  if (!body.is_object() || rate == body.end() ||
      !((rate->is_number() && rate->get<double>() >= 0) || *rate == "max"))
    return refuse(answer, 400, "the rate is missing", R"({"rate": 5000} or {"rate": "max"})");
  done(controls_.rate(rate->is_number() ? std::optional(rate->get<double>()) : std::nullopt));
}

}  // namespace ds
