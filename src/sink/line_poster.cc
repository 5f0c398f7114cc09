#include "sink/line_poster.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/retry_wait.h"

namespace ds {
namespace {

constexpr std::size_t kReplyBytesMax = 16 << 10;
constexpr Nanos kConnectTimeout = 5 * kSecond;
constexpr int kTurnMs = 100;  // how late the end of patience may be seen

bool gzip(std::string_view plain, std::string& into) {
  z_stream stream{};
  if (deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return false;
  into.resize(deflateBound(&stream, plain.size()));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(into.data());
  stream.avail_out = static_cast<uInt>(into.size());
  const bool whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  into.resize(stream.total_out);
  deflateEnd(&stream);
  return whole;
}

bool starts_with_name(std::string_view line, std::string_view name) {
  return line.size() > name.size() && line[name.size()] == ':' &&
         std::equal(name.begin(), name.end(), line.begin(), [](char a, char b) {
           return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b + 32) : b);
         });
}

}  // namespace

void start_curl() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

/// Influx says it in "message" (2.x) or "error" (1.x).
std::string influx_message(const std::string& body, long status) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (json.is_object())
    for (const char* name : {"message", "error"})
      if (json.contains(name) && json[name].is_string())
        return fmt::format("{} ({})", status, json[name].get<std::string>());
  return fmt::format("{}", status);
}

std::optional<Nanos> parse_retry_after(std::string_view text, std::int64_t wall_ms) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r' || text.back() == '\n'))
    text.remove_suffix(1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  constexpr std::int64_t kMaxSeconds = LinePoster::kRetryAfterMax / kSecond;
  if (text.find_first_not_of("0123456789") == std::string_view::npos) {
    std::int64_t seconds = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (parsed.ec != std::errc()) seconds = kMaxSeconds;  // more than 64 bits
    return std::min(seconds, kMaxSeconds) * kSecond;
  }
  // HTTP's dates begin with the day's name; curl alone would take far more for a date.
  if (text.find(',') != 3 && text.find(',') != std::string_view::npos) return std::nullopt;
  const std::time_t date = curl_getdate(std::string(text).c_str(), nullptr);
  if (date < 0 || text.find(':') == std::string_view::npos) return std::nullopt;
  return std::clamp<Nanos>((static_cast<std::int64_t>(date) - wall_ms / 1000), 0, kMaxSeconds) *
         kSecond;
}

struct LinePoster::Connection {
  std::unique_ptr<CURL, EasyDeleter> easy{curl_easy_init()};
  curl_slist* headers = nullptr;
  std::string packed;
  Reply reply;
  Body body;
  bool busy = false;

  ~Connection() { curl_slist_free_all(headers); }

  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* self) {
    std::string& body = static_cast<Connection*>(self)->reply.body;
    body.append(data, std::min(size, kReplyBytesMax - body.size()));
    return size;
  }
  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) {
    Reply& reply = static_cast<Connection*>(self)->reply;
    const std::string_view line(data, size);
    if (starts_with_name(line, "retry-after")) reply.retry_after = line.substr(12);
    if (starts_with_name(line, "x-influxdb-build")) reply.is_influx = true;
    return size;
  }
};

LinePoster::LinePoster(Settings settings, const Clock& clock)
    : settings_(std::move(settings)),
      clock_(clock),
      random_(mix_bits(static_cast<std::uint64_t>(clock.now()))) {
  start_curl();
  multi_ = curl_multi_init();
  check(multi_ != nullptr, "libcurl starts");
  for (int i = 0; i < std::max(1, settings_.connections); ++i)
    connections_.push_back(std::make_unique<Connection>());
}

LinePoster::~LinePoster() {
  abort();
  connections_.clear();
  curl_multi_cleanup(multi_);
}

void LinePoster::prepare(Connection& connection, const std::string& url, std::string_view body) {
  CURL* easy = connection.easy.get();
  curl_easy_reset(easy);  // keeps its connections
  connection.reply = {};
  curl_slist_free_all(std::exchange(connection.headers, nullptr));
  const auto add = [&](const std::string& line) {
    connection.headers = curl_slist_append(connection.headers, line.c_str());
  };
  add("Expect:");
  if (!settings_.authorization.empty()) add("Authorization: " + settings_.authorization);
  if (settings_.gzip && body.size() > 1024 && gzip(body, connection.packed)) {
    add("Content-Encoding: gzip");
    body = connection.packed;
  }
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, settings_.request_timeout / kMillisecond);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   std::min(kConnectTimeout, settings_.request_timeout) / kMillisecond);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Connection::on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &connection);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Connection::on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &connection);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &connection);
  if (!settings_.user.empty()) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(easy, CURLOPT_USERNAME, settings_.user.c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, settings_.password.c_str());
  }
}

LinePoster::Reply LinePoster::reply_of(Connection& connection, CURLcode result) const {
  Reply reply = std::move(connection.reply);
  curl_easy_getinfo(connection.easy.get(), CURLINFO_RESPONSE_CODE, &reply.status);
  if (result != CURLE_OK) {
    reply.status = 0;  // half an answer is none
    reply.message = curl_easy_strerror(result);
  } else {
    reply.message = influx_message(reply.body, reply.status);
  }
  return reply;
}

Result<LinePoster::Reply> LinePoster::call(const std::string& url, std::string_view body,
                                           const char* content_type) {
  Connection& connection = *connections_.front();
  check(!connection.busy, "nothing else is under way");
  prepare(connection, url, body);
  connection.headers =
      curl_slist_append(connection.headers, fmt::format("Content-Type: {}", content_type).c_str());
  curl_easy_setopt(connection.easy.get(), CURLOPT_HTTPHEADER, connection.headers);
  // A question is rare, and its connection is not the one that writes will use.
  curl_easy_setopt(connection.easy.get(), CURLOPT_FORBID_REUSE, 1L);
  const CURLcode result = curl_easy_perform(connection.easy.get());
  Reply reply = reply_of(connection, result);
  if (reply.status == 0)
    return Error{.code = ErrorCode::kUnreachable,
                 .message = fmt::format("{} does not answer: {}", url.substr(0, url.find('?')),
                                        reply.message)};
  return reply;
}

Body LinePoster::fresh(int target) {
  Body body;
  if (!spare_.empty()) {
    body = std::move(spare_.back());
    spare_.pop_back();
  }
  body.target = target;
  return body;
}

void LinePoster::retire(Body body) {
  if (spare_.size() > connections_.size()) return;
  body.text.clear();
  body.lines.clear();
  body.attempts = 0;
  spare_.push_back(std::move(body));
}

Status LinePoster::post(Body body) {
  waiting_.push_back(std::move(body));
  while (!waiting_.empty())
    if (auto stepped = step(true); !stepped) return stepped;
  return Done{};
}

Status LinePoster::finish() {
  while (!waiting_.empty() || busy_ > 0 || !failed_.empty())
    if (auto stepped = step(true); !stepped) return stepped;
  return Done{};
}

/// One turn: what is idle gets work, what has come is judged, and if there is nothing else to do,
/// it waits.
Status LinePoster::step(bool may_wait) {
  if (failed_.empty())  // a server that fails is let alone until it has been waited for
    for (auto& connection : connections_) {
      if (waiting_.empty()) break;
      if (connection->busy) continue;
      Body body = std::move(waiting_.front());
      waiting_.pop_front();
      send(*connection, std::move(body));
    }
  int running = 0;
  curl_multi_perform(multi_, &running);
  hear();
  if (busy_ == 0 && !failed_.empty()) return wait_and_retry();
  const bool all_busy = static_cast<std::size_t>(busy_) == connections_.size();
  if (may_wait && busy_ > 0 && (all_busy || waiting_.empty() || !failed_.empty())) {
    curl_multi_poll(multi_, nullptr, 0, kTurnMs, nullptr);
    if (patience_ != nullptr && patience_->over())
      return Error{
          .code = ErrorCode::kTimeout,
          .message = "the server's answer was not waited for: the partitions go elsewhere"};
  }
  return Done{};
}

void LinePoster::send(Connection& connection, Body body) {
  connection.body = std::move(body);
  connection.busy = true;
  ++busy_;
  prepare(connection, settings_.urls[static_cast<std::size_t>(connection.body.target)],
          connection.body.text);
  connection.headers =
      curl_slist_append(connection.headers, "Content-Type: text/plain; charset=utf-8");
  curl_easy_setopt(connection.easy.get(), CURLOPT_HTTPHEADER, connection.headers);
  curl_multi_add_handle(multi_, connection.easy.get());
}

void LinePoster::hear() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    char* self = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &self);
    const CURLcode result = message->data.result;
    curl_multi_remove_handle(multi_, message->easy_handle);
    judge(*reinterpret_cast<Connection*>(self), result);
  }
}

void LinePoster::judge(Connection& connection, CURLcode result) {
  const Reply reply = reply_of(connection, result);
  Body body = std::move(connection.body);
  connection.busy = false;
  --busy_;
  if (reply.status >= 200 && reply.status < 300)
    retire(std::move(body));
  else if (reply.status == 400 || reply.status == 413 || reply.status == 422)
    halve(std::move(body), reply.message);
  else
    fail(std::move(body), reply);
}

void LinePoster::halve(Body body, const std::string& why) {
  if (body.lines.size() <= 1) {
    for (const BodyLine& line : body.lines) refused_.push_back({line.tag, why});
    return retire(std::move(body));
  }
  const std::size_t middle = body.lines.size() / 2, cut = body.lines[middle].at;
  Body second = fresh(body.target);
  second.text = body.text.substr(cut);
  for (std::size_t i = middle; i < body.lines.size(); ++i)
    second.lines.push_back({body.lines[i].at - cut, body.lines[i].tag});
  body.text.resize(cut);
  body.lines.resize(middle);
  waiting_.push_front(std::move(second));
  waiting_.push_front(std::move(body));
}

void LinePoster::fail(Body body, const Reply& reply) {
  const std::string& url = settings_.urls[static_cast<std::size_t>(body.target)];
  const std::string server = url.substr(0, url.find('?'));
  why_ = {.code = ErrorCode::kTimeout,
          .message = reply.status == 0
                         ? fmt::format("{} does not answer: {}", server, reply.message)
                         : fmt::format("{} answered {}", server, reply.message)};
  if (reply.status == 401 || reply.status == 403) why_.hint = "check the token";
  if (reply.status == 404) why_.hint = "check organisation and bucket, or the database";
  wait_ = std::max(wait_, wait_for(reply, body.attempts));
  ++body.attempts;
  failed_.push_back(std::move(body));
}

Nanos LinePoster::wait_for(const Reply& reply, int attempts) {
  const auto asked = parse_retry_after(reply.retry_after, clock_.wall_ms());
  if (!asked) return retry_wait(attempts, random_);
  const auto spread = static_cast<Nanos>(random_.below(kRetryFloor));
  return std::max(*asked, kRetryFloor) + spread;
}

Status LinePoster::wait_and_retry() {
  const Nanos wait = std::exchange(wait_, 0);
  if (patience_ == nullptr || !patience_->wait(wait, why_)) return why_;
  for (auto body = failed_.rbegin(); body != failed_.rend(); ++body)
    waiting_.push_front(std::move(*body));
  failed_.clear();
  return Done{};
}

void LinePoster::abort() {
  for (auto& connection : connections_) {
    if (!connection->busy) continue;
    curl_multi_remove_handle(multi_, connection->easy.get());
    connection->busy = false;
    retire(std::move(connection->body));
  }
  busy_ = 0;
  wait_ = 0;
  waiting_.clear();
  failed_.clear();
  refused_.clear();
}

}  // namespace ds
