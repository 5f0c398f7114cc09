#include "kafka/broker/durability.h"

#include <gtest/gtest.h>

namespace ds::kafka::broker {
namespace {

TEST(Durability, IsReadAndWrittenAsPeopleTypeIt) {
  struct Case {
    const char* text;
    Durability durability;
    const char* told;
  };
  for (const auto& [text, durability, told] :
       {Case{"sync", {DurabilityMode::kSync}, "sync"},
        Case{"cache", {DurabilityMode::kCache}, "cache"},
        Case{"memory", {DurabilityMode::kMemory}, "memory"},
        Case{"interval:200", {DurabilityMode::kInterval, 200 * kMillisecond}, "interval:200"},
        Case{"interval:1s", {DurabilityMode::kInterval, kSecond}, "interval:1000"}}) {
    SCOPED_TRACE(text);
    const auto read = parse_durability(text);
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, durability);
    EXPECT_EQ(read->to_string(), told);
  }
  for (const char* text :
       {"", "Sync", "interval", "interval:", "interval:0", "interval:-5", "interval:5x", "fsync"})
    EXPECT_FALSE(parse_durability(text)) << text;
}

}  // namespace
}  // namespace ds::kafka::broker
