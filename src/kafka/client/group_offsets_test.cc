#include "kafka/client/group_offsets.h"

#include <gtest/gtest.h>

#include "kafka/client/scripted_broker.h"

namespace ds::kafka {
namespace {

const TopicPartition kPartition{"t", 0};

/// Commits of a member, whose group knows it in generation 2 only.
class GroupOffsetsTest : public testing::Test {
 protected:
  GroupOffsetsTest() {
    cluster_.on_commit = [](const OffsetCommitRequest& request) {
      return request.generation_id_or_member_epoch == 2 ? KafkaError::kNone
                                                        : KafkaError::kIllegalGeneration;
    };
    client_.brokers = {cluster_.address()};
    EXPECT_TRUE(map_.refresh_now({"t"}, clock_.now() + 60 * kSecond));
  }
  /// Its first commit, signed with generation 1, has been refused, and nobody has heard so yet.
  void send_too_late() {
    offsets_.sign_as({.generation = 1, .member = "m"});
    offsets_.commit({{kPartition, 10}});
    for (int commits = cluster_.commits(); cluster_.commits() == commits;) {
      map_.turn(clock_.now());
      offsets_.turn(clock_.now());
      // The answer is taken by wait() alone: not once the commit may be under way.
      if (!coordinator_.connection(clock_.now())) poller_.wait(10 * kMillisecond);
    }
  }
  void turn_until(const auto& ready) {
    while (!ready()) {
      map_.turn(clock_.now());
      offsets_.turn(clock_.now());
      poller_.wait(10 * kMillisecond);
    }
  }

  ScriptedCluster cluster_{{}};
  ClientSettings client_;
  SystemClock clock_;
  NoLog log_;
  Poller poller_;
  Cluster map_{client_, poller_, clock_, log_};
  Coordinator coordinator_{client_, "g", poller_, clock_, map_, log_};
  GroupOffsets offsets_{client_, coordinator_, clock_, log_};
};

TEST_F(GroupOffsetsTest, CommitsAgainWhatWasUnderWayWhenTheGenerationChanged) {
  send_too_late();
  offsets_.sign_as({.generation = 2, .member = "m"});
  turn_until([&] { return offsets_.idle_commits() || offsets_.outdated(); });
  EXPECT_FALSE(offsets_.outdated()) << "what was refused was an older self";
  EXPECT_EQ(offsets_.committed().at(kPartition), 10);
  EXPECT_EQ(cluster_.commits(), 2);
}

TEST_F(GroupOffsetsTest, WaitsForTheNextGenerationWhenItsOwnIsOver) {
  send_too_late();
  turn_until([&] { return offsets_.outdated(); });
  offsets_.commit({{kPartition, 11}});
  EXPECT_TRUE(offsets_.idle()) << "it waits";
  EXPECT_FALSE(offsets_.idle_commits());
  offsets_.sign_as({.generation = 2, .member = "m"});
  turn_until([&] { return offsets_.idle_commits(); });
  EXPECT_EQ(offsets_.committed().at(kPartition), 11);
}

}  // namespace
}  // namespace ds::kafka
