#include "kafka/client/direct_source.h"

#include <algorithm>

#include "kafka/client/committed.h"
#include "kafka/client/fetcher.h"
#include "kafka/wire/messages/02_list_offsets.h"
#include "kafka/wire/record_batch.h"

namespace ds::kafka {
namespace {

constexpr Nanos kBackoff = 50 * kMillisecond;
constexpr Nanos kBackoffMax = kSecond;
// How soon it is noticed that another thread has let go of a buffer.
constexpr Nanos kBufferPause = kMillisecond;
// For the last commit of partitions that are given up.
constexpr Nanos kLastCommit = 5 * kSecond;

std::int32_t as_ms(Nanos time) {
  return static_cast<std::int32_t>(std::clamp<Nanos>(time / kMillisecond, 0, 1 << 30));
}

/// The front of `bytes` that holds whole batches, and the offset behind its last record.
struct WholeBatches {
  ByteView bytes;
  std::int64_t next_offset = -1;
};

Result<WholeBatches> whole_batches(ByteView bytes) {
  WholeBatches whole;
  BatchCursor cursor(bytes);
  while (const auto batch = cursor.next()) whole.next_offset = batch->header.next_offset();
  if (!cursor.status()) return cursor.status().error();
  whole.bytes = bytes.first(bytes.size() - cursor.rest().size());
  return whole;
}

}  // namespace

Result<std::unique_ptr<Source>> make_direct_source(const ClientSettings& client,
                                                   const ConsumerSettings& consumer,
                                                   AssignmentListener& listener, const Clock& clock,
                                                   Log& log) {
  if (!client.properties.empty()) {
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("the direct engine does not know the property {}",
                                        client.properties.begin()->first),
                 .hint = "use --engine librdkafka for it"};
  }
  auto source = std::make_unique<DirectSource>(client, consumer, listener, clock, log);
  const Status started = source->start();
  if (!started) return started.error();
  return std::unique_ptr<Source>(std::move(source));
}

DirectSource::DirectSource(const ClientSettings& client, const ConsumerSettings& settings,
                           AssignmentListener& listener, const Clock& clock, Log& log)
    : client_(client),
      settings_(settings),
      listener_(listener),
      clock_(clock),
      log_(log),
      random_(client.jitter_seed, static_cast<std::uint64_t>(clock.now())),
      frames_(settings.buffer_memory),
      cluster_(client_, poller_, clock, log),
      coordinator_(client_, settings.group, poller_, clock, cluster_, log),
      offsets_(client_, coordinator_, clock, log) {
  cluster_.follow(settings_.topic);
}

DirectSource::~DirectSource() = default;

Status DirectSource::start() {
  const Status known =
      cluster_.refresh_now({settings_.topic}, clock_.now() + client_.connect_timeout);
  if (!known) return known;
  take_map();
  if (settings_.join) return join();
  if (!settings_.group.empty())
    log_.info("reading all partitions of {} with the offsets of group {}, without joining it",
              settings_.topic, settings_.group);
  return Done{};
}

Status DirectSource::join() {
  MemberSettings member{.group = settings_.group,
                        .topics = {settings_.topic},
                        .assignors = {},
                        .session_timeout = settings_.session_timeout,
                        .heartbeat_interval = settings_.heartbeat_interval,
                        .rebalance_timeout = settings_.rebalance_timeout};
  if (!settings_.instance.empty()) member.instance = settings_.instance;
  for (const std::string& name : settings_.assignors) {
    const auto assignor = parse_assignor(name);
    if (!assignor)
      return Error{.code = ErrorCode::kUsage,
                   .message = fmt::format("'{}' is no assignor", name),
                   .hint = "cooperative-sticky, range, roundrobin or sticky"};
    member.assignors.push_back(*assignor);
  }
  if (settings_.group.empty())
    return Error{.code = ErrorCode::kUsage, .message = "a group without a name", .hint = "--group"};
  lane_ = std::make_unique<GroupLane>(client_, std::move(member), clock_, log_,
                                      [this] { poller_.wake(); });
  return Done{};
}

Status DirectSource::poll(Nanos timeout, std::vector<Fetched>& into) {
  const Nanos now = clock_.now();
  turn(now, ready_.empty() ? now + std::max<Nanos>(timeout, 0) : now);
  std::move(ready_.begin(), ready_.end(), std::back_inserter(into));
  ready_.clear();
  if (fatal_) return *fatal_;
  return Done{};
}

void DirectSource::turn(Nanos now, Nanos latest) {
  cluster_.turn(now);
  if (cluster_.version() != map_version_) take_map();
  if (lane_) take_changes();
  offsets_.turn(now);
  take_committed();
  if (coordinator_.fatal()) fatal_ = *coordinator_.fatal();
  tend_feeds(now);
  poller_.wait(std::max<Nanos>(next_event(now, latest) - now, 0));
  tend_feeds(clock_.now());  // the next question goes out while the caller works on the answer
}

// Who reads what from where.

void DirectSource::take_map() {
  map_version_ = cluster_.version();
  const ClusterMap::Topic* topic = cluster_.map().usable(settings_.topic);
  if (!topic) {
    const auto found = cluster_.map().topics.find(settings_.topic);
    const KafkaError error =
        found == cluster_.map().topics.end() ? KafkaError::kNone : found->second.error;
    if (error != KafkaError::kNone && !is_retriable(error))
      fatal_ = to_error(error, "topic " + settings_.topic);
    if (!std::exchange(told_waiting_, true))
      log_.info("topic {} does not exist yet; waiting for it", settings_.topic);
    return cluster_.want_refresh();
  }
  std::vector<TopicPartition> fresh;
  for (std::size_t p = 0; !settings_.join && p < topic->partitions.size(); ++p) {
    if (!positions_.contains(static_cast<std::int32_t>(p)))
      fresh.push_back(name_of(static_cast<std::int32_t>(p)));
  }
  if (!fresh.empty()) assign(fresh);
  place_partitions();
}

void DirectSource::assign(const std::vector<TopicPartition>& partitions) {
  const auto starts = listener_.on_assigned({partitions, topic_id()});
  std::vector<TopicPartition> unknown;
  for (const TopicPartition& each : partitions) {
    Position& position = positions_[each.partition];
    position.generation = next_generation_++;
    if (const auto start = starts.find(each); start != starts.end()) {
      position.state = State::kReading;
      position.next = start->second;
    } else if (settings_.group.empty() || settings_.reset_offsets) {
      position.state = State::kNeedsStart;
    } else {
      unknown.push_back(each);
    }
  }
  if (!unknown.empty()) offsets_.look_up(unknown);
}

/// What the group says has become of our share, in its order.
void DirectSource::take_changes() {
  auto fresh = lane_->take_changes();
  std::move(fresh.begin(), fresh.end(), std::back_inserter(changes_));
  while (!changes_.empty() && take(changes_.front())) changes_.pop_front();
  if (const auto error = lane_->error()) fatal_ = *error;
}

/// False: not yet.
bool DirectSource::take(GroupMember::Change& change) {
  std::vector<TopicPartition> partitions;
  for (const TopicPartition& each : change.partitions)
    if (each.topic == settings_.topic) partitions.push_back(each);
  switch (change.kind) {
    case GroupMember::Change::Kind::kAssigned:
      if (!partitions.empty()) {
        if (!cluster_.map().usable(settings_.topic)) return cluster_.want_refresh(), false;
        log_.info("group {}: {} partitions more of {}, generation {}", settings_.group,
                  partitions.size(), settings_.topic, change.membership.generation);
        offsets_.sign_as(change.membership);
        assign(partitions);
        place_partitions();
      }
      offsets_.sign_as(std::move(change.membership));
      break;
    case GroupMember::Change::Kind::kRevoked:
      log_.info("group {}: gives up {} partitions of {}", settings_.group, partitions.size(),
                settings_.topic);
      offsets_.sign_as(change.membership);  // the last commit is one of the new generation
      give_up(partitions);
      lane_->given_up(change.number);
      break;
    case GroupMember::Change::Kind::kLost:
      log_.warn("group {}: has gone on without us; {} partitions of {} are lost", settings_.group,
                partitions.size(), settings_.topic);
      listener_.on_lost(partitions);
      remove(partitions);
      break;
  }
  return true;
}

void DirectSource::give_up(const std::vector<TopicPartition>& partitions) {
  listener_.on_revoked(partitions);  // may still commit
  finish_commits(clock_.now() + kLastCommit);
  remove(partitions);
}

void DirectSource::remove(const std::vector<TopicPartition>& partitions) {
  for (const TopicPartition& each : partitions) {
    const auto found = positions_.find(each.partition);
    if (found == positions_.end()) continue;
    const Position& position = found->second;
    if (position.leader >= 0)
      std::erase(feed(position.leader, position.feed).turn_order, each.partition);
    positions_.erase(found);
    std::erase_if(ready_, [&](const Fetched& fetched) { return fetched.from == each; });
  }
  offsets_.forget(partitions);
}

/// Until they are confirmed, or cannot be any more.
void DirectSource::finish_commits(Nanos deadline) {
  for (Nanos now = clock_.now(); !offsets_.idle_commits() && !offsets_.outdated() && now < deadline;
       now = clock_.now()) {
    cluster_.turn(now);
    offsets_.turn(now);
    Nanos next = deadline;
    for (const Nanos at : {cluster_.next_turn(), offsets_.next_turn()})
      if (at >= 0) next = std::min(next, std::max(at, now));
    poller_.wait(next - now);
  }
  if (offsets_.outdated())
    log_.info("group {}: has moved on before the last commit; what it held is read again",
              settings_.group);
  else if (!offsets_.idle_commits())
    log_.warn("group {}: the last commit was not confirmed in time", settings_.group);
}

bool DirectSource::sure() const {
  return !lane_ || (changes_.empty() && lane_->sure());
}

std::string DirectSource::topic_id() const {
  const ClusterMap::Topic* topic = cluster_.map().usable(settings_.topic);
  return topic ? topic_id_text(topic->id) : std::string();
}

void DirectSource::take_committed() {
  for (const auto& [partition, offset] : offsets_.take_found()) {
    const auto found = positions_.find(partition.partition);
    if (found == positions_.end() || found->second.state != State::kNeedsCommitted) continue;
    found->second.state = offset >= 0 ? State::kReading : State::kNeedsStart;
    found->second.next = offset;
  }
}

void DirectSource::place_partitions() {
  const ClusterMap::Topic* topic = cluster_.map().usable(settings_.topic);
  std::map<std::int32_t, std::size_t> count;
  for (auto& [number, position] : positions_) {
    const auto p = static_cast<std::size_t>(number);
    const std::int32_t leader = p < topic->partitions.size() ? topic->partitions[p].leader : -1;
    const auto ways = static_cast<std::size_t>(std::max(settings_.connections_per_broker, 1));
    const std::size_t number_of_feed = count[leader]++ % ways;
    if (leader == position.leader && number_of_feed == position.feed) continue;
    if (position.leader >= 0) std::erase(feed(position.leader, position.feed).turn_order, number);
    position.leader = leader;
    position.feed = number_of_feed;
    if (leader < 0) {
      cluster_.want_refresh();
    } else {
      feed(leader, number_of_feed).turn_order.push_back(number);
    }
  }
}

DirectSource::Feed& DirectSource::feed(std::int32_t broker, std::size_t number) {
  auto& feeds = feeds_[broker];
  while (feeds.size() <= number) {
    feeds.push_back(std::make_unique<Feed>(broker, client_, poller_, clock_, frames_));
    feed_by_tag_.push_back(feeds.back().get());
  }
  return *feeds[number];
}

// Asking.

void DirectSource::tend_feeds(Nanos now) {
  for (Feed* feed : feed_by_tag_) tend(*feed, now);
}

void DirectSource::tend(Feed& feed, Nanos now) {
  feed.connection.expire(now);
  if (feed.connection.closed()) {
    if (std::exchange(feed.opened, false)) {
      if (feed.attempts == 0)
        log_.warn("broker {}: {}; trying again", feed.broker, feed.connection.error().message);
      feed.not_before = now + backoff(feed.attempts++, kBackoff, kBackoffMax, random_);
      cluster_.want_refresh();
    }
    if (!feed.turn_order.empty() && now >= feed.not_before) open(feed, now);
    return;
  }
  if (!feed.connection.ready() || feed.busy || feed.turn_order.empty()) return;
  if (ask_starts(feed, now) || ask_records(feed, now)) feed.connection.flush();
}

void DirectSource::open(Feed& feed, Nanos now) {
  const auto address = cluster_.map().brokers.find(feed.broker);
  if (address == cluster_.map().brokers.end()) {
    feed.not_before = now + kBackoff;
    return cluster_.want_refresh();
  }
  feed.opened = true;
  feed.connection.open(address->second);
}

bool DirectSource::has_room() const {
  std::size_t expected = 0;
  for (const Feed* feed : feed_by_tag_)
    if (feed->busy && feed->fetching)
      expected += static_cast<std::size_t>(settings_.fetch_bytes_max);
  const auto next = static_cast<std::size_t>(settings_.fetch_bytes_max);
  const std::size_t out = frames_.bytes_out();
  // One answer at least is always allowed, however large.
  return out + expected == 0 || out + expected + next <= settings_.buffer_memory;
}

bool DirectSource::ask_starts(Feed& feed, Nanos now) {
  ListOffsetsRequest request;
  request.replica_id = -1;
  auto& topic = request.topics.emplace_back();
  topic.name = settings_.topic;
  feed.asked.clear();
  for (const std::int32_t number : feed.turn_order) {
    const Position& position = positions_[number];
    if (position.state != State::kNeedsStart || now < position.not_before) continue;
    topic.partitions.push_back(
        {.partition_index = number, .timestamp = ListOffsetsRequest::kEarliest});
    feed.asked.push_back({number, position.generation});
  }
  if (feed.asked.empty()) return false;
  const auto tag = static_cast<std::uint64_t>(
      std::find(feed_by_tag_.begin(), feed_by_tag_.end(), &feed) - feed_by_tag_.begin());
  const Status asked = feed.connection.ask(
      request, {.listener = this, .tag = tag, .deadline = now + client_.request_timeout});
  if (!asked) return fatal_ = asked.error(), false;
  feed.busy = true;
  feed.fetching = false;
  return true;
}

bool DirectSource::ask_records(Feed& feed, Nanos now) {
  if (paused_ || !has_room()) return false;
  FetchRequest request;
  request.max_wait_ms = as_ms(settings_.fetch_wait);
  request.min_bytes = 1;
  request.max_bytes = settings_.fetch_bytes_max;
  request.isolation_level = settings_.read_committed ? 1 : 0;
  auto& topic = request.topics.emplace_back();
  topic.topic = settings_.topic;
  feed.asked.clear();
  for (const std::int32_t number : feed.turn_order) {
    const Position& position = positions_[number];
    if (position.state != State::kReading || now < position.not_before) continue;
    topic.partitions.push_back({.partition = number,
                                .fetch_offset = position.next,
                                .partition_max_bytes = settings_.partition_bytes_max});
    feed.asked.push_back({number, position.generation});
  }
  if (feed.asked.empty()) return false;
  const auto tag = static_cast<std::uint64_t>(
      std::find(feed_by_tag_.begin(), feed_by_tag_.end(), &feed) - feed_by_tag_.begin());
  const Status asked = feed.connection.ask(request, {.listener = this,
                                                     .tag = tag,
                                                     .deadline = now + client_.request_timeout,
                                                     .keep_answer = true});
  if (!asked) return fatal_ = asked.error(), false;
  feed.busy = true;
  feed.fetching = true;
  return true;
}

// Answers.

void DirectSource::on_answer(std::uint64_t tag, ByteView body, const FrameOwner& frame) {
  Feed& from = *feed_by_tag_[tag];
  from.busy = false;
  from.attempts = 0;
  Status taken = from.fetching ? on_records(from, body, frame) : on_starts(from, body);
  if (!taken) fatal_ = std::move(taken).error().while_trying("read topic " + settings_.topic);
}

void DirectSource::on_lost(std::uint64_t tag, bool /*sent*/, const Error& /*why*/) {
  feed_by_tag_[tag]->busy = false;
}

DirectSource::Position* DirectSource::asked_position(const Feed& feed, std::int32_t partition) {
  const auto asked = std::find_if(feed.asked.begin(), feed.asked.end(),
                                  [&](const auto& each) { return each.partition == partition; });
  const auto found = positions_.find(partition);
  if (asked == feed.asked.end() || found == positions_.end()) return nullptr;
  return asked->generation == found->second.generation ? &found->second : nullptr;
}

Status DirectSource::on_starts(Feed& feed, ByteView body) {
  const auto answer = decode<ListOffsetsResponse>(
      body, feed.connection.version_of(ListOffsetsRequest::api).value());
  if (!answer) return answer.error();
  std::map<TopicPartition, std::int64_t> starts;
  for (const auto& topic : answer->topics) {
    for (const auto& each : topic.partitions) {
      Position* const position = asked_position(feed, each.partition_index);
      // When the leader moves both brokers are asked: what the second says would begin anew.
      if (!position || position->state != State::kNeedsStart) continue;
      if (each.error_code != KafkaError::kNone) {
        const Status gone_on = on_error(each.partition_index, *position, each.error_code);
        if (!gone_on) return gone_on;
        continue;
      }
      position->state = State::kReading;
      position->next = each.offset;
      starts[name_of(each.partition_index)] = each.offset;
    }
  }
  // From now on the group's place is known: a broker that keeps what is unread keeps it from here.
  if (!starts.empty()) commit(starts);
  return Done{};
}

Status DirectSource::on_records(Feed& feed, ByteView body, const FrameOwner& frame) {
  const auto answer =
      decode<FetchResponse>(body, feed.connection.version_of(FetchRequest::api).value());
  if (!answer) return answer.error();
  if (answer->error_code != KafkaError::kNone) return to_error(answer->error_code, "a fetch");
  for (const auto& topic : answer->responses) {
    for (const auto& each : topic.partitions) {
      const Status taken = on_partition(feed, each, frame);
      if (!taken) return taken;
    }
  }
  return Done{};
}

Status DirectSource::on_partition(Feed& feed, const FetchResponse::Partition& answer,
                                  const FrameOwner& frame) {
  const std::int32_t number = answer.partition_index;
  Position* const position = asked_position(feed, number);
  if (!position) return Done{};
  if (answer.error_code != KafkaError::kNone) return on_error(number, *position, answer.error_code);
  position->attempts = 0;
  position->high_watermark = answer.high_watermark;
  if (!answer.records || answer.records->bytes.empty()) return Done{};
  const auto at = std::find(feed.turn_order.begin(), feed.turn_order.end(), number);
  if (at != feed.turn_order.end()) std::rotate(at, at + 1, feed.turn_order.end());
  return hand_out(number, *position, answer, frame);
}

Status DirectSource::hand_out(std::int32_t number, Position& position,
                              const FetchResponse::Partition& answer, const FrameOwner& frame) {
  const auto whole = whole_batches(answer.records->bytes);
  if (!whole) {
    Error error = whole.error();
    return std::move(error).while_trying(
        fmt::format("read partition {} from offset {}", number, position.next));
  }
  if (whole->next_offset <= position.next) return Done{};  // all below: the broker will go on
  // One stretch but for aborted transactions, which are passed over.
  std::vector<FetchResponse::AbortedTransaction> aborted;
  if (settings_.read_committed && answer.aborted_transactions)
    aborted = *answer.aborted_transactions;
  for (const ByteView stretch : committed_stretches(whole->bytes, aborted)) {
    ready_.push_back({.from = name_of(number),
                      .first_offset = position.next,
                      .high_watermark = answer.high_watermark,
                      .bytes = stretch,
                      .owner = frame,
                      .at = clock_.now()});
    position.next = whole_batches(stretch)->next_offset;
  }
  position.next = whole->next_offset;
  return Done{};
}

Status DirectSource::on_error(std::int32_t number, Position& position, KafkaError error) {
  if (error == KafkaError::kOffsetOutOfRange) {
    log_.warn("{} partition {}: offset {} is not in the log (any more); reading from its start",
              settings_.topic, number, position.next);
    position.state = State::kNeedsStart;
    return Done{};
  }
  if (!is_retriable(error))
    return to_error(error, fmt::format("{} partition {}", settings_.topic, number));
  position.not_before = clock_.now() + backoff(position.attempts++, kBackoff, kBackoffMax, random_);
  cluster_.want_refresh();
  return Done{};
}

Nanos DirectSource::next_event(Nanos now, Nanos latest) const {
  Nanos next = latest;
  const auto consider = [&](Nanos at) {
    if (at >= 0) next = std::min(next, std::max(at, now));
  };
  consider(cluster_.next_turn());
  consider(offsets_.next_turn());
  if (!changes_.empty()) consider(now + kBackoff);
  bool waits_for_room = false;
  for (const Feed* feed : feed_by_tag_) {
    if (feed->connection.closed()) {
      if (!feed->turn_order.empty()) consider(feed->not_before);
      continue;
    }
    consider(feed->connection.next_deadline());
    waits_for_room = waits_for_room || (feed->connection.ready() && !feed->busy);
  }
  for (const auto& [number, position] : positions_)
    if (position.not_before > now) consider(position.not_before);
  if (waits_for_room && !paused_ && !positions_.empty()) consider(now + kBufferPause);
  return next;
}

// From the caller.

void DirectSource::seek(const TopicPartition& partition, std::int64_t offset) {
  const auto found = positions_.find(partition.partition);
  if (partition.topic != settings_.topic || found == positions_.end()) return;
  Position& position = found->second;
  position.state = State::kReading;
  position.next = offset;
  position.not_before = 0;
  position.generation = next_generation_++;
  std::erase_if(ready_, [&](const Fetched& each) { return each.from == partition; });
}

void DirectSource::commit(const std::map<TopicPartition, std::int64_t>& next_offsets) {
  if (settings_.group.empty()) return;
  auto ours = next_offsets;
  std::erase_if(ours, [&](const auto& each) {
    return each.first.topic != settings_.topic || !positions_.contains(each.first.partition);
  });
  offsets_.commit(ours);
}

std::map<TopicPartition, std::int64_t> DirectSource::committed() const {
  return offsets_.committed();
}

std::map<TopicPartition, std::int64_t> DirectSource::high_watermarks() const {
  std::map<TopicPartition, std::int64_t> marks;
  for (const auto& [number, position] : positions_)
    if (position.high_watermark >= 0) marks[name_of(number)] = position.high_watermark;
  return marks;
}

void DirectSource::close(Nanos deadline) {
  std::vector<TopicPartition> all;
  for (const auto& [number, position] : positions_) all.push_back(name_of(number));
  if (!all.empty()) listener_.on_revoked(all);  // who may still commit
  positions_.clear();
  ready_.clear();
  finish_commits(deadline);
  if (lane_) lane_->leave(deadline);
  for (Feed* feed : feed_by_tag_)
    feed->connection.close({.code = ErrorCode::kInterrupted, .message = "the source is closed"});
}

}  // namespace ds::kafka
