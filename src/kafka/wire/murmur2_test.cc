#include "kafka/wire/murmur2.h"

#include <gtest/gtest.h>

namespace ds::kafka {
namespace {

/// Known from Kafka's clients; random keys are held against its own classes in tests/oracle.
TEST(Murmur2, HashesAsKafkasClientsDo) {
  struct Case {
    const char* key;
    std::int32_t hash;
  };
  const Case cases[] = {
      {"21", -973932308},
      {"foobar", -790332482},
      {"a-little-bit-long-string", -985981536},
      {"a-little-bit-longer-string", -1486304829},
      {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
      {"abc", 479470107},
  };
  for (const auto& [key, hash] : cases)
    EXPECT_EQ(static_cast<std::int32_t>(murmur2(as_bytes(key))), hash) << key;
}

TEST(Murmur2, FindsAPartitionForEveryKey) {
  EXPECT_EQ(partition_of_key(as_bytes("21"), 1), 0);
  EXPECT_EQ(partition_of_key(as_bytes("21"), 32), (-973932308 & 0x7fffffff) % 32);
  EXPECT_GE(partition_of_key({}, 7), 0);
}

}  // namespace
}  // namespace ds::kafka
