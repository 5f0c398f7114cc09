// Consumer groups, the classic protocol, as a state machine without a socket and without a clock:
// every call is given the time, and answers that must wait come through a callback.
//
//   groups.join(request, client, true, clock.now(), [answer](const auto& r) { answer.send(r); });
//   groups.tick(clock.now());          // sessions and rebalances that have run out
//
//   Empty -> Preparing: somebody joined            Completing -> Stable: the leader has assigned
//   Preparing -> Completing: all have joined       Stable, Completing -> Preparing: members changed
//   Preparing -> Empty: all have gone
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/wire/messages/11_join_group.h"
#include "kafka/wire/messages/12_heartbeat.h"
#include "kafka/wire/messages/13_leave_group.h"
#include "kafka/wire/messages/14_sync_group.h"
#include "kafka/wire/messages/15_describe_groups.h"
#include "kafka/wire/messages/16_list_groups.h"

namespace ds::kafka::broker {

struct GroupSettings {
  /// An empty group waits this long for others before it starts, so that members which start
  /// together need one rebalance and not several.
  Nanos initial_delay = 100 * kMillisecond;
  Nanos session_min = 100 * kMillisecond;
  Nanos session_max = 30 * 60 * kSecond;
  std::size_t members_max = 10'000;
};

enum class GroupState { kEmpty, kPreparing, kCompleting, kStable };
bool may_move(GroupState from, GroupState to);
std::string_view kafka_name(GroupState state);

struct ClientInfo {
  std::string id;
  std::string host;
};

/// Threads: any; a callback is called under the lock, so it must only hand over.
class Groups {
 public:
  using JoinDone = std::function<void(const JoinGroupResponse&)>;
  using SyncDone = std::function<void(const SyncGroupResponse&)>;
  using NewMemberId = std::function<std::string(const std::string& client_id)>;

  Groups(const GroupSettings& settings, NewMemberId new_member_id, Log& log)
      : settings_(settings), new_member_id_(std::move(new_member_id)), log_(log) {}

  /// `needs_id`: a first join is sent back with an id to join with (JoinGroup 4 and later), so that
  /// one whose answer was lost leaves no ghost behind.
  void join(const JoinGroupRequest& request, const ClientInfo& client, bool needs_id, Nanos now,
            JoinDone done);
  void sync(const SyncGroupRequest& request, Nanos now, SyncDone done);
  KafkaError heartbeat(const HeartbeatRequest& request, Nanos now);
  KafkaError leave(const std::string& group, const LeaveGroupResponse::Member& member, Nanos now);
  /// Whether this member may commit offsets now. Generation -1 is for groups without members.
  KafkaError may_commit(const std::string& group, std::int32_t generation,
                        const std::string& member_id, const std::optional<std::string>& instance_id,
                        Nanos now);
  void tick(Nanos now);

  /// Nothing for a group that has never had members.
  std::optional<DescribeGroupsResponse::Group> describe(const std::string& group) const;
  std::vector<ListGroupsResponse::Group> list() const;
  bool has_members(const std::string& group) const;
  /// The groups with members, and the topics that these want to read.
  std::map<std::string, std::set<std::string>> subscriptions() const;
  void forget(const std::string& group);

 private:
  struct Member {
    std::string id;
    std::optional<std::string> instance_id;
    ClientInfo client;
    Nanos session_timeout = 0;
    Nanos rebalance_timeout = 0;
    Nanos session_deadline = 0;
    std::vector<JoinGroupRequest::Protocol> protocols;
    ByteVec assignment;
    JoinDone join_done;  // set while it waits
    SyncDone sync_done;

    bool waits() const { return join_done || sync_done; }
    const ByteVec& metadata(const std::string& protocol) const;
    bool speaks(const std::string& protocol) const;
  };
  struct Group {
    std::string id;
    GroupState state = GroupState::kEmpty;
    std::string protocol_type;
    std::string protocol;
    std::int32_t generation = 0;
    std::string leader;
    std::map<std::string, Member> members;
    std::map<std::string, std::string> static_members;  // instance id -> member id
    std::map<std::string, Nanos> promised_ids;          // given out, not yet joined with -> until
    Nanos rebalance_not_before = 0;
    Nanos rebalance_deadline = 0;
  };

  Group* find(const std::string& id);
  const Group* find(const std::string& id) const;
  void move(Group& group, GroupState to);
  KafkaError judge_join(const JoinGroupRequest& request) const;
  void join_known(Group& group, Member& member, const JoinGroupRequest& request, Nanos now,
                  JoinDone done);
  void join_new(Group& group, std::string member_id, const JoinGroupRequest& request,
                const ClientInfo& client, Nanos now, JoinDone done);
  void replace_static(Group& group, const std::string& old_id, const JoinGroupRequest& request,
                      const ClientInfo& client, Nanos now, JoinDone done);
  KafkaError identify(Group& group, const std::string& member_id,
                      const std::optional<std::string>& instance_id, Member*& member);
  void prepare(Group& group, Nanos now);
  void complete_if_ready(Group& group, Nanos now);
  void remove(Group& group, const std::string& member_id, Nanos now);
  static bool has_common_protocol(const Group& group, const JoinGroupRequest& request,
                                  const std::string& but_for);
  static std::string vote(const Group& group);
  static JoinGroupResponse joined(const Group& group, const Member& member);
  static void alive(Member& member, Nanos now) {
    member.session_deadline = now + member.session_timeout;
  }

  const GroupSettings settings_;
  const NewMemberId new_member_id_;
  Log& log_;
  mutable std::mutex mutex_;
  std::map<std::string, Group> groups_;
};

}  // namespace ds::kafka::broker
