#include "storm/preset.h"

#include <gtest/gtest.h>

namespace ds {
namespace {

TEST(Preset, IsARungOfTheLadder) {
  struct Case {
    const char* name;
    const char* setting;
    const char* value;
  };
  const Case cases[] = {
      {"v0", "one-by-one", "true"},    {"v0", "workers", "1"},     {"v1", "pool", "0"},
      {"v2", "pool", "1024"},          {"v3", "partitions", "32"}, {"v4", "compression", "lz4"},
      {"v4", "batch-bytes", "16MiB"},  {"v4", "linger", "25ms"},   {"v4", "in-flight", "200"},
      {"v4", "buffer-memory", "4GiB"}, {"v5", "engine", "direct"}, {"v5", "batch-interval-ms", ""},
      {"v4", "batch-interval-ms", "1"}};
  for (const auto& [name, setting, value] : cases) {
    const Preset* const preset = find_preset(name);
    ASSERT_NE(preset, nullptr) << name;
    EXPECT_EQ(preset->at(setting), value) << name << ' ' << setting;
  }
  EXPECT_EQ(find_preset("v6"), nullptr);
  EXPECT_EQ(find_preset(""), nullptr);
}

}  // namespace
}  // namespace ds
