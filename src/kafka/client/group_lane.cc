#include "kafka/client/group_lane.h"

#include <algorithm>

#include "base/thread_name.h"

namespace ds::kafka {
namespace {

constexpr Nanos kIdle = kSecond;
constexpr Nanos kPause = 20 * kMillisecond;
// How much longer than the group may take we wait for its word before we ask again.
constexpr Nanos kGrace = 10 * kSecond;

}  // namespace

GroupLane::GroupLane(const ClientSettings& client, MemberSettings settings, const Clock& clock,
                     Log& log, std::function<void()> wake)
    : client_(client),
      settings_(settings),
      clock_(clock),
      log_(log),
      wake_(std::move(wake)),
      cluster_(client_, poller_, clock, log),
      joins_(client_, settings_.group, poller_, clock, cluster_, log),
      beats_(client_, settings_.group, poller_, clock, cluster_, log),
      member_(std::move(settings)) {
  for (const std::string& topic : settings_.topics) cluster_.follow(topic);
  cluster_.want_refresh();
  thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
}

GroupLane::~GroupLane() {
  thread_.request_stop();
  poller_.wake();
}

// For the other thread

std::vector<GroupMember::Change> GroupLane::take_changes() {
  const std::lock_guard lock(mutex_);
  return std::exchange(changes_, {});
}

void GroupLane::given_up(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  given_up_ = number;
  poller_.wake();
}

bool GroupLane::sure() const {
  const std::lock_guard lock(mutex_);
  return changes_.empty() && (!owns_ || clock_.now() < sure_until_);
}

std::optional<Error> GroupLane::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

void GroupLane::leave(Nanos deadline) {
  std::unique_lock lock(mutex_);
  leave_ = true;
  poller_.wake();
  left_.wait_for(lock, std::chrono::nanoseconds(std::max<Nanos>(deadline - clock_.now(), 0)),
                 [&] { return gone_; });
}

// The lane's thread

void GroupLane::run(std::stop_token stop) {
  name_thread("group");
  while (!stop.stop_requested()) {
    const Nanos now = clock_.now();
    take_orders(now);
    cluster_.turn(now);
    tell_counts(now);
    member_.tick(now);
    if (member_.take_wants_coordinator()) {
      joins_.ask_again(now);
      beats_.ask_again(now);
    }
    if (member_.state() != MemberState::kGone) {
      send(now);
      send_short(now);
    }
    publish();
    poller_.wait(std::max<Nanos>(next_turn(now) - now, 0));
  }
}

void GroupLane::take_orders(Nanos now) {
  std::uint64_t given_up;
  bool leave;
  {
    const std::lock_guard lock(mutex_);
    given_up = std::exchange(given_up_, 0);
    leave = leave_;
  }
  if (given_up != 0) member_.given_up(given_up, now);
  if (leave) member_.leave(now);
}

void GroupLane::tell_counts(Nanos now) {
  const auto missing = [&](const std::string& topic) {
    return !cluster_.map().topics.contains(topic);
  };
  const auto& wanted = member_.topics_wanted();
  const bool lacks = std::any_of(wanted.begin(), wanted.end(), missing);
  if (lacks) {
    for (const std::string& topic : wanted) cluster_.follow(topic);
    cluster_.want_refresh();
    return;
  }
  const bool asks = member_.state() == MemberState::kAssigning;
  if (cluster_.version() == map_version_ && !asks) return;
  map_version_ = cluster_.version();
  PartitionCounts counts;
  for (const auto& [name, topic] : cluster_.map().topics)
    if (topic.error == KafkaError::kNone)
      counts[name] = static_cast<std::int32_t>(topic.partitions.size());
  member_.set_counts(counts, now);
  for (const std::string& topic : settings_.topics)  // it may come to be
    if (!counts.contains(topic)) cluster_.want_refresh();
}

template <typename Request>
void GroupLane::ask(Connection& to, const Request& request, Tag tag, Nanos deadline) {
  const Status asked = to.ask(request, {.listener = this, .tag = tag, .deadline = deadline});
  if (!asked) {
    // The broker does not speak it: no waiting will mend that.
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = asked.error();
    return;
  }
  to.flush();
}

void GroupLane::send(Nanos now) {
  Connection* const to = joins_.connection(now);
  if (!to) return;
  const auto request = member_.next(now);
  if (!request) return;
  const Nanos deadline = now + settings_.rebalance_timeout + kGrace;
  if (const auto* join = std::get_if<JoinGroupRequest>(&*request))
    ask(*to, *join, kJoin, deadline);
  else
    ask(*to, std::get<SyncGroupRequest>(*request), kSync, deadline);
}

void GroupLane::send_short(Nanos now) {
  Connection* const to = beats_.connection(now);
  if (!to) return;
  const auto request = member_.next_short(now);
  if (!request) return;
  // An answer later than that would come too late to ask again.
  const Nanos deadline = now + std::min(client_.request_timeout, settings_.session_timeout / 2);
  if (const auto* beat = std::get_if<HeartbeatRequest>(&*request))
    ask(*to, *beat, kHeartbeat, deadline);
  else
    ask(*to, std::get<LeaveGroupRequest>(*request), kLeave, deadline);
}

void GroupLane::publish() {
  auto changes = member_.take_changes();
  if (member_.state() != said_) {
    said_ = member_.state();
    log_.debug("group {}: {}, generation {}", settings_.group, name_of(said_),
               member_.membership().generation);
  }
  bool news;
  {
    const std::lock_guard lock(mutex_);
    const bool had_error = error_.has_value();
    if (!error_ && member_.error()) error_ = member_.error();
    for (const Coordinator* each : {&joins_, &beats_})
      if (!error_ && each->fatal()) error_ = *each->fatal();
    news = !changes.empty() || (error_ && !had_error);
    std::move(changes.begin(), changes.end(), std::back_inserter(changes_));
    sure_until_ = member_.sure_until();
    owns_ = !member_.owned().empty();
    gone_ = member_.state() == MemberState::kGone;
    if (gone_) left_.notify_all();
  }
  if (news) wake_();
}

Nanos GroupLane::next_turn(Nanos now) const {
  Nanos next = now + kIdle;
  for (const Nanos at :
       {cluster_.next_turn(), joins_.next_turn(), beats_.next_turn(), member_.next_turn()}) {
    // What is due and not done waits for a connection, whose socket will wake us.
    if (at >= 0) next = std::min(next, at > now ? at : now + kPause);
  }
  return next;
}

template <typename Response>
bool GroupLane::hear(ByteView body, const Connection* from, Nanos now) {
  if (!from) return false;
  const auto version = from->version_of(Response::api);
  if (!version) return false;
  const auto answer = decode<Response>(body, *version);
  if (!answer) return false;
  member_.on(*answer, now);
  return true;
}

void GroupLane::on_answer(std::uint64_t tag, ByteView body, const FrameOwner& /*frame*/) {
  const Nanos now = clock_.now();
  const bool is_short = tag == kHeartbeat || tag == kLeave;
  Coordinator& asked = is_short ? beats_ : joins_;
  const Connection* const from = asked.connection(now);
  const bool heard = tag == kJoin        ? hear<JoinGroupResponse>(body, from, now)
                     : tag == kSync      ? hear<SyncGroupResponse>(body, from, now)
                     : tag == kHeartbeat ? hear<HeartbeatResponse>(body, from, now)
                                         : hear<LeaveGroupResponse>(body, from, now);
  if (heard) return;
  is_short ? member_.lost_short(now) : member_.lost(now);
  asked.ask_again(now);
}

void GroupLane::on_lost(std::uint64_t tag, bool /*sent*/, const Error& why) {
  log_.debug("group {}: {}", settings_.group, why.message);
  if (tag == kHeartbeat || tag == kLeave)
    member_.lost_short(clock_.now());
  else
    member_.lost(clock_.now());
}

}  // namespace ds::kafka
