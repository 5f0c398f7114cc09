// Sends bodies of lines to a server by HTTP until each is confirmed: over several connections at
// once, kept open, from the one thread that calls it.
//
//   2xx                   confirmed
//   413, 400, 422         halved until only the lines that are to blame are left; those are refused
//   all else, or silence  tried again until it works, after the wait that the server asked for (at
//                         most kRetryAfterMax) or retry_wait(); patience decides when to give up
//
// libcurl and not net/http_client: it keeps connections and TLS sessions, speaks to proxies, and
// drives many requests from one thread.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "sink/sink.h"

namespace ds {

/// A line and what it came from; `tag` is the caller's.
struct BodyLine {
  std::size_t at = 0;  // where it begins
  std::uint64_t tag = 0;
};
struct Body {
  int target = 0;
  std::string text;
  std::vector<BodyLine> lines;
  int attempts = 0;
};

class LinePoster {
 public:
  static constexpr Nanos kRetryAfterMax = 60 * kSecond;

  struct Settings {
    std::vector<std::string> urls;  // the targets
    std::string authorization;      // "Token …"; empty: none
    std::string user, password;     // for basic authentication; empty: none
    int connections = 4;
    bool gzip = false;
    Nanos request_timeout = 10 * kSecond;
  };
  struct Reply {
    long status = 0;
    std::string body;         // its beginning
    std::string message;      // what it says, or the status
    std::string retry_after;  // as it came
    bool is_influx = false;   // it names itself so, as VictoriaMetrics does not
  };
  struct Refused {
    std::uint64_t tag = 0;
    std::string why;
  };

  LinePoster(Settings settings, const Clock& clock);
  ~LinePoster();
  void be_patient_with(Patience& patience) { patience_ = &patience; }

  /// One request, waited for; an Error when there was no answer.
  Result<Reply> call(const std::string& url, std::string_view body,
                     const char* content_type = "text/plain; charset=utf-8");
  /// Takes a body; returns when no more are waiting than there are connections.
  Status post(Body body);
  /// Returns when all are confirmed or refused.
  Status finish();
  /// What was refused since the last call.
  std::vector<Refused> take_refused() { return std::exchange(refused_, {}); }
  /// Cuts what is under way and forgets what waits. After an error of post() or finish().
  void abort();
  /// An emptied body to fill, so that its memory is used again.
  Body fresh(int target);

 private:
  struct Connection;
  struct EasyDeleter {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  };

  void prepare(Connection& connection, const std::string& url, std::string_view body);
  void send(Connection& connection, Body body);
  Status step(bool may_wait);
  void hear();
  void judge(Connection& connection, CURLcode result);
  void halve(Body body, const std::string& why);
  void fail(Body body, const Reply& reply);
  Status wait_and_retry();
  Reply reply_of(Connection& connection, CURLcode result) const;
  Nanos wait_for(const Reply& reply, int attempts);
  void retire(Body body);

  const Settings settings_;
  const Clock& clock_;
  Patience* patience_ = nullptr;
  Random random_;
  CURLM* multi_ = nullptr;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::deque<Body> waiting_;
  std::vector<Body> failed_;  // to be tried again after the wait
  Nanos wait_ = 0;
  Error why_;
  int busy_ = 0;
  std::vector<Refused> refused_;
  std::vector<Body> spare_;
};

/// Before anything of libcurl's. Threads: any.
void start_curl();
/// What InfluxDB says in an answer's body, with its status.
std::string influx_message(const std::string& body, long status);

/// Nothing for junk. A date is held against `wall_ms`; what is longer than
/// LinePoster::kRetryAfterMax is cut to it, what is past is 0.
std::optional<Nanos> parse_retry_after(std::string_view text, std::int64_t wall_ms);

}  // namespace ds
