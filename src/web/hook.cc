#include "web/hook.h"

#include <algorithm>
#include <cmath>
#include <thread>

#include "base/json_writer.h"

namespace ds {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::size_t kEventOverhead = 64;  // of memory, beside its bytes
constexpr Nanos kFirstContact = 3 * kSecond;

struct Refused {
  std::string_view error;
  static void fields(auto& self, auto& io) { io("error", self.error); }
};

}  // namespace

Hook::Hook(HookSettings settings, HookKeys keys, Lane& lane, const Clock& clock, Log& log)
    : settings_(std::move(settings)),
      keys_(std::move(keys)),
      lane_(lane),
      clock_(clock),
      log_(log),
      body_(settings_.topics),
      replays_(settings_.replay_messages_max, settings_.replay_window),
      buckets_(keys_.size(), Bucket{settings_.rate_per_key, clock.now()}) {}

Result<std::unique_ptr<Hook>> Hook::start(HookSettings settings, Lane& lane, const Clock& clock,
                                          Log& log) {
  auto keys = HookKeys::make(settings.secrets);
  if (!keys) return std::move(keys).error();
  for (const std::string& topic : settings.topics)
    if (!may_be_topic(topic))
      return Error{.code = ErrorCode::kUsage,
                   .message = fmt::format("no topic may be called '{}'", topic),
                   .hint = "1 to 249 of a-z A-Z 0-9 . _ -"};
  check(!settings.topics.empty(), "a hook without a topic");
  auto hook =
      std::unique_ptr<Hook>(new Hook(std::move(settings), std::move(*keys), lane, clock, log));
  Hook& self = *hook;
  for (const std::string& topic : self.settings_.topics) {
    kafka::TopicFeed::Settings feed{.client = self.settings_.client,
                                    .topic = {.name = topic,
                                              .partitions = self.settings_.partitions,
                                              .replication = self.settings_.replication},
                                    .give_up = self.settings_.give_up};
    self.feeds_.push_back(std::make_unique<kafka::TopicFeed>(
        std::move(feed),
        [&self](std::span<const kafka::TopicFeed::Told> outcomes) {
          self.lane_.post(
              [&self, all = std::vector(outcomes.begin(), outcomes.end())] { self.decided(all); });
        },
        clock, log));
  }
  // A broker that is there should not cost the first sender a 503.
  for (const Nanos until = clock.now() + kFirstContact; self.away() && clock.now() < until;)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  self.watch_.emplace(self.settings_.client, self.settings_.topics, clock);
  return hook;
}

Hook::~Hook() {
  stop();
}

void Hook::stop() {
  if (std::exchange(stopped_, true)) return;
  lane_.call([this] {
    stopping_ = true;  // nothing on the lane looks at the feeds after this
    lane_.cancel(sending_);
    for (const auto& feed : feeds_) feed->send();
  });
  feeds_.clear();      // their last outcomes are in the lane's inbox now,
  lane_.call([this] {  // before this
    for (auto& [number, ticket] : tickets_) {
      ticket.failed = true;
      finish(ticket);
    }
    tickets_.clear();
  });
}

Status Hook::change_secrets(const std::vector<std::string>& secrets) {
  auto keys = HookKeys::make(secrets);
  if (!keys) return std::move(keys).error();
  lane_.call([&] {
    keys_ = std::move(*keys);
    buckets_.assign(keys_.size(), Bucket{settings_.rate_per_key, clock_.now()});
  });
  return Done{};
}

bool Hook::away() const {
  return stopping_ || std::ranges::any_of(feeds_, [](const auto& feed) { return feed->away(); });
}

bool Hook::ready() const {
  return !away() && watch_->answers();
}

void Hook::reply(HttpResponder& answer, int status, std::string_view why,
                 const HttpHeaders& headers) {
  ++counters_.answers[status];
  answer.reply(status, kJson, to_json(Refused{why}) + "\n", headers);
}

void Hook::accept(HttpResponder& answer, std::uint32_t events) {
  ++counters_.answers[202];
  if (events == 1) return answer.reply(202, kJson, "{\"stored\":1}\n");
  answer.reply(202, kJson, fmt::format("{{\"stored\":{}}}\n", events));
}

void Hook::serve(const HttpRequest& request, HttpResponder answer) {
  ++counters_.requests;
  if (stopping_) return reply(answer, 503, "it is ending", {{"Retry-After", "5"}});
  if (request.method != "POST")
    return reply(answer, 405, "events are sent with POST", {{"Allow", "POST"}});
  if (!request.header("content-length") && !request.header("transfer-encoding"))
    return reply(answer, 411, "the body's length is missing");
  if (request.header_count("content-type") > 1) return reply(answer, 415, "the type is said twice");
  const auto format = hook_format(request.header("content-type"));
  if (!format || !same_header(request.header("content-encoding").value_or("identity"), "identity"))
    return reply(answer, 415,
                 "the body must be application/json or application/x-ndjson, not packed");

  const auto who =
      check_signature(keys_, request, clock_.wall_ms() / 1000, settings_.tolerance / kSecond);
  if (!who) return reply(answer, 401, who.error().message, {{"WWW-Authenticate", "Signature"}});
  const std::uint64_t number = next_ticket_++;
  const bool remembers = settings_.replay_window > 0;
  if (remembers && is_a_copy(*who, number, answer)) return;
  // From here on it is remembered: whoever refuses it forgets it again.
  const auto forget = [&] {
    if (remembers) replays_.forget(who->message);
  };
  if (over_the_rate(who->key, answer)) return forget();
  if (const auto refused = body_.read(*format, request.body)) {
    forget();
    return reply(answer, refused->status, refused->why);
  }
  std::size_t bytes = 0;
  bool away = false;
  for (const HookEvent& event : body_.events()) {
    bytes += event.value.size() + kEventOverhead;
    if (event.value.size() > kafka::TopicFeed::kRecordBytesMax) {
      forget();
      return reply(answer, 413, "an event is larger than a record may be");
    }
  }
  std::uint32_t last = ~0u;
  for (const HookEvent& event : body_.events())
    if (event.topic != std::exchange(last, event.topic)) away = away || feeds_[event.topic]->away();
  if (away || in_flight_bytes_ + bytes > settings_.in_flight_bytes_max) {
    forget();
    return reply(answer, 503, away ? "the broker does not answer" : "too much is under way",
                 {{"Retry-After", "1"}});
  }
  hand_over(number, *who, remembers, bytes, answer);
}

bool Hook::is_a_copy(const HookSigned& who, std::uint64_t ticket, HttpResponder& answer) {
  using Seen = ReplayWindow::Seen;
  // Old enough that its first copy may have been forgotten.
  const bool too_old = who.signed_s && *who.signed_s <= replays_.forgotten_until();
  const Seen seen = replays_.begin(who.message, ticket, who.signed_s.value_or(-1), clock_.now());
  switch (seen) {
    case Seen::kNew:
      if (!too_old) return false;
      replays_.forget(who.message);
      reply(answer, 401, "it is older than what is remembered against replay");
      return true;
    case Seen::kStored:
      ++counters_.copies;
      accept(answer, 1);
      return true;
    case Seen::kPending:
      ++counters_.copies;
      tickets_.at(replays_.ticket()).answers.push_back(answer);
      return true;
    case Seen::kFull:
      reply(answer, 503, "too much is under way", {{"Retry-After", "1"}});
      return true;
  }
  return true;
}

/// A bucket of one second for each key; what is over waits until there is a whole event's room.
bool Hook::over_the_rate(std::size_t key, HttpResponder& answer) {
  if (settings_.rate_per_key <= 0) return false;
  Bucket& bucket = buckets_[key];
  const Nanos now = clock_.now();
  bucket.level =
      std::min(std::max(settings_.rate_per_key, 1.0),
               bucket.level + static_cast<double>(now - bucket.at) / 1e9 * settings_.rate_per_key);
  bucket.at = now;
  if (bucket.level >= 1) return false;
  const double wait = std::ceil((1 - bucket.level) / settings_.rate_per_key);
  reply(answer, 429, "this key has sent more than its rate",
        {{"Retry-After", fmt::format("{}", std::max(1.0, wait))}});
  return true;
}

void Hook::hand_over(std::uint64_t number, const HookSigned& who, bool remembered,
                     std::size_t bytes, HttpResponder& answer) {
  const auto events = static_cast<std::uint32_t>(body_.events().size());
  if (settings_.rate_per_key > 0) buckets_[who.key].level -= events;
  for (const HookEvent& event : body_.events())
    feeds_[event.topic]->add(number, event.value, event.producer);
  in_flight_bytes_ += bytes;
  Ticket& ticket = tickets_[number];
  ticket.answers.push_back(answer);
  ticket.message = who.message;
  ticket.remembered = remembered;
  ticket.events = ticket.left = events;
  ticket.bytes = bytes;
  ticket.since = clock_.now();
  send_later();
}

/// Once a turn of the lane, whatever came in it.
void Hook::send_later() {
  if (std::exchange(sending_later_, true)) return;
  sending_ = lane_.after(0, [this] {
    sending_later_ = false;
    for (const auto& feed : feeds_) feed->send();
  });
}

void Hook::decided(std::span<const kafka::TopicFeed::Told> outcomes) {
  for (const auto& [number, records, stored] : outcomes) {
    const auto found = tickets_.find(number);
    if (found == tickets_.end()) continue;  // stop() has answered it
    Ticket& ticket = found->second;
    ticket.left -= records;
    ticket.failed = ticket.failed || !stored;
    if (ticket.left > 0) continue;
    finish(ticket);
    tickets_.erase(found);
  }
}

void Hook::finish(Ticket& ticket) {
  in_flight_bytes_ -= ticket.bytes;
  if (ticket.remembered && ticket.failed) replays_.forget(ticket.message);
  if (ticket.remembered && !ticket.failed) replays_.stored(ticket.message);
  if (ticket.failed) {
    counters_.not_stored += ticket.events;
    for (HttpResponder& answer : ticket.answers)
      reply(answer, 503, "the broker has not taken it in time", {{"Retry-After", "1"}});
    return;
  }
  counters_.events += ticket.events;
  counters_.bytes += ticket.bytes - ticket.events * kEventOverhead;
  counters_.latency_us.record((clock_.now() - ticket.since) / kMicrosecond);
  for (HttpResponder& answer : ticket.answers) accept(answer, ticket.events);
}

HookCounters Hook::counters() const {
  HookCounters now;
  lane_.call([&] {
    now = counters_;
    now.waiting = tickets_.size();
    now.in_flight_bytes = in_flight_bytes_;
    now.remembered = replays_.size();
  });
  return now;
}

std::string Hook::prometheus_text() const {
  const HookCounters now = counters();
  std::string text;
  const auto add = [&](std::string_view name, std::string_view kind, std::string_view help,
                       std::uint64_t value) {
    text += fmt::format(
        "# HELP datastorm_hook_{0} {2}\n# TYPE datastorm_hook_{0} {1}\n"
        "datastorm_hook_{0} {3}\n",
        name, kind, help, value);
  };
  text +=
      "# HELP datastorm_hook_answers_total Requests answered, by status.\n"
      "# TYPE datastorm_hook_answers_total counter\n";
  for (const auto& [status, count] : now.answers)
    text += fmt::format("datastorm_hook_answers_total{{status=\"{}\"}} {}\n", status, count);
  add("events_total", "counter", "Events acknowledged by the broker.", now.events);
  add("event_bytes_total", "counter", "Bytes of those events.", now.bytes);
  add("not_stored_total", "counter", "Events answered 503 after they were taken.", now.not_stored);
  add("copies_total", "counter", "Requests that were copies of remembered ones.", now.copies);
  add("waiting", "gauge", "Requests that wait for the broker.", now.waiting);
  add("in_flight_bytes", "gauge", "Bytes that wait for the broker.", now.in_flight_bytes);
  add("remembered", "gauge", "Messages remembered against replay.", now.remembered);
  text +=
      "# HELP datastorm_hook_latency_us From the whole request to its 202.\n"
      "# TYPE datastorm_hook_latency_us summary\n";
  for (const double share : {0.5, 0.9, 0.99, 0.999})
    text += fmt::format("datastorm_hook_latency_us{{quantile=\"{}\"}} {}\n", share,
                        now.latency_us.quantile(share));
  text += fmt::format("datastorm_hook_latency_us_count {}\n", now.latency_us.count());
  return text;
}

}  // namespace ds
