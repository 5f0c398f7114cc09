// A member of a consumer group, the classic protocol, as a state machine without a socket and
// without a clock: it is told answers and the time, and says what to send next.
//
//   GroupMember member({.group = "g", .topics = {"tweets"}});
//   if (auto request = member.next(now)) …send it; its answer goes to on(), or lost() is called
//   if (auto request = member.next_short(now)) …the same, by another connection
//   for (auto& change : member.take_changes()) …                // what is ours, in order
//
//   Joining -> Syncing | Assigning: all have joined; the leader assigns, which needs topic sizes
//   Syncing -> Stable: our share is ours      Syncing -> GivingUp: some of it is to be given up
//   Stable -> GivingUp: eager, all is given up before joining again
//   Stable, GivingUp -> Joining: the group changes, or has thrown us out
//   any -> Leaving -> Gone
//
// A join is answered when all members have joined, which may take a minute, and a broker answers
// the requests of a connection in their order: so heartbeats and the leaving have a connection of
// their own, and go on while a join waits.
//
// Who has not been confirmed by the broker for a session's time gives everything up by itself, as
// lost: the group may have shared it out again. So does who has heard for a rebalance's time
// nothing but that there is one, also while its join is under way, which may never have arrived.
// The price: when one member makes a rebalance last its whole time, all read again what they hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "kafka/client/assignor.h"
#include "kafka/wire/messages/11_join_group.h"
#include "kafka/wire/messages/12_heartbeat.h"
#include "kafka/wire/messages/13_leave_group.h"
#include "kafka/wire/messages/14_sync_group.h"

namespace ds::kafka {

/// As whom a commit is signed. Who is no member uses the defaults.
struct Membership {
  std::int32_t generation = -1;
  std::string member;
  std::optional<std::string> instance;
  bool operator==(const Membership&) const = default;
};

struct MemberSettings {
  std::string group;
  std::vector<std::string> topics;
  std::optional<std::string> instance;  // static membership
  std::vector<Assignor> assignors = {Assignor::kCooperativeSticky};
  Nanos session_timeout = 30 * kSecond;
  Nanos heartbeat_interval = 3 * kSecond;
  Nanos rebalance_timeout = 60 * kSecond;
};

enum class MemberState { kJoining, kAssigning, kSyncing, kStable, kGivingUp, kLeaving, kGone };
bool may_move(MemberState from, MemberState to);
std::string_view name_of(MemberState state);

class GroupMember {
 public:
  using Partitions = std::set<TopicPartition>;
  using Request = std::variant<JoinGroupRequest, SyncGroupRequest>;
  using ShortRequest = std::variant<HeartbeatRequest, LeaveGroupRequest>;

  /// What became of our share. Revoked waits for given_up(); nothing comes before that but kLost.
  struct Change {
    enum class Kind { kAssigned, kRevoked, kLost };
    Kind kind;
    Partitions partitions;     // kAssigned: besides those that were ours
    Membership membership;     // for commits from now on
    std::uint64_t number = 0;  // of a kRevoked, for given_up()
  };

  explicit GroupMember(MemberSettings settings);

  /// What to send now, if anything; not asked for again until it was answered or lost().
  std::optional<Request> next(Nanos now);
  std::optional<ShortRequest> next_short(Nanos now);
  /// The instant at which one of them, or tick(), has something to do without an answer; or -1.
  Nanos next_turn() const;

  void on(const JoinGroupResponse& answer, Nanos now);
  void on(const SyncGroupResponse& answer, Nanos now);
  void on(const HeartbeatResponse& answer, Nanos now);
  void on(const LeaveGroupResponse& answer, Nanos now);
  /// No answer will come to what next(), or next_short(), gave.
  void lost(Nanos now);
  void lost_short(Nanos now);

  /// Gives up what has not been confirmed for too long.
  void tick(Nanos now);
  /// Partitions named by the kRevoked of that number are not ours any more: committed, and
  /// forgotten. One that was overtaken by a kLost means nothing.
  void given_up(std::uint64_t number, Nanos now);
  std::uint64_t last_revoked() const { return revoked_; }
  /// How large topics are, of those wanted and others; one that is left out does not exist.
  void set_counts(const PartitionCounts& counts, Nanos now);
  /// Joins no more. What was ours must have been given up before.
  void leave(Nanos now);

  std::vector<Change> take_changes() { return std::exchange(changes_, {}); }
  /// Topics whose size the leader must know, while it is kAssigning.
  const std::set<std::string>& topics_wanted() const { return topics_wanted_; }
  /// The broker asked is not the group's (any more); true once.
  bool take_wants_coordinator() { return std::exchange(wants_coordinator_, false); }

  MemberState state() const { return state_; }
  const Partitions& owned() const { return owned_; }
  /// Until then nobody else has been given what is ours.
  Nanos sure_until() const;
  Membership membership() const { return {generation_, member_id_, settings_.instance}; }
  /// What no waiting will mend, once it has happened; the state is kGone then.
  const std::optional<Error>& error() const { return error_; }

 private:
  void move(MemberState to);
  bool cooperative() const { return is_cooperative(settings_.assignors); }
  JoinGroupRequest join_request() const;
  SyncGroupRequest sync_request();
  SyncGroupRequest assign_all();
  void take_share(Partitions share, Nanos now);
  void rejoin(Nanos now);
  /// Everything that was ours is somebody else's.
  void lose();
  void retry_later(Nanos now);
  /// Errors that mean the same in every answer. True when it was one, and is dealt with.
  bool on_common_error(KafkaError error, Nanos now);
  void revoke(Partitions partitions);
  bool topics_have_changed() const;
  void fail(KafkaError error);

  const MemberSettings settings_;
  MemberState state_ = MemberState::kJoining;
  std::string member_id_;
  std::int32_t generation_ = -1;
  std::string leader_id_;
  Assignor assignor_ = Assignor::kCooperativeSticky;  // the group's
  std::vector<Subscriber> subscribers_;               // known to the leader
  std::set<std::string> topics_wanted_;
  std::optional<PartitionCounts> counts_;  // as last told
  PartitionCounts counts_joined_;          // of our topics, when we joined

  Partitions owned_;  // with what is being given up
  Partitions giving_up_;
  std::uint64_t revoked_ = 0;  // how often
  Partitions claimed_;         // when we joined: who leads gives it to nobody else in that round
  std::int32_t owned_generation_ = -1;  // when it was given to us
  Partitions remembered_;               // eager: what we held, for who assigns by it
  std::vector<Change> changes_;

  bool asked_ = false;        // next() is under way
  bool asked_short_ = false;  // next_short() is
  Membership beat_as_;        // who it spoke for
  Nanos asked_at_ = 0, asked_short_at_ = 0;
  Nanos alive_at_ = 0;   // the broker has counted us in for a session from here
  Nanos stable_at_ = 0;  // there was no rebalance then, or one that we were in has ended since
  Nanos next_beat_ = 0;
  Nanos not_before_ = 0;
  int attempts_ = 0;
  bool wants_coordinator_ = false;
  std::optional<Error> error_;
};

}  // namespace ds::kafka
