#include "house/sim_consumer.h"

#include <algorithm>
#include <deque>

namespace ds::simulation {

using kafka::GroupMember;
using kafka::KafkaError;
using kafka::TopicPartition;

namespace {

constexpr Nanos kHeartbeat = 500 * kMillisecond;
constexpr Nanos kRebalance = 4 * kSecond;
constexpr Nanos kPatience = 500 * kMillisecond;
constexpr Nanos kLastCommit = 2 * kSecond;
/// Longer than the network delays a request, as a real client's is: one that was given up and comes
/// after a later one would set the group back, and nobody would commit again.
constexpr Nanos kCommitPatience = 4 * kSecond;

}  // namespace

/// The group member and what it reads, over the network. What it asks for is numbered by
/// partition, so that an answer to an earlier question changes nothing.
class SimConsumer::Source final : public kafka::Source {
 public:
  Source(SimConsumer& process, SimBroker& broker, kafka::AssignmentListener& listener)
      : process_(process),
        world_(process.world_),
        broker_(broker),
        listener_(listener),
        member_({.group = kGroup,
                 .topics = {kTopic},
                 .instance = process.instance_,
                 .session_timeout = kSession,
                 .heartbeat_interval = kHeartbeat,
                 .rebalance_timeout = kRebalance}) {
    member_.set_counts({{kTopic, kPartitions}}, world_.now());
  }

  Status poll(Nanos, std::vector<kafka::Fetched>& into) override {
    tend_membership();
    if (giving_up_ != 0) {
      finish_giving_up();
    } else {
      while (!changes_.empty() && giving_up_ == 0) {
        const GroupMember::Change change = std::move(changes_.front());
        changes_.pop_front();
        take(change);
      }
    }
    send_commit();
    look_up_committed();
    if (!paused_) fetch();
    if (giving_up_ != 0) return Done{};
    for (auto& fetched : std::exchange(inbox_, {})) {
      Reading* const reading = this->reading(fetched.from.partition);
      if (!reading || reading->next != fetched.first_offset) continue;  // it was sought elsewhere
      kafka::BatchCursor batches(fetched.bytes);
      while (const auto batch = batches.next()) reading->next = batch->header.next_offset();
      into.push_back(std::move(fetched));
    }
    return Done{};
  }
  void pause(bool paused) override { paused_ = paused; }
  void seek(const TopicPartition& partition, std::int64_t offset) override {
    if (Reading* reading = this->reading(partition.partition)) {
      reading->next = offset;
      ++reading->question;
      reading->asking = false;
    }
  }
  void commit(const std::map<TopicPartition, std::int64_t>& next_offsets) override {
    for (const auto& [partition, offset] : next_offsets)
      if (readings_.contains(partition.partition)) wanted_[partition.partition] = offset;
  }
  std::map<TopicPartition, std::int64_t> committed() const override { return named(committed_); }
  std::map<TopicPartition, std::int64_t> high_watermarks() const override { return named(ends_); }
  bool sure() const override {
    return changes_.empty() && giving_up_ == 0 && world_.now() < member_.sure_until();
  }
  void close(Nanos) override {}

  const GroupMember& member() const { return member_; }

 private:
  struct Reading {
    std::int64_t next = -1;  // -1: where the group left it, which has to be asked
    std::uint64_t question = 0;
    bool asking = false;
  };

  static std::map<TopicPartition, std::int64_t> named(
      const std::map<std::int32_t, std::int64_t>& by_number) {
    std::map<TopicPartition, std::int64_t> named;
    for (const auto& [partition, offset] : by_number) named[{kTopic, partition}] = offset;
    return named;
  }
  Reading* reading(std::int32_t partition) {
    const auto found = readings_.find(partition);
    return found == readings_.end() ? nullptr : &found->second;
  }

  // ---- Membership

  void tend_membership() {
    const Nanos now = world_.now();
    member_.tick(now);
    member_.take_wants_coordinator();
    if (member_.state() == kafka::MemberState::kAssigning)
      member_.set_counts({{kTopic, kPartitions}}, now);
    for (auto& change : member_.take_changes()) changes_.push_back(std::move(change));
    if (auto request = member_.next(now))
      std::visit([this](const auto& each) { send(each, false); }, *request);
    if (auto request = member_.next_short(now))
      std::visit([this](const auto& each) { send(each, true); }, *request);
  }
  void serve(const kafka::JoinGroupRequest& request, auto reply) { broker_.join(request, reply); }
  void serve(const kafka::SyncGroupRequest& request, auto reply) { broker_.sync(request, reply); }
  void serve(const kafka::HeartbeatRequest& request, auto reply) {
    broker_.heartbeat(request, reply);
  }
  void serve(const kafka::LeaveGroupRequest& request, auto reply) { broker_.leave(request, reply); }

  template <typename Request>
  struct AnswerTo;
  template <typename Request>
  void send(const Request& request, bool is_short) {
    using Answer = typename AnswerTo<Request>::Type;
    const std::uint64_t number = ++asked_;
    (is_short ? open_short_ : open_) = number;
    world_.ask<Answer>(
        is_short ? kSession / 2 : kRebalance + 2 * kSecond,
        [this, request](auto reply) { serve(request, reply); },
        [this, is_short, number](const Answer& answer) {
          heard(is_short, number, [this, answer] { member_.on(answer, world_.now()); });
        },
        [this, is_short, number] {
          heard(is_short, number, [this, is_short] {
            is_short ? member_.lost_short(world_.now()) : member_.lost(world_.now());
          });
        },
        // A join that is served after a later one of the same member would shuffle the group, with
        // Apache Kafka as well; no socket delays one by so much.
        std::make_shared<World::Link>(World::Link{.prompt = true}));
  }
  /// A process that is halted hears it when it goes on.
  void heard(bool is_short, std::uint64_t number, const World::Task& task) {
    if (process_.dead_) return;
    if (!process_.works())
      return world_.in(process_.halted_until_ - world_.now(),
                       [this, is_short, number, task] { heard(is_short, number, task); });
    std::uint64_t& open = is_short ? open_short_ : open_;
    if (open != number) return;
    open = 0;
    task();
  }

  // ---- What is ours

  void take(const GroupMember::Change& change) {
    std::vector<TopicPartition> partitions(change.partitions.begin(), change.partitions.end());
    world_.note(static_cast<std::uint64_t>(change.kind) << 32 | partitions.size());
    switch (change.kind) {
      case GroupMember::Change::Kind::kAssigned: {
        sign_as(change.membership);
        if (partitions.empty()) return;
        world_.tell(process_.in_words());
        for (const auto& each : partitions) readings_[each.partition] = {};
        for (const auto& [partition, offset] : listener_.on_assigned({partitions, ""}))
          readings_[partition.partition].next = offset;
        return;
      }
      case GroupMember::Change::Kind::kRevoked:
        sign_as(change.membership);
        listener_.on_revoked(partitions);  // commits
        leaving_ = partitions;
        giving_up_ = change.number;
        give_up_until_ = world_.now() + kLastCommit;
        for (const auto& each : partitions) ++readings_[each.partition].question;
        return finish_giving_up();
      case GroupMember::Change::Kind::kLost:
        world_.tell(process_.name_ + " loses what it had");
        listener_.on_lost(partitions);
        return remove(partitions);
    }
  }
  void finish_giving_up() {
    send_commit();
    const bool idle = wanted_.empty() && !committing_;
    if (!idle && world_.now() < give_up_until_ && !outdated_) return;
    remove(leaving_);
    member_.given_up(std::exchange(giving_up_, 0), world_.now());
  }
  void remove(const std::vector<TopicPartition>& partitions) {
    for (const auto& each : partitions) {
      readings_.erase(each.partition);
      committed_.erase(each.partition);
      ends_.erase(each.partition);
      wanted_.erase(each.partition);
      std::erase_if(inbox_, [&](const kafka::Fetched& fetched) { return fetched.from == each; });
    }
  }

  // ---- Offsets

  void sign_as(const kafka::Membership& membership) {
    membership_ = membership;
    outdated_ = false;
  }

  void send_commit() {
    if (committing_ || wanted_.empty() || outdated_) return;
    committing_ = true;
    world_.ask<KafkaError>(
        kCommitPatience,
        [this, offsets = wanted_, as = membership_](auto reply) {
          broker_.commit(offsets, as, reply);
        },
        [this, offsets = wanted_, as = membership_](const KafkaError& error) {
          committing_ = false;
          // Signed anew, it is tried again; what is not ours any more then is dropped with it.
          outdated_ = as == membership_ && (error == KafkaError::kUnknownMemberId ||
                                            error == KafkaError::kIllegalGeneration ||
                                            error == KafkaError::kRebalanceInProgress);
          if (error != KafkaError::kNone) return;
          for (const auto& [partition, offset] : offsets) {
            if (readings_.contains(partition)) committed_[partition] = offset;
            const auto wanted = wanted_.find(partition);
            if (wanted != wanted_.end() && wanted->second == offset) wanted_.erase(wanted);
          }
        },
        [this] { committing_ = false; }, std::make_shared<World::Link>());
  }
  void look_up_committed() {
    if (looking_up_ ||
        std::ranges::none_of(readings_, [](const auto& each) { return each.second.next < 0; }))
      return;
    looking_up_ = true;
    // Only what was not ours before may be asked for: what we commit later would be older here.
    std::map<std::int32_t, std::uint64_t> questions;
    for (auto& [partition, reading] : readings_)
      if (reading.next < 0) questions[partition] = reading.question;
    world_.ask<OffsetsAnswer>(
        kPatience, [this](auto reply) { broker_.committed(reply); },
        [this, questions](const OffsetsAnswer& answer) {
          looking_up_ = false;
          for (const auto& [partition, question] : questions) {
            Reading* const reading = this->reading(partition);
            if (!reading || reading->next >= 0 || reading->question != question) continue;
            reading->next = std::max<std::int64_t>(answer.offsets.at(partition), 0);
            committed_[partition] = reading->next;
          }
        },
        [this] { looking_up_ = false; });
  }

  // ---- Fetching

  void fetch() {
    for (auto& [partition, reading] : readings_) {
      if (reading.next < 0 || reading.asking) continue;
      if (std::ranges::any_of(
              inbox_, [&](const auto& fetched) { return fetched.from.partition == partition; }))
        continue;
      reading.asking = true;
      const std::uint64_t question = ++reading.question;
      world_.ask<FetchAnswer>(
          kPatience,
          [this, partition = partition, at = reading.next](auto reply) {
            broker_.fetch(partition, at, reply);
          },
          [this, partition = partition, question, at = reading.next](const FetchAnswer& answer) {
            Reading* const now = this->reading(partition);
            if (!now || now->question != question) return;
            now->asking = false;
            if (answer.error == KafkaError::kOffsetOutOfRange)
              world_.broken(fmt::format("partition {}: {} is out of range", partition, at));
            if (answer.error != KafkaError::kNone) return;
            ends_[partition] = answer.high_watermark;
            if (answer.bytes->empty()) return;
            inbox_.push_back({.from = {kTopic, partition},
                              .first_offset = at,
                              .high_watermark = answer.high_watermark,
                              .bytes = *answer.bytes,
                              .owner = answer.bytes,
                              .at = world_.now()});
          },
          [this, partition = partition, question] {
            if (Reading* now = this->reading(partition); now && now->question == question)
              now->asking = false;
          });
    }
  }

  SimConsumer& process_;
  World& world_;
  SimBroker& broker_;
  kafka::AssignmentListener& listener_;
  GroupMember member_;
  kafka::Membership membership_;
  std::deque<GroupMember::Change> changes_;
  std::uint64_t asked_ = 0, open_ = 0, open_short_ = 0;
  std::map<std::int32_t, Reading> readings_;
  std::vector<kafka::Fetched> inbox_;
  std::map<std::int32_t, std::int64_t> wanted_, committed_, ends_;
  bool committing_ = false, outdated_ = false, looking_up_ = false, paused_ = false;
  std::uint64_t giving_up_ = 0;
  std::vector<TopicPartition> leaving_;
  Nanos give_up_until_ = 0;
};

template <>
struct SimConsumer::Source::AnswerTo<kafka::JoinGroupRequest> {
  using Type = kafka::JoinGroupResponse;
};
template <>
struct SimConsumer::Source::AnswerTo<kafka::SyncGroupRequest> {
  using Type = kafka::SyncGroupResponse;
};
template <>
struct SimConsumer::Source::AnswerTo<kafka::HeartbeatRequest> {
  using Type = kafka::HeartbeatResponse;
};
template <>
struct SimConsumer::Source::AnswerTo<kafka::LeaveGroupRequest> {
  using Type = kafka::LeaveGroupResponse;
};

SimConsumer::SimConsumer(World& world, SimBroker& broker, SimStore& store,
                         std::optional<std::string> instance, std::string name)
    : world_(world), instance_(std::move(instance)), name_(std::move(name)) {
  auto pipeline = Pipeline::by_hand(
      {.queue_bytes_max = 48 << 10, .commit_interval = 200 * kMillisecond},
      {.make_source =
           [&](kafka::AssignmentListener& listener) -> Result<std::unique_ptr<kafka::Source>> {
         auto source = std::make_unique<Source>(*this, broker, listener);
         source_ = source.get();
         return std::unique_ptr<kafka::Source>(std::move(source));
       },
       .sinks = one(store.sink())},
      world.clock, world.log);
  check(pipeline.ok(), "a simulated pipeline");
  pipeline_ = std::move(*pipeline);
}

SimConsumer::~SimConsumer() = default;

void SimConsumer::turn() {
  if (dead_) return;
  if (works() && !pipeline_->turn()) {
    if (const auto outcome = pipeline_->outcome(); !outcome)
      world_.broken("a pipeline has ended: " + outcome.error().message);
    if (const auto& error = source_->member().error())
      world_.broken("a member has failed: " + error->message);
  }
  const Nanos next = works() ? world_.between(20 * kMillisecond, 120 * kMillisecond)
                             : halted_until_ - world_.now();
  world_.in(next, [this] { turn(); });
}

void SimConsumer::kill() {
  dead_ = true;
}

std::string SimConsumer::in_words() const {
  const GroupMember& member = source_->member();
  return fmt::format("{}{}: {} {} generation {}, owns {}, sure until {:.3f}{}", name_,
                     instance_ ? " " + *instance_ : "", member.membership().member,
                     kafka::name_of(member.state()), member.membership().generation,
                     fmt::join(owned(), ","), static_cast<double>(member.sure_until()) / 1e9,
                     dead_      ? ", dead"
                     : !works() ? ", halted"
                                : "");
}

std::set<std::int32_t> SimConsumer::owned() const {
  std::set<std::int32_t> partitions;
  if (works() && world_.now() < source_->member().sure_until())
    for (const auto& each : source_->member().owned()) partitions.insert(each.partition);
  return partitions;
}

}  // namespace ds::simulation
