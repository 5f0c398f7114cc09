#include "kafka/client/group_member.h"

#include <algorithm>

namespace ds::kafka {
namespace {

constexpr Nanos kBackoff = 50 * kMillisecond;
constexpr Nanos kBackoffMax = kSecond;

std::int32_t as_ms(Nanos time) {
  return static_cast<std::int32_t>(std::clamp<Nanos>(time / kMillisecond, 0, 1 << 30));
}

}  // namespace

bool may_move(MemberState from, MemberState to) {
  using enum MemberState;
  if (to == kLeaving) return from != kLeaving && from != kGone;
  if (to == kGone) return from != kGone;
  switch (from) {
    case kJoining:
      return to == kAssigning || to == kSyncing;
    case kAssigning:
      return to == kSyncing || to == kJoining;
    case kSyncing:
      return to == kStable || to == kGivingUp || to == kJoining;
    case kStable:
      return to == kJoining || to == kGivingUp;
    case kGivingUp:
      return to == kJoining;
    case kLeaving:
    case kGone:
      return false;
  }
  return false;
}

std::string_view name_of(MemberState state) {
  switch (state) {
    case MemberState::kJoining:
      return "joining";
    case MemberState::kAssigning:
      return "assigning";
    case MemberState::kSyncing:
      return "syncing";
    case MemberState::kStable:
      return "stable";
    case MemberState::kGivingUp:
      return "giving up";
    case MemberState::kLeaving:
      return "leaving";
    case MemberState::kGone:
      return "gone";
  }
  return "unknown";
}

GroupMember::GroupMember(MemberSettings settings) : settings_(std::move(settings)) {
  check(!settings_.assignors.empty(), "a member lists an assignor");
}

void GroupMember::move(MemberState to) {
  check(may_move(state_, to), "a group member in an impossible state");
  state_ = to;
}

// What to send

std::optional<GroupMember::Request> GroupMember::next(Nanos now) {
  if (asked_ || now < not_before_) return std::nullopt;
  std::optional<Request> request;
  if (state_ == MemberState::kJoining) {
    request = join_request();
    claimed_ = cooperative() ? owned_ : Partitions();
    if (counts_) counts_joined_ = *counts_;
  } else if (state_ == MemberState::kAssigning && counts_) {
    move(MemberState::kSyncing);
    counts_joined_ = *counts_;  // of one generation, however often it is said
    request = assign_all();
  } else if (state_ == MemberState::kSyncing) {
    // A leader that asks again must say all of it again: an empty word would take all from all.
    request = leader_id_ == member_id_ ? assign_all() : sync_request();
  }
  asked_ = request.has_value();
  asked_at_ = now;
  return request;
}

std::optional<GroupMember::ShortRequest> GroupMember::next_short(Nanos now) {
  if (asked_short_ || state_ == MemberState::kGone) return std::nullopt;
  std::optional<ShortRequest> request;
  if (state_ == MemberState::kLeaving) {
    request = LeaveGroupRequest{.group_id = settings_.group,
                                .member_id = member_id_,
                                .members = {{member_id_, settings_.instance}}};
  } else if (generation_ >= 0 && now >= next_beat_) {
    request = HeartbeatRequest{.group_id = settings_.group,
                               .generation_id = generation_,
                               .member_id = member_id_,
                               .group_instance_id = settings_.instance};
    beat_as_ = membership();
    next_beat_ = now + settings_.heartbeat_interval;
  }
  asked_short_ = request.has_value();
  asked_short_at_ = now;
  return request;
}

Nanos GroupMember::sure_until() const {
  // A rebalance may have begun right after the last word that there is none, and it waits so long
  // for our join. One that is under way may never have arrived.
  return std::min(alive_at_ + settings_.session_timeout, stable_at_ + settings_.rebalance_timeout);
}

Nanos GroupMember::next_turn() const {
  if (state_ == MemberState::kGone) return -1;
  Nanos next = -1;
  const auto consider = [&](Nanos at) { next = next < 0 ? at : std::min(next, at); };
  const bool wants = state_ == MemberState::kJoining || state_ == MemberState::kSyncing ||
                     (state_ == MemberState::kAssigning && counts_);
  if (wants && !asked_) consider(not_before_);
  if (state_ == MemberState::kLeaving && !asked_short_) consider(0);
  if (generation_ >= 0 && !asked_short_) consider(next_beat_);
  if (!owned_.empty()) consider(sure_until());
  return next;
}

JoinGroupRequest GroupMember::join_request() const {
  JoinGroupRequest request{.group_id = settings_.group,
                           .session_timeout_ms = as_ms(settings_.session_timeout),
                           .rebalance_timeout_ms = as_ms(settings_.rebalance_timeout),
                           .member_id = member_id_,
                           .group_instance_id = settings_.instance,
                           .protocol_type = "consumer"};
  Subscriber self{.topics = settings_.topics};
  self.owned = cooperative() ? owned_ : remembered_;
  self.generation = self.owned.empty() ? -1 : owned_generation_;
  for (const Assignor each : settings_.assignors) {
    // Eagerly nothing is held while joining; the one that is called sticky remembers it.
    Subscriber told = self;
    if (!cooperative() && each != Assignor::kSticky) told.owned.clear();
    request.protocols.push_back({std::string(kafka_name(each)), encode_subscription(each, told)});
  }
  return request;
}

SyncGroupRequest GroupMember::sync_request() {
  return {.group_id = settings_.group,
          .generation_id = generation_,
          .member_id = member_id_,
          .group_instance_id = settings_.instance};
}

SyncGroupRequest GroupMember::assign_all() {
  SyncGroupRequest request = sync_request();
  for (const auto& [member, share] : assign(assignor_, subscribers_, counts_joined_))
    request.assignments.push_back({member, encode_share(share)});
  topics_wanted_.clear();
  return request;
}

// Answers

void GroupMember::on(const JoinGroupResponse& answer, Nanos now) {
  asked_ = false;
  if (state_ == MemberState::kLeaving) {  // it crossed the leaving
    if (!answer.member_id.empty()) member_id_ = answer.member_id;
    return;
  }
  if (state_ != MemberState::kJoining) return;
  if (answer.error_code == KafkaError::kMemberIdRequired) {
    member_id_ = answer.member_id;
    return;
  }
  if (answer.error_code != KafkaError::kNone) {
    if (!on_common_error(answer.error_code, now)) fail(answer.error_code);
    return;
  }
  const auto assignor = parse_assignor(answer.protocol_name);
  if (!assignor) return fail(KafkaError::kInconsistentGroupProtocol);
  attempts_ = 0;
  assignor_ = *assignor;
  member_id_ = answer.member_id;
  leader_id_ = answer.leader;
  alive_at_ = std::max(alive_at_, asked_at_);
  // This rebalance ended after all that we had heard of it: the next one begins later still.
  const bool is_over = answer.generation_id != generation_;
  stable_at_ = std::max(stable_at_, is_over ? alive_at_ : asked_at_);
  generation_ = answer.generation_id;
  next_beat_ = now + settings_.heartbeat_interval;
  subscribers_.clear();
  topics_wanted_.clear();
  if (answer.leader != answer.member_id) return move(MemberState::kSyncing);
  for (const auto& each : answer.members) {
    auto subscriber =
        decode_subscription(assignor_, each.member_id, each.group_instance_id, each.metadata);
    // One that nobody can read gets nothing, and the others go on.
    if (!subscriber) subscriber = Subscriber{each.member_id, each.group_instance_id, {}, {}, -1};
    topics_wanted_.insert(subscriber->topics.begin(), subscriber->topics.end());
    subscribers_.push_back(std::move(*subscriber));
  }
  counts_.reset();  // told anew, so that they are of all these topics
  move(MemberState::kAssigning);
}

void GroupMember::on(const SyncGroupResponse& answer, Nanos now) {
  asked_ = false;
  if (state_ != MemberState::kSyncing) return;
  if (answer.error_code == KafkaError::kRebalanceInProgress) return rejoin(now);
  if (answer.error_code != KafkaError::kNone) {
    if (!on_common_error(answer.error_code, now)) fail(answer.error_code);
    return;
  }
  auto share = decode_share(answer.assignment);
  if (!share) {
    error_ = std::move(share).error().while_trying("read what the group's leader has assigned");
    lose();
    return move(MemberState::kGone);
  }
  attempts_ = 0;
  alive_at_ = std::max(alive_at_, asked_at_);
  stable_at_ = std::max(stable_at_, asked_at_);
  take_share(std::move(*share), now);
}

void GroupMember::take_share(Partitions share, Nanos now) {
  Partitions added;
  giving_up_.clear();
  std::set_difference(share.begin(), share.end(), owned_.begin(), owned_.end(),
                      std::inserter(added, added.end()));
  std::set_difference(owned_.begin(), owned_.end(), share.begin(), share.end(),
                      std::inserter(giving_up_, giving_up_.end()));
  owned_.insert(added.begin(), added.end());
  owned_generation_ = generation_;
  remembered_ = share;
  if (!giving_up_.empty()) revoke(giving_up_);
  changes_.push_back({Change::Kind::kAssigned, std::move(added), membership()});
  if (!giving_up_.empty()) return move(MemberState::kGivingUp);
  // Lost while the group shared out: it is free, and the others must hear of it.
  const bool withheld =
      !std::includes(owned_.begin(), owned_.end(), claimed_.begin(), claimed_.end());
  if (withheld) return rejoin(now);
  move(MemberState::kStable);
  if (counts_ && topics_have_changed()) rejoin(now);  // while we were not looking
}

void GroupMember::on(const HeartbeatResponse& answer, Nanos now) {
  asked_short_ = false;
  if (state_ == MemberState::kLeaving || state_ == MemberState::kGone) return;
  // An answer to what we were before says nothing about what we are.
  if (beat_as_ != membership()) return;
  const bool counted_in = answer.error_code == KafkaError::kNone ||
                          answer.error_code == KafkaError::kRebalanceInProgress;
  if (counted_in) alive_at_ = std::max(alive_at_, asked_short_at_);
  if (answer.error_code == KafkaError::kNone) {
    stable_at_ = std::max(stable_at_, asked_short_at_);
    return;
  }
  // A join or sync that is under way will tell the same, and more.
  const bool idle = state_ == MemberState::kStable || state_ == MemberState::kGivingUp;
  if (answer.error_code == KafkaError::kRebalanceInProgress) {
    if (state_ == MemberState::kStable) rejoin(now);
  } else if (answer.error_code == KafkaError::kFencedInstanceId) {
    fail(answer.error_code);
  } else if (idle) {
    if (!on_common_error(answer.error_code, now)) fail(answer.error_code);
  }
}

void GroupMember::on(const LeaveGroupResponse& /*answer*/, Nanos /*now*/) {
  // Whatever it says: nobody waits for us longer than for our session.
  asked_short_ = false;
  if (state_ == MemberState::kLeaving) move(MemberState::kGone);
}

bool GroupMember::on_common_error(KafkaError error, Nanos now) {
  const bool idle = state_ == MemberState::kStable || state_ == MemberState::kGivingUp;
  switch (error) {
    case KafkaError::kUnknownMemberId:
    case KafkaError::kIllegalGeneration:
      if (error == KafkaError::kUnknownMemberId) member_id_.clear();
      lose();
      generation_ = -1;
      if (state_ != MemberState::kJoining) move(MemberState::kJoining);
      return true;
    case KafkaError::kNotCoordinator:
    case KafkaError::kCoordinatorNotAvailable:
      wants_coordinator_ = true;
      [[fallthrough]];
    case KafkaError::kCoordinatorLoadInProgress:
    case KafkaError::kRebalanceInProgress:
      if (idle)
        next_beat_ = now + std::min(settings_.heartbeat_interval, kBackoffMax);
      else
        retry_later(now);
      return true;
    default:
      if (!is_retriable(error)) return false;
      retry_later(now);
      return true;
  }
}

void GroupMember::retry_later(Nanos now) {
  not_before_ = now + std::min(kBackoff << std::min(attempts_++, 10), kBackoffMax);
}

void GroupMember::lost(Nanos now) {
  if (!std::exchange(asked_, false)) return;
  // The group waits for us: at once the first time.
  if (attempts_++ > 0)
    not_before_ = now + std::min(kBackoff << std::min(attempts_, 10), kBackoffMax);
}

void GroupMember::lost_short(Nanos now) {
  if (!std::exchange(asked_short_, false)) return;
  if (state_ == MemberState::kLeaving) return move(MemberState::kGone);
  next_beat_ = now + std::min(settings_.heartbeat_interval, kBackoff);
}

// What the owner says

void GroupMember::tick(Nanos now) {
  if (owned_.empty() || now < sure_until()) return;
  lose();
  if (state_ == MemberState::kStable || state_ == MemberState::kGivingUp) {
    generation_ = -1;  // the broker may know better: the join tells
    move(MemberState::kJoining);
  }
}

void GroupMember::revoke(Partitions partitions) {
  changes_.push_back({Change::Kind::kRevoked, std::move(partitions), membership(), ++revoked_});
}

void GroupMember::given_up(std::uint64_t number, Nanos now) {
  if (state_ != MemberState::kGivingUp || number != revoked_) return;  // lost meanwhile
  for (const TopicPartition& each : giving_up_) owned_.erase(each);
  giving_up_.clear();
  move(MemberState::kJoining);
  not_before_ = now;
}

void GroupMember::set_counts(const PartitionCounts& counts, Nanos now) {
  if (!counts_ && state_ != MemberState::kAssigning) counts_joined_ = counts;
  counts_ = counts;
  if (state_ == MemberState::kStable && topics_have_changed()) rejoin(now);
}

bool GroupMember::topics_have_changed() const {
  // A static member that came back may lead without having been told.
  if (leader_id_ != member_id_ && !settings_.instance) return false;
  const auto count = [](const PartitionCounts& of, const std::string& topic) {
    const auto found = of.find(topic);
    return found == of.end() ? 0 : found->second;
  };
  std::set<std::string> topics(settings_.topics.begin(), settings_.topics.end());
  for (const Subscriber& each : subscribers_) topics.insert(each.topics.begin(), each.topics.end());
  return std::any_of(topics.begin(), topics.end(), [&](const std::string& topic) {
    return count(*counts_, topic) != count(counts_joined_, topic);
  });
}

void GroupMember::rejoin(Nanos now) {
  not_before_ = now;
  if (cooperative() || owned_.empty()) return move(MemberState::kJoining);
  // What is held before a sync is answered was given up before its join.
  giving_up_ = owned_;
  revoke(giving_up_);
  move(MemberState::kGivingUp);
}

void GroupMember::lose() {
  if (!owned_.empty())
    changes_.push_back({Change::Kind::kLost, std::exchange(owned_, {}), Membership{}});
  giving_up_.clear();
  remembered_.clear();
}

void GroupMember::fail(KafkaError error) {
  error_ = to_error(error, "group " + settings_.group);
  if (error == KafkaError::kFencedInstanceId) {
    error_->message = fmt::format("another consumer has joined group {} as instance {}",
                                  settings_.group, settings_.instance.value_or(""));
    error_->hint = "give each consumer an --instance of its own";
  }
  lose();
  move(MemberState::kGone);
}

void GroupMember::leave(Nanos /*now*/) {
  if (state_ == MemberState::kLeaving || state_ == MemberState::kGone) return;
  lose();
  changes_.clear();
  move(member_id_.empty() ? MemberState::kGone : MemberState::kLeaving);
}

}  // namespace ds::kafka
