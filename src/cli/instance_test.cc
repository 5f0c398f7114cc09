#include "cli/instance.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace ds::cli {
namespace {

TEST(InstanceSlot, IsTheFirstFreeOneAndComesBack) {
  std::string folder = (std::filesystem::temp_directory_path() / "slots-XXXXXX").string();
  ASSERT_TRUE(mkdtemp(folder.data()));
  std::string first, second;
  {
    auto one = InstanceSlot::take(folder, "group into store");
    ASSERT_TRUE(one.ok()) << one.error().message;
    first = one->id();
    EXPECT_TRUE(first.ends_with("-0")) << first;
    auto two = InstanceSlot::take(folder, "group into store");
    second = two->id();
    EXPECT_TRUE(second.ends_with("-1")) << second;
    EXPECT_NE(InstanceSlot::take(folder, "another")->id(), first);
    EXPECT_EQ(first.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789._-"),
              std::string::npos);
  }
  EXPECT_EQ(InstanceSlot::take(folder, "group into store")->id(), first);
  EXPECT_FALSE(InstanceSlot::take(folder + "/none", "group into store").ok());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace ds::cli
