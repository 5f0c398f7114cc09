#include "kafka/broker/groups.h"

#include <algorithm>

#include "kafka/wire/messages/consumer_protocol.h"

namespace ds::kafka::broker {
namespace {

JoinGroupResponse refused(KafkaError error, std::string member_id = {}) {
  return {.error_code = error, .member_id = std::move(member_id)};
}

}  // namespace

bool may_move(GroupState from, GroupState to) {
  switch (from) {
    case GroupState::kEmpty:
      return to == GroupState::kPreparing;
    case GroupState::kPreparing:
      return to == GroupState::kCompleting || to == GroupState::kEmpty;
    case GroupState::kCompleting:
      return to == GroupState::kStable || to == GroupState::kPreparing;
    case GroupState::kStable:
      return to == GroupState::kPreparing;
  }
  return false;
}

std::string_view kafka_name(GroupState state) {
  switch (state) {
    case GroupState::kEmpty:
      return "Empty";
    case GroupState::kPreparing:
      return "PreparingRebalance";
    case GroupState::kCompleting:
      return "CompletingRebalance";
    case GroupState::kStable:
      return "Stable";
  }
  return "Dead";
}

bool Groups::Member::speaks(const std::string& protocol) const {
  return std::any_of(protocols.begin(), protocols.end(),
                     [&](const auto& each) { return each.name == protocol; });
}

const ByteVec& Groups::Member::metadata(const std::string& protocol) const {
  static const ByteVec kNone;
  const auto found = std::find_if(protocols.begin(), protocols.end(),
                                  [&](const auto& each) { return each.name == protocol; });
  return found == protocols.end() ? kNone : found->metadata;
}

Groups::Group* Groups::find(const std::string& id) {
  const auto found = groups_.find(id);
  return found == groups_.end() ? nullptr : &found->second;
}
const Groups::Group* Groups::find(const std::string& id) const {
  const auto found = groups_.find(id);
  return found == groups_.end() ? nullptr : &found->second;
}

void Groups::move(Group& group, GroupState to) {
  check(may_move(group.state, to), "a group in an impossible state");
  group.state = to;
}

// Joining

KafkaError Groups::judge_join(const JoinGroupRequest& request) const {
  const Nanos session = request.session_timeout_ms * kMillisecond;
  if (request.group_id.empty()) return KafkaError::kInvalidGroupId;
  if (session < settings_.session_min || session > settings_.session_max)
    return KafkaError::kInvalidSessionTimeout;
  if (request.protocol_type.empty() || request.protocols.empty())
    return KafkaError::kInconsistentGroupProtocol;
  return KafkaError::kNone;
}

bool Groups::has_common_protocol(const Group& group, const JoinGroupRequest& request,
                                 const std::string& but_for) {
  return std::any_of(request.protocols.begin(), request.protocols.end(), [&](const auto& each) {
    return std::all_of(group.members.begin(), group.members.end(), [&](const auto& entry) {
      return entry.first == but_for || entry.second.speaks(each.name);
    });
  });
}

void Groups::join(const JoinGroupRequest& request, const ClientInfo& client, bool needs_id,
                  Nanos now, JoinDone done) {
  const std::lock_guard lock(mutex_);
  if (const auto error = judge_join(request); error != KafkaError::kNone)
    return done(refused(error, request.member_id));
  const bool first = request.member_id.empty();
  if (!find(request.group_id) && !first)
    return done(refused(KafkaError::kUnknownMemberId, request.member_id));
  Group& group = groups_[request.group_id];
  group.id = request.group_id;

  const auto& instance = request.group_instance_id;
  const auto known_static =
      instance ? group.static_members.find(*instance) : group.static_members.end();
  const bool is_known_static = known_static != group.static_members.end();
  const std::string& own_id = is_known_static ? known_static->second : request.member_id;
  if (!group.members.empty() && (group.protocol_type != request.protocol_type ||
                                 !has_common_protocol(group, request, own_id)))
    return done(refused(KafkaError::kInconsistentGroupProtocol, request.member_id));

  if (first) {
    if (is_known_static)
      return replace_static(group, std::string(own_id), request, client, now, std::move(done));
    if (group.members.size() + group.promised_ids.size() >= settings_.members_max)
      return done(refused(KafkaError::kGroupMaxSizeReached));
    std::string id = new_member_id_(client.id);
    if (!needs_id || instance)
      return join_new(group, std::move(id), request, client, now, std::move(done));
    group.promised_ids[id] = now + request.session_timeout_ms * kMillisecond;
    return done(refused(KafkaError::kMemberIdRequired, std::move(id)));
  }
  if (group.promised_ids.erase(request.member_id) > 0)
    return join_new(group, request.member_id, request, client, now, std::move(done));
  Member* member = nullptr;
  const auto error = identify(group, request.member_id, instance, member);
  if (error != KafkaError::kNone) return done(refused(error, request.member_id));
  join_known(group, *member, request, now, std::move(done));
}

void Groups::join_new(Group& group, std::string member_id, const JoinGroupRequest& request,
                      const ClientInfo& client, Nanos now, JoinDone done) {
  const Nanos session = request.session_timeout_ms * kMillisecond;
  Member member{.id = member_id,
                .instance_id = request.group_instance_id,
                .client = client,
                .session_timeout = session,
                .rebalance_timeout = request.rebalance_timeout_ms > 0
                                         ? request.rebalance_timeout_ms * kMillisecond
                                         : session,
                .protocols = request.protocols,
                .join_done = std::move(done)};
  alive(member, now);
  if (group.members.empty()) group.protocol_type = request.protocol_type;
  if (member.instance_id) group.static_members[*member.instance_id] = member_id;
  group.members.emplace(std::move(member_id), std::move(member));
  prepare(group, now);
}

void Groups::join_known(Group& group, Member& member, const JoinGroupRequest& request, Nanos now,
                        JoinDone done) {
  alive(member, now);
  const bool changed = member.protocols != request.protocols;
  // A follower that asks again, or a member whose answer was lost, learns what it had.
  const bool nothing_new =
      !changed && (group.state == GroupState::kCompleting ||
                   (group.state == GroupState::kStable && group.leader != member.id));
  if (nothing_new) return done(joined(group, member));
  member.protocols = request.protocols;
  if (request.rebalance_timeout_ms > 0)
    member.rebalance_timeout = request.rebalance_timeout_ms * kMillisecond;
  if (member.join_done)  // its earlier connection is gone
    member.join_done(refused(KafkaError::kRebalanceInProgress, member.id));
  member.join_done = std::move(done);
  prepare(group, now);
}

/// A static member comes back under its instance id: it gets a new member id, who held the old one
/// is fenced, and if nothing else changed there is no rebalance.
void Groups::replace_static(Group& group, const std::string& old_id,
                            const JoinGroupRequest& request, const ClientInfo& client, Nanos now,
                            JoinDone done) {
  auto node = group.members.extract(old_id);
  Member& member = node.mapped();
  if (member.join_done) member.join_done(refused(KafkaError::kFencedInstanceId, old_id));
  if (member.sync_done) member.sync_done({.error_code = KafkaError::kFencedInstanceId});
  member.join_done = nullptr;
  member.sync_done = nullptr;
  const bool changed = member.protocols != request.protocols;
  member.id = new_member_id_(client.id);
  member.client = client;
  member.session_timeout = request.session_timeout_ms * kMillisecond;
  alive(member, now);
  const std::string old_leader = group.leader;
  if (group.leader == old_id) group.leader = member.id;
  group.static_members[*member.instance_id] = member.id;
  node.key() = member.id;
  Member& back = group.members.insert(std::move(node)).position->second;
  if (group.state == GroupState::kStable && !changed) {
    // The leader is told the old leader's id, so that it does not assign again (as Kafka does).
    JoinGroupResponse response = joined(group, back);
    response.leader = old_leader;
    response.members.clear();
    return done(response);
  }
  back.protocols = request.protocols;
  back.join_done = std::move(done);
  prepare(group, now);
}

JoinGroupResponse Groups::joined(const Group& group, const Member& member) {
  JoinGroupResponse response{.generation_id = group.generation,
                             .protocol_name = group.protocol,
                             .leader = group.leader,
                             .member_id = member.id};
  if (group.leader == member.id)
    for (const auto& [id, each] : group.members)
      response.members.push_back({id, each.instance_id, each.metadata(group.protocol)});
  return response;
}

// Rebalancing

/// Asks all members to join again, unless that is under way.
void Groups::prepare(Group& group, Nanos now) {
  if (group.state != GroupState::kPreparing) {
    for (auto& [id, member] : group.members)
      if (member.sync_done) {
        member.sync_done({.error_code = KafkaError::kRebalanceInProgress});
        member.sync_done = nullptr;
        alive(member, now);
      }
    Nanos longest = 0;
    for (const auto& [id, member] : group.members)
      longest = std::max(longest, member.rebalance_timeout);
    group.rebalance_not_before =
        group.state == GroupState::kEmpty ? now + settings_.initial_delay : now;
    group.rebalance_deadline = now + longest;
    move(group, GroupState::kPreparing);
  }
  complete_if_ready(group, now);
}

void Groups::complete_if_ready(Group& group, Nanos now) {
  if (group.state != GroupState::kPreparing || now < group.rebalance_not_before) return;
  const bool in_time = now < group.rebalance_deadline;
  for (auto entry = group.members.begin(); entry != group.members.end();) {
    const Member& member = entry->second;
    if (member.join_done || (member.instance_id && !in_time)) {
      ++entry;  // a static member keeps its place until its session ends
    } else if (in_time) {
      return;
    } else {
      log_.info("group {}: {} did not join in time", group.id, member.id);
      entry = group.members.erase(entry);
    }
  }
  if (group.members.empty()) return move(group, GroupState::kEmpty);
  const auto joins = [](const auto& entry) { return static_cast<bool>(entry.second.join_done); };
  const auto first = std::find_if(group.members.begin(), group.members.end(), joins);
  if (first == group.members.end()) {
    group.rebalance_deadline =
        now + kSecond;  // only absent static members: wait for their sessions
    return;
  }
  const auto leader = group.members.find(group.leader);
  if (leader == group.members.end() || !joins(*leader)) group.leader = first->first;
  group.protocol = vote(group);
  ++group.generation;
  move(group, GroupState::kCompleting);
  for (auto& [id, member] : group.members) {
    member.assignment.clear();
    alive(member, now);
    if (const JoinDone done = std::exchange(member.join_done, nullptr)) done(joined(group, member));
  }
}

/// The protocol that all speak and most prefer.
std::string Groups::vote(const Group& group) {
  std::map<std::string, int> votes;
  for (const auto& [id, member] : group.members)
    for (const auto& protocol : member.protocols)
      if (std::all_of(group.members.begin(), group.members.end(),
                      [&](const auto& each) { return each.second.speaks(protocol.name); })) {
        ++votes[protocol.name];
        break;
      }
  const auto best = std::max_element(
      votes.begin(), votes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return best == votes.end() ? "" : best->first;
}

void Groups::remove(Group& group, const std::string& member_id, Nanos now) {
  auto node = group.members.extract(member_id);
  if (node.empty()) return;
  Member& member = node.mapped();
  if (member.join_done) member.join_done(refused(KafkaError::kUnknownMemberId, member.id));
  if (member.sync_done) member.sync_done({.error_code = KafkaError::kUnknownMemberId});
  if (member.instance_id) {
    const auto own = group.static_members.find(*member.instance_id);
    if (own != group.static_members.end() && own->second == member_id)
      group.static_members.erase(own);
  }
  prepare(group, now);
  if (group.members.empty() && group.state == GroupState::kPreparing) {
    move(group, GroupState::kEmpty);
    ++group.generation;
    group.leader.clear();
  }
}

// Members at work

KafkaError Groups::identify(Group& group, const std::string& member_id,
                            const std::optional<std::string>& instance_id, Member*& member) {
  if (instance_id) {
    const auto known = group.static_members.find(*instance_id);
    if (known == group.static_members.end()) return KafkaError::kUnknownMemberId;
    if (known->second != member_id) return KafkaError::kFencedInstanceId;
  }
  const auto found = group.members.find(member_id);
  if (found == group.members.end()) return KafkaError::kUnknownMemberId;
  member = &found->second;
  return KafkaError::kNone;
}

void Groups::sync(const SyncGroupRequest& request, Nanos now, SyncDone done) {
  const std::lock_guard lock(mutex_);
  const auto refuse = [&](KafkaError error) { done({.error_code = error}); };
  Group* group = find(request.group_id);
  if (!group) return refuse(KafkaError::kUnknownMemberId);
  Member* member = nullptr;
  const auto error = identify(*group, request.member_id, request.group_instance_id, member);
  if (error != KafkaError::kNone) return refuse(error);
  if (request.generation_id != group->generation) return refuse(KafkaError::kIllegalGeneration);
  alive(*member, now);
  if (group->state == GroupState::kPreparing) return refuse(KafkaError::kRebalanceInProgress);
  if (group->state == GroupState::kStable) return done({.assignment = member->assignment});

  if (member->sync_done) member->sync_done({.error_code = KafkaError::kRebalanceInProgress});
  member->sync_done = std::move(done);
  if (member->id != group->leader) return;
  for (const auto& [id, assignment] : request.assignments) {
    const auto found = group->members.find(id);
    if (found != group->members.end()) found->second.assignment = assignment;
  }
  move(*group, GroupState::kStable);
  for (auto& [id, each] : group->members)
    if (const SyncDone waiting = std::exchange(each.sync_done, nullptr)) {
      alive(each, now);
      waiting({.assignment = each.assignment});
    }
}

KafkaError Groups::heartbeat(const HeartbeatRequest& request, Nanos now) {
  const std::lock_guard lock(mutex_);
  Group* group = find(request.group_id);
  if (!group) return KafkaError::kUnknownMemberId;
  Member* member = nullptr;
  const auto error = identify(*group, request.member_id, request.group_instance_id, member);
  if (error != KafkaError::kNone) return error;
  if (request.generation_id != group->generation) return KafkaError::kIllegalGeneration;
  alive(*member, now);
  return group->state == GroupState::kPreparing ? KafkaError::kRebalanceInProgress
                                                : KafkaError::kNone;
}

KafkaError Groups::leave(const std::string& group_id, const LeaveGroupResponse::Member& leaver,
                         Nanos now) {
  const std::lock_guard lock(mutex_);
  Group* group = find(group_id);
  if (!group) return KafkaError::kUnknownMemberId;
  if (group->promised_ids.erase(leaver.member_id) > 0) return KafkaError::kNone;
  std::string id = leaver.member_id;
  if (leaver.group_instance_id && id.empty()) {  // an administrator removes a static member
    const auto known = group->static_members.find(*leaver.group_instance_id);
    if (known != group->static_members.end()) id = known->second;
  }
  Member* member = nullptr;
  const auto error = identify(*group, id, leaver.group_instance_id, member);
  if (error == KafkaError::kNone) remove(*group, id, now);
  return error;
}

KafkaError Groups::may_commit(const std::string& group_id, std::int32_t generation,
                              const std::string& member_id,
                              const std::optional<std::string>& instance_id, Nanos now) {
  const std::lock_guard lock(mutex_);
  Group* group = find(group_id);
  const bool has_members = group && !group->members.empty();
  if (generation < 0 && member_id.empty() && !instance_id)
    return has_members ? KafkaError::kUnknownMemberId : KafkaError::kNone;
  if (!group) return KafkaError::kIllegalGeneration;
  Member* member = nullptr;
  const auto error = identify(*group, member_id, instance_id, member);
  if (error != KafkaError::kNone) return error;
  if (generation != group->generation) return KafkaError::kIllegalGeneration;
  alive(*member, now);
  return group->state == GroupState::kCompleting ? KafkaError::kRebalanceInProgress
                                                 : KafkaError::kNone;
}

void Groups::tick(Nanos now) {
  const std::lock_guard lock(mutex_);
  for (auto& [id, group] : groups_) {
    std::erase_if(group.promised_ids, [&](const auto& each) { return each.second <= now; });
    std::vector<std::string> silent;
    for (const auto& [member_id, member] : group.members)
      if (!member.waits() && member.session_deadline <= now) silent.push_back(member_id);
    for (const std::string& member_id : silent) {
      log_.info("group {}: {} has not been heard of for its session", id, member_id);
      remove(group, member_id, now);
    }
    complete_if_ready(group, now);
  }
  std::erase_if(groups_, [](const auto& each) {
    const Group& group = each.second;
    return group.state == GroupState::kEmpty && group.promised_ids.empty();
  });
}

// Telling

std::optional<DescribeGroupsResponse::Group> Groups::describe(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const Group* group = find(id);
  if (!group) return std::nullopt;
  DescribeGroupsResponse::Group told{
      .group_id = id,
      .group_state = std::string(kafka_name(group->state)),
      .protocol_type = group->protocol_type,
      .protocol_data = group->members.empty() ? "" : group->protocol};
  for (const auto& [member_id, member] : group->members)
    told.members.push_back({member_id, member.instance_id, member.client.id, member.client.host,
                            member.metadata(group->protocol), member.assignment});
  return told;
}

std::vector<ListGroupsResponse::Group> Groups::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<ListGroupsResponse::Group> told;
  for (const auto& [id, group] : groups_)
    told.push_back({id, group.protocol_type, std::string(kafka_name(group.state))});
  return told;
}

bool Groups::has_members(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const Group* group = find(id);
  return group && !group->members.empty();
}

std::map<std::string, std::set<std::string>> Groups::subscriptions() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::set<std::string>> told;
  for (const auto& [id, group] : groups_)
    for (const auto& [member_id, member] : group.members) {
      auto& topics = told[id];
      if (group.protocol_type != "consumer" || member.protocols.empty()) continue;
      auto wanted =
          decode_embedded<ConsumerProtocolSubscription>(member.protocols.front().metadata);
      if (wanted) topics.insert(wanted->topics.begin(), wanted->topics.end());
    }
  return told;
}

void Groups::forget(const std::string& id) {
  const std::lock_guard lock(mutex_);
  groups_.erase(id);
}

}  // namespace ds::kafka::broker
