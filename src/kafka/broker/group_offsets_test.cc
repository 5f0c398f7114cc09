#include "kafka/broker/group_offsets.h"

#include <gmock/gmock.h>

#include "kafka/broker/memory_files.h"
#include "kafka/broker/test_support.h"

namespace ds::kafka::broker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class GroupOffsetsTest : public testing::Test {
 protected:
  std::unique_ptr<GroupOffsets> open() { return GroupOffsets::open(disk_, "/d", log_).value(); }
  ByteVec content() {
    auto file = *files_.open("/d/offsets", OpenMode::kWrite);
    ByteVec bytes(*file->size());
    EXPECT_EQ(*file->read_at(bytes, 0), bytes.size());
    return bytes;
  }
  void set_content(ByteView bytes) {
    auto file = *files_.open("/d/offsets", OpenMode::kCreate);
    EXPECT_TRUE(file->truncate(0));
    EXPECT_TRUE(file->write_at(bytes, 0));
  }

  MemoryFiles files_;
  BadDisk disk_{files_};
  NoLog log_;
};

TEST_F(GroupOffsetsTest, KeepTheLastCommitOverARestart) {
  for (int i = 0; i < 3; ++i) {
    const auto offsets = open();
    ASSERT_TRUE(offsets->commit("g", {{{"t", 0}, {100 + i, 5, "note", 7}}, {{"t", 1}, {i}}}));
    ASSERT_TRUE(offsets->sync());
  }
  const auto offsets = open();
  EXPECT_EQ(offsets->find("g", {"t", 0}), (GroupOffset{102, 5, "note", 7}));
  EXPECT_EQ(offsets->find("g", {"t", 1})->offset, 2);
  EXPECT_EQ(offsets->find("g", {"t", 2}), std::nullopt);
  EXPECT_EQ(offsets->find("h", {"t", 0}), std::nullopt);
}

TEST_F(GroupOffsetsTest, ForgetGroupsAndTopicsForGood) {
  {
    const auto offsets = open();
    for (const char* group : {"g", "h"})
      ASSERT_TRUE(offsets->commit(group, {{{"t", 0}, {1}}, {{"u", 0}, {2}}}));
    ASSERT_TRUE(offsets->remove_group("g"));
    ASSERT_TRUE(offsets->remove_topic("t"));
  }
  const auto offsets = open();
  EXPECT_THAT(offsets->groups(), ElementsAre("h"));
  EXPECT_EQ(offsets->of_group("h").size(), 1u);
}

TEST_F(GroupOffsetsTest, ATornTailLosesNothingBeforeIt) {
  {
    const auto offsets = open();
    ASSERT_TRUE(offsets->commit("g", {{{"t", 0}, {1}}}));
    ASSERT_TRUE(offsets->commit("g", {{{"t", 0}, {2}}}));
  }
  const ByteVec whole = content();
  const std::size_t first = whole.size() / 2;
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    set_content(ByteView(whole).first(length));
    const auto found = open()->find("g", {"t", 0});
    const std::int64_t expected = length < first ? -1 : length < whole.size() ? 1 : 2;
    EXPECT_EQ(found ? found->offset : -1, expected) << length;
  }
}

TEST_F(GroupOffsetsTest, ADamagedCommitIsNotBelieved) {
  {
    const auto offsets = open();
    ASSERT_TRUE(offsets->commit("g", {{{"t", 0}, {1}}}));
    ASSERT_TRUE(offsets->commit("g", {{{"t", 0}, {2}}}));
  }
  const ByteVec whole = content();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    ByteVec damaged = whole;
    damaged[at] ^= 1;
    set_content(damaged);
    const auto found = open()->find("g", {"t", 0});
    EXPECT_EQ(found ? found->offset : -1, at < whole.size() / 2 ? -1 : 1) << at;
  }
}

TEST_F(GroupOffsetsTest, AreClosedForGoodAfterAFailedSync) {
  const auto offsets = open();
  ASSERT_TRUE(offsets->commit("g", {{{"t", 0}, {1}}}));
  disk_.syncs_fail = true;
  EXPECT_FALSE(offsets->sync());
  disk_.syncs_fail = false;
  EXPECT_FALSE(offsets->sync()) << "a second try would succeed and mean nothing";
  EXPECT_FALSE(offsets->commit("g", {{{"t", 0}, {2}}}));
}

TEST_F(GroupOffsetsTest, KeepWhatGroupsReadOverARestart) {
  using Readers = GroupOffsets::Readers;
  {
    const auto offsets = open();
    ASSERT_TRUE(offsets->note_topics("g", {"a", "b"}));
    ASSERT_TRUE(offsets->note_topics("gone", {"a"}));
    ASSERT_TRUE(offsets->note_topics("deleted", {"a"}));
    ASSERT_TRUE(offsets->note_topics("g", {"b", "c"}));
    const std::size_t size = content().size();
    ASSERT_TRUE(offsets->note_topics("g", {"b", "c"}));
    EXPECT_EQ(content().size(), size) << "what is known is not written again";
    ASSERT_TRUE(offsets->note_topics("gone", {}));
    ASSERT_TRUE(offsets->remove_group("deleted"));
  }
  for (int start = 0; start < 2; ++start) {  // the file, and what it was rewritten to
    const auto offsets = open();
    EXPECT_EQ(offsets->readers(), (Readers{{"g", {"b", "c"}}}));
    EXPECT_THAT(offsets->groups(), IsEmpty()) << "it has committed nothing";
  }
}

}  // namespace
}  // namespace ds::kafka::broker
