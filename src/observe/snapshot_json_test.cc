#include "observe/snapshot_json.h"

#include <gtest/gtest.h>

#include "base/json_writer.h"

namespace ds {
namespace {

TEST(SnapshotJson, ComesBackAsItWent) {
  Snapshot s;
  s.run = "0123456789ab";
  s.counters = {.scheduled = 18'446'744'073'709'551'615ULL, .acknowledged = 7};
  s.rate.target = 5000;
  s.latency_us["stored"] = {.p50 = 1.5, .p99 = 2.25};
  s.balance = {.ok = false, .missing = 3, .doubled = 0, .text = "3 \"missing\""};
  s.brands = {"A", "B"};
  s.elapsed_s = 12.5;
  const auto back = parse_snapshot(to_json(s));
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(to_json(*back), to_json(s));
  EXPECT_EQ(back->counters.scheduled, s.counters.scheduled);
  s.rate.target.reset();
  EXPECT_FALSE(parse_snapshot(to_json(s))->rate.target);
}

TEST(SnapshotJson, TakesOtherVersionsAndRefusesRubbish) {
  EXPECT_EQ(parse_snapshot(R"({"stored": 5, "tomorrow": [1]})")->stored, 5u);
  for (const char* json : {"", "[]", "{", R"({"stored": "five"})", R"({"rate": 5})",
                           R"({"brands": [1]})", R"({"balance": {"ok": 1}})"})
    EXPECT_FALSE(parse_snapshot(json).ok()) << json;
}

}  // namespace
}  // namespace ds
