#include "kafka/broker/data_folder.h"

#include <gmock/gmock.h>

#include "net/sim/disk.h"

namespace ds::kafka::broker {
namespace {

using ::testing::HasSubstr;

TEST(DataFolder, OpensAgainWhateverMomentOfItsFirstOpeningWasTheLast) {
  Random random(7);
  SimDisk disk;
  std::vector<std::unique_ptr<SimDisk>> found;
  disk.on_change([&](const SimDisk::Change& change) {
    found.push_back(disk.after_kill());
    for (int i = 0; i < 8; ++i) found.push_back(disk.after_power_loss(random));
    if (change.kind == SimDisk::Change::Kind::kWrite)
      for (std::size_t part = 0; part < change.size; part += 7)
        found.push_back(disk.after_kill_during(change, disk.bytes_of_change(), part));
    return 0;
  });
  ASSERT_TRUE(DataFolder::open(disk, "/data", "a test", false).ok());
  EXPECT_GE(found.size(), 6u * 9);
  for (auto& each : found) {
    const auto opened = DataFolder::open(*each, "/data", "a test", false);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    const auto again = DataFolder::open(*each, "/data", "a test", false);
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(opened->cluster_id, again->cluster_id);
  }
}

TEST(DataFolder, IsNotAnotherPrograms) {
  for (const char* name : {"photo.jpg", "format.old", "meta.properties"}) {
    SimDisk disk;
    ASSERT_TRUE(disk.make_folder("/data").ok());
    ASSERT_TRUE(disk.open(std::string("/data/") + name, OpenMode::kCreate).ok());
    const auto opened = DataFolder::open(disk, "/data", "a test", false);
    ASSERT_FALSE(opened.ok()) << name;
    EXPECT_EQ(opened.error().code, ErrorCode::kUsage);
    EXPECT_THAT(opened.error().message, HasSubstr(name));
  }
}

}  // namespace
}  // namespace ds::kafka::broker
