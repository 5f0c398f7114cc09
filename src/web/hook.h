// The webhook: signed requests in, records in Kafka out, and 202 only when the broker has them.
//
//   auto hook = Hook::start(settings, lane, clock, log);
//   HttpServer server(lane, limits, [&](const HttpRequest& request, HttpResponder answer) {
//     if (request.path == "/hook") return (*hook)->serve(request, std::move(answer));
//     …
//   }, log);
//
// What a request goes through, in this order: method (405), length (411), type (415), signature
// (401), replay (202 again, once the first one is stored), rate (429), body (400, 403, 413), room
// and broker (503). Framing, header and body limits (400, 408, 413, 431) are the server's.
// docs/gateway.md has the contract.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/histogram.h"
#include "kafka/client/topic_feed.h"
#include "kafka/client/topic_watch.h"
#include "net/http_server.h"
#include "web/hook_body.h"
#include "web/hook_signature.h"
#include "web/replay_window.h"

namespace ds {

struct HookSettings {
  std::vector<std::string> secrets;
  std::vector<std::string> topics;  // those allowed; the first is for bodies that name none
  kafka::ClientSettings client;
  std::int32_t partitions = 3;  // of topics that are created
  std::int16_t replication = -1;
  Nanos tolerance = 300 * kSecond;      // of the sender's clock
  Nanos replay_window = 300 * kSecond;  // 0: copies are stored again
  std::size_t replay_messages_max = 1 << 20;
  double rate_per_key = 0;  // events a second; 0: no limit
  std::size_t in_flight_bytes_max = 64u << 20;
  Nanos give_up = 8 * kSecond;
};

struct HookCounters {
  std::map<int, std::uint64_t> answers;  // by status
  std::uint64_t requests = 0;
  std::uint64_t events = 0;  // acknowledged by the broker
  std::uint64_t bytes = 0;   // of those
  std::uint64_t not_stored = 0;
  std::uint64_t copies = 0;  // requests answered from the replay window
  std::uint64_t waiting = 0;
  std::uint64_t in_flight_bytes = 0;
  std::uint64_t remembered = 0;
  Histogram latency_us;  // of stored requests, from the whole request to its answer
};

/// Threads:  serve() and what it answers belong to the lane; the rest may be called from any other.
/// Lifetime: stop() before the server of its responders goes; after that the lane may go, too.
class Hook {
 public:
  static Result<std::unique_ptr<Hook>> start(HookSettings settings, Lane& lane, const Clock& clock,
                                             Log& log);
  ~Hook();

  void serve(const HttpRequest& request, HttpResponder answer);

  /// The secrets that hold from now on.
  Status change_secrets(const std::vector<std::string>& secrets);
  /// Sends what is under way for a second; what is left is answered 503.
  void stop();
  HookCounters counters() const;
  std::string prometheus_text() const;
  bool away() const;   // the broker of any topic has not taken what waits for it
  bool ready() const;  // and it also answers where nothing waits

 private:
  /// A request whose records are on their way, and its copies.
  struct Ticket {
    std::vector<HttpResponder> answers;
    std::uint64_t message = 0;
    std::uint32_t events = 0;  // of the request
    std::uint32_t left = 0;    // not decided
    bool failed = false;
    bool remembered = false;
    std::size_t bytes = 0;
    Nanos since = 0;
  };
  struct Bucket {
    double level = 0;
    Nanos at = 0;
  };

  Hook(HookSettings settings, HookKeys keys, Lane& lane, const Clock& clock, Log& log);
  void reply(HttpResponder& answer, int status, std::string_view why,
             const HttpHeaders& headers = {});
  void accept(HttpResponder& answer, std::uint32_t events);
  bool is_a_copy(const HookSigned& who, std::uint64_t ticket, HttpResponder& answer);
  bool over_the_rate(std::size_t key, HttpResponder& answer);
  void hand_over(std::uint64_t number, const HookSigned& who, bool remembered, std::size_t bytes,
                 HttpResponder& answer);
  void send_later();
  void decided(std::span<const kafka::TopicFeed::Told> outcomes);
  void finish(Ticket& ticket);

  const HookSettings settings_;
  HookKeys keys_;
  Lane& lane_;
  const Clock& clock_;
  Log& log_;
  HookBodyReader body_;
  ReplayWindow replays_;
  std::vector<Bucket> buckets_;  // by key
  std::unordered_map<std::uint64_t, Ticket> tickets_;
  std::uint64_t next_ticket_ = 1;
  std::size_t in_flight_bytes_ = 0;
  bool sending_later_ = false;
  std::atomic<bool> stopping_{false};
  bool stopped_ = false;  // of who calls stop()
  Lane::TimerId sending_ = 0;
  HookCounters counters_;
  std::vector<std::unique_ptr<kafka::TopicFeed>> feeds_;  // by topic
  std::optional<kafka::TopicWatch> watch_;
};

}  // namespace ds
