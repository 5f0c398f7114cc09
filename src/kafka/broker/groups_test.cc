#include "kafka/broker/groups.h"

#include <gmock/gmock.h>

namespace ds::kafka::broker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// One member's view: its last answers.
struct Member {
  std::string id;
  std::optional<std::string> instance;
  std::optional<JoinGroupResponse> join;
  std::optional<SyncGroupResponse> sync;
};

class GroupsTest : public testing::Test {
 protected:
  void join(Member& member, std::vector<std::string> protocols = {"range"}, bool needs_id = false) {
    JoinGroupRequest request{.group_id = "g",
                             .session_timeout_ms = 10'000,
                             .rebalance_timeout_ms = 30'000,
                             .member_id = member.id,
                             .group_instance_id = member.instance,
                             .protocol_type = "consumer"};
    for (const auto& name : protocols) request.protocols.push_back({name, ByteVec{1, 2}});
    member.join.reset();
    groups_.join(request, {"client", "/host"}, needs_id, now_, [&member](const auto& response) {
      member.join = response;
      if (!response.member_id.empty()) member.id = response.member_id;
    });
  }
  void sync(Member& member, std::vector<SyncGroupRequest::MemberAssignment> assignments = {}) {
    member.sync.reset();
    groups_.sync({.group_id = "g",
                  .generation_id = member.join->generation_id,
                  .member_id = member.id,
                  .group_instance_id = member.instance,
                  .assignments = std::move(assignments)},
                 now_, [&member](const auto& response) { member.sync = response; });
  }
  KafkaError heartbeat(const Member& member) {
    return groups_.heartbeat({"g", member.join->generation_id, member.id, member.instance}, now_);
  }
  KafkaError leave(const Member& member) {
    return groups_.leave("g", {member.id, member.instance}, now_);
  }
  KafkaError may_commit(const Member& member) {
    return groups_.may_commit("g", member.join->generation_id, member.id, member.instance, now_);
  }
  void pass(Nanos time) {
    now_ += time;
    groups_.tick(now_);
  }
  std::string state() const {
    const auto group = groups_.describe("g");
    return group ? group->group_state : "Dead";
  }
  /// Two members in a stable generation; a leads.
  void settle(Member& a, Member& b) {
    join(a);
    join(b);
    pass(kSecond);
    if (a.join->leader != a.id) std::swap(a, b);
    sync(b);
    sync(a, {{a.id, {10}}, {b.id, {20}}});
  }

  NoLog log_;
  int ids_ = 0;
  Groups groups_{
      {}, [this](const std::string& client) { return client + std::to_string(++ids_); }, log_};
  Nanos now_ = 0;
};

TEST_F(GroupsTest, MembersWhoStartTogetherShareOneGeneration) {
  Member a, b;
  join(a);
  pass(50 * kMillisecond);
  EXPECT_FALSE(a.join) << "others may come";
  join(b);
  pass(60 * kMillisecond);
  ASSERT_TRUE(a.join && b.join);
  EXPECT_EQ(a.join->generation_id, 1);
  EXPECT_EQ(a.join->leader, a.id);
  EXPECT_EQ(a.join->members.size(), 2u) << "the leader is told of all";
  EXPECT_THAT(b.join->members, IsEmpty());
  EXPECT_EQ(b.join->protocol_name, "range");
  EXPECT_EQ(state(), "CompletingRebalance");

  sync(b);
  EXPECT_FALSE(b.sync) << "the leader has not assigned";
  sync(a, {{a.id, {10}}, {b.id, {20}}});
  EXPECT_EQ(a.sync->assignment, ByteVec{10});
  EXPECT_EQ(b.sync->assignment, ByteVec{20});
  EXPECT_EQ(state(), "Stable");
  EXPECT_EQ(heartbeat(a), KafkaError::kNone);
}

TEST_F(GroupsTest, ANewcomerMakesAllJoinAgain) {
  Member a, b, c;
  settle(a, b);
  join(c);
  EXPECT_EQ(heartbeat(a), KafkaError::kRebalanceInProgress);
  EXPECT_EQ(may_commit(b), KafkaError::kNone) << "what was read may be committed first";
  join(a);
  EXPECT_FALSE(a.join);
  join(b);
  ASSERT_TRUE(a.join && b.join && c.join);
  EXPECT_EQ(c.join->generation_id, 2);
  EXPECT_EQ(a.join->leader, a.id) << "the leader stays";
  EXPECT_EQ(may_commit(b), KafkaError::kRebalanceInProgress);
}

TEST_F(GroupsTest, WhoDoesNotJoinInTimeIsLeftOut) {
  Member a, b, c;
  settle(a, b);
  join(c);
  join(a);
  for (int i = 0; i < 29; ++i) {  // b lives, but does not join
    pass(kSecond);
    ASSERT_EQ(heartbeat(b), KafkaError::kRebalanceInProgress);
    ASSERT_FALSE(a.join);
  }
  pass(2 * kSecond);
  ASSERT_TRUE(a.join && c.join);
  EXPECT_EQ(heartbeat(b), KafkaError::kUnknownMemberId);
  EXPECT_EQ(a.join->members.size(), 2u);
}

TEST_F(GroupsTest, ASilentMemberLosesItsPlace) {
  Member a, b;
  settle(a, b);
  pass(9 * kSecond);
  EXPECT_EQ(heartbeat(a), KafkaError::kNone);
  pass(2 * kSecond);
  EXPECT_EQ(heartbeat(a), KafkaError::kRebalanceInProgress);
  join(a);
  ASSERT_TRUE(a.join);
  EXPECT_EQ(a.join->members.size(), 1u);
}

TEST_F(GroupsTest, OldGenerationsAreFenced) {
  Member a, b;
  settle(a, b);
  const Member zombie = b;
  EXPECT_EQ(leave(a), KafkaError::kNone);
  join(b);
  ASSERT_TRUE(b.join);
  EXPECT_EQ(b.join->generation_id, 2);
  EXPECT_EQ(heartbeat(zombie), KafkaError::kIllegalGeneration);
  Member late = zombie;
  sync(late);
  ASSERT_TRUE(late.sync);
  EXPECT_EQ(late.sync->error_code, KafkaError::kIllegalGeneration);
  EXPECT_EQ(may_commit(zombie), KafkaError::kIllegalGeneration);
  EXPECT_EQ(heartbeat(a), KafkaError::kUnknownMemberId);
}

TEST_F(GroupsTest, TheLastOneToLeaveEmptiesTheGroup) {
  Member a, b;
  settle(a, b);
  EXPECT_EQ(leave(a), KafkaError::kNone);
  EXPECT_EQ(leave(b), KafkaError::kNone);
  EXPECT_EQ(leave(b), KafkaError::kUnknownMemberId);
  EXPECT_FALSE(groups_.has_members("g"));
  pass(kSecond);
  EXPECT_EQ(state(), "Dead");
}

TEST_F(GroupsTest, AFirstJoinIsSentBackWithAnIdWhereTheVersionSaysSo) {
  Member a;
  join(a, {"range"}, true);
  ASSERT_TRUE(a.join);
  EXPECT_EQ(a.join->error_code, KafkaError::kMemberIdRequired);
  EXPECT_EQ(a.id, "client1");
  join(a, {"range"}, true);
  EXPECT_FALSE(a.join);
  pass(kSecond);
  EXPECT_EQ(a.join->error_code, KafkaError::kNone);
  Member late;
  join(late, {"range"}, true);
  pass(11 * kSecond);
  join(late);
  EXPECT_EQ(late.join->error_code, KafkaError::kUnknownMemberId) << "an id is kept for a session";
}

TEST_F(GroupsTest, AStaticMemberComesBackWithoutARebalance) {
  Member a{.instance = "one"}, b{.instance = "two"};
  settle(a, b);
  const Member ghost = a;
  Member again{.instance = a.instance};
  join(again);
  ASSERT_TRUE(again.join);
  EXPECT_EQ(again.join->error_code, KafkaError::kNone);
  EXPECT_EQ(again.join->generation_id, 1);
  EXPECT_NE(again.id, ghost.id);
  EXPECT_NE(again.join->leader, again.id) << "it must not assign again";
  sync(again);
  EXPECT_EQ(again.sync->assignment, ByteVec{10});
  EXPECT_EQ(heartbeat(b), KafkaError::kNone);
  EXPECT_EQ(heartbeat(ghost), KafkaError::kFencedInstanceId);
}

TEST_F(GroupsTest, TheProtocolIsOneThatAllSpeak) {
  Member a, b, c;
  join(a, {"sticky", "range"});
  join(b, {"range", "sticky"});
  join(c, {"range"});
  pass(kSecond);
  EXPECT_EQ(a.join->protocol_name, "range");
  Member stranger;
  join(stranger, {"roundrobin"});
  EXPECT_EQ(stranger.join->error_code, KafkaError::kInconsistentGroupProtocol);
}

TEST_F(GroupsTest, ARetriedJoinIsAnsweredAsBefore) {
  Member a, b;
  settle(a, b);
  join(b);  // a follower whose answer was lost
  ASSERT_TRUE(b.join);
  EXPECT_EQ(b.join->generation_id, 1);
  EXPECT_EQ(state(), "Stable");
}

TEST_F(GroupsTest, AMemberThatWaitsIsNotSilent) {
  Member a, b, c;
  settle(a, b);
  join(c);
  join(a);
  for (int i = 0; i < 15; ++i) {
    pass(kSecond);
    (void)heartbeat(b);
  }
  join(b);
  ASSERT_TRUE(a.join);
  EXPECT_EQ(a.join->error_code, KafkaError::kNone) << "its session is 10 s, it waited for 15";
}

TEST_F(GroupsTest, OutsidersCommitOnlyWhileThereAreNoMembers) {
  const auto outside = [&] { return groups_.may_commit("g", -1, "", {}, now_); };
  EXPECT_EQ(outside(), KafkaError::kNone);
  Member a, b;
  settle(a, b);
  EXPECT_EQ(outside(), KafkaError::kUnknownMemberId);
}

TEST(GroupState, MovesAsTheTableSays) {
  using enum GroupState;
  const std::vector<std::pair<GroupState, GroupState>> allowed{
      {kEmpty, kPreparing},   {kPreparing, kCompleting}, {kPreparing, kEmpty},
      {kCompleting, kStable}, {kCompleting, kPreparing}, {kStable, kPreparing}};
  for (const auto from : {kEmpty, kPreparing, kCompleting, kStable})
    for (const auto to : {kEmpty, kPreparing, kCompleting, kStable})
      EXPECT_EQ(may_move(from, to),
                std::find(allowed.begin(), allowed.end(), std::pair(from, to)) != allowed.end());
}

}  // namespace
}  // namespace ds::kafka::broker
