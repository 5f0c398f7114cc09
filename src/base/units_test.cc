#include "base/units.h"

#include <gtest/gtest.h>

#include <optional>

namespace ds {
namespace {

TEST(Units, ReadsWhatPeopleWriteAndRefusesTheRest) {
  struct Case {
    const char* text;
    std::optional<std::uint64_t> count;
    std::optional<Nanos> duration;
    std::optional<std::uint64_t> size;
  };
  const Case cases[] = {
      {"0", 0, 0, 0},
      {"250", 250, 250 * kSecond, 250},
      {"18446744073709551615", 18446744073709551615ULL, {}, {}},
      {"100k", 100'000, {}, {}},
      {"2.5M", 2'500'000, {}, 2621440},
      {"1.5", {}, 1500 * kMillisecond, 1},
      {"10s", {}, 10 * kSecond, {}},
      {"500ms", {}, 500 * kMillisecond, {}},
      {"0.25us", {}, 250, {}},
      {"2h", {}, 7200 * kSecond, {}},
      {"64KiB", {}, {}, 65536},
      {"1MB", {}, {}, 1'000'000},
      {"1 GiB", {}, {}, 1u << 30},
      {"", {}, {}, {}},
      {"-1", {}, {}, {}},
      {"k", {}, {}, {}},
      {"10x", {}, {}, {}},
      {"nan", {}, {}, {}},
      {"1e999", {}, {}, {}},
      {"99999999999h", {}, {}, {}},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.text);
    const auto count = parse_count(each.text);
    const auto duration = parse_duration(each.text);
    const auto size = parse_size(each.text);
    EXPECT_EQ(count.ok() ? std::optional(*count) : std::nullopt, each.count);
    EXPECT_EQ(duration.ok() ? std::optional(*duration) : std::nullopt, each.duration);
    EXPECT_EQ(size.ok() ? std::optional(*size) : std::nullopt, each.size);
  }
}

TEST(Units, WritesWhatPeopleRead) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(17160000), "17,160,000");
  EXPECT_EQ(hours_minutes_seconds(30.9), "00:00:30");
  EXPECT_EQ(hours_minutes_seconds(360000), "100:00:00");
  EXPECT_EQ(hours_minutes_seconds(-1), "00:00:00");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1258291), "1.2 MiB");
}

}  // namespace
}  // namespace ds
