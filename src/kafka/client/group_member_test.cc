#include "kafka/client/group_member.h"

#include <gmock/gmock.h>

namespace ds::kafka {
namespace {

constexpr Nanos kRebalance = 4 * kSecond;
const TopicPartition kPartition{"t", 0};

/// A member that a broker has taken into generation 1 of its group at the time 0.
GroupMember member_with_a_partition() {
  GroupMember member({.group = "g",
                      .topics = {"t"},
                      .session_timeout = 10 * kSecond,
                      .heartbeat_interval = kSecond,
                      .rebalance_timeout = kRebalance});
  EXPECT_TRUE(member.next(0));
  member.on(JoinGroupResponse{.generation_id = 1,
                              .protocol_name = "cooperative-sticky",
                              .leader = "another",
                              .member_id = "m"},
            0);
  EXPECT_TRUE(member.next(0));
  member.on(SyncGroupResponse{.assignment = encode_share({kPartition})}, 0);
  EXPECT_THAT(member.owned(), testing::ElementsAre(kPartition));
  member.take_changes();
  return member;
}

/// A heartbeat at `now`, answered at once.
void beat(GroupMember& member, KafkaError answer, Nanos now) {
  ASSERT_TRUE(member.next_short(now));
  member.on(HeartbeatResponse{.error_code = answer}, now);
}

// The broker waits for it no longer than for the rebalance's time, however well its heart beats,
// and gives what it had to another.
TEST(GroupMember, GivesUpWhatItHasWhenItsJoinMayNeverHaveArrived) {
  GroupMember member = member_with_a_partition();
  beat(member, KafkaError::kRebalanceInProgress, 1 * kSecond);
  ASSERT_TRUE(member.next(1 * kSecond)) << "a join, which is lost on its way";
  for (const Nanos now : {2 * kSecond, 3 * kSecond}) {
    beat(member, KafkaError::kRebalanceInProgress, now);
    member.tick(now);
    EXPECT_THAT(member.take_changes(), testing::IsEmpty());
  }
  EXPECT_EQ(member.sure_until(), kRebalance);
  member.tick(kRebalance);
  const auto changes = member.take_changes();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].kind, GroupMember::Change::Kind::kLost);
  EXPECT_THAT(member.owned(), testing::IsEmpty());
}

TEST(GroupMember, LosesWhatItHasOnceItIsThrownOut) {
  for (const KafkaError error : {KafkaError::kUnknownMemberId, KafkaError::kIllegalGeneration}) {
    GroupMember member = member_with_a_partition();
    beat(member, error, 1 * kSecond);
    const auto changes = member.take_changes();
    ASSERT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes[0].kind, GroupMember::Change::Kind::kLost);
    EXPECT_THAT(member.owned(), testing::IsEmpty());
  }
}

TEST(GroupMember, IsSureForNoLongerThanARebalanceItHasNotHeardOfMayTake) {
  GroupMember member = member_with_a_partition();  // of a session that is longer
  EXPECT_EQ(member.sure_until(), kRebalance);
  beat(member, KafkaError::kNone, 1 * kSecond);
  EXPECT_EQ(member.sure_until(), 1 * kSecond + kRebalance);
}

TEST(GroupMember, CountsTheNextRebalancesTimeFromTheEndOfTheLast) {
  GroupMember member = member_with_a_partition();
  beat(member, KafkaError::kRebalanceInProgress, 1 * kSecond);
  ASSERT_TRUE(member.next(1 * kSecond));
  beat(member, KafkaError::kRebalanceInProgress, 3 * kSecond);
  member.on(JoinGroupResponse{.generation_id = 2,
                              .protocol_name = "cooperative-sticky",
                              .leader = "another",
                              .member_id = "m"},
            3 * kSecond);
  ASSERT_TRUE(member.next(3 * kSecond)) << "a sync";
  beat(member, KafkaError::kRebalanceInProgress, 5 * kSecond);
  EXPECT_EQ(member.sure_until(), 3 * kSecond + kRebalance);
}

}  // namespace
}  // namespace ds::kafka
