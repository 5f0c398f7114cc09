#include "kafka/client/cluster.h"

#include <algorithm>

namespace ds::kafka {
namespace {

constexpr Nanos kBackoff = 50 * kMillisecond;
constexpr Nanos kBackoffMax = kSecond;

std::string names(const std::vector<Address>& addresses) {
  std::vector<std::string> texts;
  for (const Address& each : addresses) texts.push_back(each.to_string());
  return fmt::format("{}", fmt::join(texts, ", "));
}

}  // namespace

bool ClusterMap::Topic::all_have_leaders() const {
  return !partitions.empty() && std::all_of(partitions.begin(), partitions.end(),
                                            [](const Partition& p) { return p.leader >= 0; });
}

ClusterMap ClusterMap::from(const MetadataResponse& answer) {
  ClusterMap map;
  map.cluster_id = answer.cluster_id.value_or("");
  map.controller = answer.controller_id;
  for (const auto& broker : answer.brokers)
    map.brokers[broker.node_id] = {broker.host, static_cast<std::uint16_t>(broker.port)};
  for (const auto& from : answer.topics) {
    Topic& topic = map.topics[from.name];
    topic.error = from.error_code;
    topic.id = from.topic_id;
    topic.internal = from.is_internal;
    for (const auto& each : from.partitions) {
      // The numbers of a topic's partitions are dense; a broker that says otherwise is not
      // believed.
      if (each.partition_index < 0 ||
          static_cast<std::size_t>(each.partition_index) >= from.partitions.size())
        continue;
      topic.partitions.resize(from.partitions.size());
      topic.partitions[static_cast<std::size_t>(each.partition_index)] = {
          .leader = each.leader_id,
          .leader_epoch = each.leader_epoch,
          .replicas = each.replica_nodes,
          .in_sync = each.isr_nodes};
    }
  }
  return map;
}

const ClusterMap::Topic* ClusterMap::usable(const std::string& topic) const {
  const auto found = topics.find(topic);
  if (found == topics.end() || found->second.partitions.empty()) return nullptr;
  return &found->second;
}

std::string topic_id_text(const Uuid& id) {
  return id.is_zero() ? std::string() : to_hex(id.bytes);
}

Nanos backoff(int attempt, Nanos base, Nanos max, Random& random) {
  const Nanos ceiling = std::min(max, base << std::clamp(attempt, 0, 20));
  return static_cast<Nanos>(random.below(static_cast<std::uint64_t>(ceiling) + 1));
}

Cluster::Cluster(const ClientSettings& settings, Poller& poller, const Clock& clock, Log& log)
    : settings_(settings),
      poller_(poller),
      clock_(clock),
      log_(log),
      random_(settings.jitter_seed, static_cast<std::uint64_t>(clock.now())),
      control_(settings, poller, clock) {}

Status Cluster::connect(Nanos deadline) {
  poller_.wait(0);  // notices a connection that the broker closed while nobody used it
  if (control_.ready()) return Done{};
  if (settings_.brokers.empty())
    return Error{.code = ErrorCode::kUsage,
                 .message = "no broker is named",
                 .hint = "name one with --brokers"};
  bool reached = false;
  for (const Address& address : settings_.brokers) {
    if (!control_.closed()) control_.close({.message = "the next address is tried"});
    control_.open(address);
    const Status ready = wait_ready(control_, poller_, clock_, deadline);
    if (ready) return Done{};
    last_error_ = ready.error();
    if (last_error_.code != ErrorCode::kUnreachable) return last_error_;
    reached = reached || control_.reached();
  }
  Error error = last_error_;
  if (settings_.brokers.size() > 1)
    error.message =
        fmt::format("none of {} answers; the last: {}", names(settings_.brokers), error.message);
  if (!reached) error.hint = "start one with `datastorm broker`, or name yours with --brokers";
  return error;
}

Status Cluster::refresh_now(const std::vector<std::string>& topics, Nanos deadline) {
  const Status connected = connect(deadline);
  if (!connected) return connected;
  const auto answer =
      call<MetadataResponse>(control_, poller_, clock_, request_for(topics), deadline);
  if (!answer) return answer.error();
  take(*answer);
  return Done{};
}

MetadataRequest Cluster::request_for(const std::vector<std::string>& topics) const {
  MetadataRequest request;
  request.allow_auto_topic_creation = false;
  if (topics.empty()) return request;  // null: all of them
  request.topics.emplace();
  for (const std::string& topic : topics) request.topics->push_back({.name = topic});
  return request;
}

void Cluster::take(const MetadataResponse& answer) {
  ClusterMap fresh = ClusterMap::from(answer);
  for (auto& [name, topic] : map_.topics) fresh.topics.try_emplace(name, std::move(topic));
  map_ = std::move(fresh);
  ++version_;
  stale_at_ = clock_.now() + kMaxAge;
}

void Cluster::want_refresh() {
  wanted_ = true;
}

void Cluster::turn(Nanos now) {
  control_.expire(now);
  if (version_ > 0 && now >= stale_at_) wanted_ = true;
  if (control_.closed() && std::exchange(opening_, false)) {
    last_error_ = control_.error();
    log_.debug("metadata: {}", last_error_.message);
    retry_later(now);
  }
  if (!wanted_ || asking_ || now < not_before_) return;
  if (control_.closed()) {
    opening_ = true;
    control_.open(next_address());
  }
  if (control_.ready()) ask(now);
}

void Cluster::ask(Nanos now) {
  opening_ = false;
  wanted_ = false;
  const std::vector<std::string> topics(followed_.begin(), followed_.end());
  const Status asked = control_.ask(
      request_for(topics), {.listener = this, .deadline = now + settings_.request_timeout});
  if (!asked) return control_.close(asked.error());
  asking_ = true;
  control_.flush();
}

Nanos Cluster::next_turn() const {
  if (asking_ || opening_) return control_.next_deadline();
  return wanted_ ? not_before_ : stale_at_;
}

Address Cluster::next_address() {
  std::vector<Address> candidates = settings_.brokers;
  for (const auto& [id, address] : map_.brokers) {
    if (std::find(candidates.begin(), candidates.end(), address) == candidates.end())
      candidates.push_back(address);
  }
  return candidates[next_candidate_++ % candidates.size()];
}

void Cluster::retry_later(Nanos now) {
  wanted_ = true;
  not_before_ = now + backoff(attempts_++, kBackoff, kBackoffMax, random_);
}

void Cluster::on_answer(std::uint64_t /*tag*/, ByteView body, const FrameOwner& /*frame*/) {
  asking_ = false;
  const auto answer =
      decode<MetadataResponse>(body, control_.version_of(MetadataRequest::api).value());
  if (!answer) return control_.close(answer.error());
  take(*answer);
  // A topic that is still missing a leader is asked for again, but not at once.
  const bool settled = std::all_of(followed_.begin(), followed_.end(), [&](const auto& name) {
    const ClusterMap::Topic* topic = map_.usable(name);
    return topic && topic->all_have_leaders();
  });
  if (!settled) return retry_later(clock_.now());
  // Whoever asks again right away has met an error that this answer did not explain.
  attempts_ = 0;
  not_before_ = clock_.now() + kBackoff;
}

void Cluster::on_lost(std::uint64_t /*tag*/, bool /*sent*/, const Error& why) {
  asking_ = false;
  last_error_ = why;
  retry_later(clock_.now());
}

}  // namespace ds::kafka
