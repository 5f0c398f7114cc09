#include "storm/replay.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

namespace ds {
namespace {

using ::testing::HasSubstr;

class Replay : public ::testing::Test {
 protected:
  Replay() {
    std::string name = (std::filesystem::temp_directory_path() / "replay-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~Replay() override { std::filesystem::remove_all(folder_); }

  Result<Schedule> read(const std::string& text, std::string_view how) {
    std::ofstream(folder_ + "/log", std::ios::trunc) << text;
    return read_replay(folder_ + "/log", how);
  }
  static std::vector<double> seconds_of(const Result<Schedule>& schedule) {
    std::vector<double> all;
    if (!schedule) return all;
    for (std::uint64_t i = 0; i < schedule->total().value_or(0); ++i)
      all.push_back(static_cast<double>(*schedule->instant(static_cast<double>(i))) / 1e9);
    return all;
  }

 private:
  std::string folder_;
};

TEST_F(Replay, KeepsOrStretchesTheTimesOfEachLine) {
  struct Case {
    const char* what;
    std::string text;
    const char* how;
    std::vector<double> seconds;
  };
  const Case cases[] = {
      {"ISO",
       "{\"at\":\"2026-11-25T10:00:00Z\"}\n{\"at\":\"2026-11-25T10:00:00.250Z\"}\n",
       "at",
       {0, 0.25}},
      {"zones",
       "{\"at\":\"2026-11-25T23:59:59-01:00\"}\n{\"at\":\"2026-11-26T02:00:01+0100\"}\n",
       "at",
       {0, 2}},
      {"milliseconds since 1970", "{\"t\":1700000000000}\n{\"t\":1700000001500}\n", "t", {0, 1.5}},
      {"nanoseconds", "{\"t\":1700000000000000000}\n{\"t\":1700000000500000000}\n", "t", {0, 0.5}},
      {"seconds", "{\"t\":5}\n{\"t\":5.5}\n", "t", {0, 0.5}},
      {"a unit that is said", "{\"t\":0}\n{\"t\":500}\n", "t ms", {0, 0.5}},
      {"twice as fast", "{\"t\":0}\n{\"t\":1}\n{\"t\":3}\n", "t x2", {0, 0.5, 1.5}},
      {"stretched", "{\"t\":0}\n{\"t\":1}\n{\"t\":3}\n", "t x0.5", {0, 2, 6}},
      {"at one instant, and back",
       "{\"t\":0}\n{\"t\":1}\n{\"t\":1}\n{\"t\":0.5}\n{\"t\":2}\n",
       "t",
       {0, 1, 1, 1, 2}},
      {"first word", "12.5 GET /\r\n\r\n13 GET /b\r\n", "first-word", {0, 0.5}},
      {"a table", "2026-11-25T10:00:00Z,5,a\n2026-11-25T10:00:01Z,6,b\n", "first-word", {0, 1}},
      {"date and time", "2026-11-25 10:00:00,5 a\n2026-11-25 10:00:02 b\n", "first-word", {0, 1.5}},
  };
  for (const auto& [what, text, how, seconds] : cases) {
    SCOPED_TRACE(what);
    const auto schedule = read(text, how);
    ASSERT_TRUE(schedule) << schedule.error().message;
    const auto found = seconds_of(schedule);
    ASSERT_EQ(seconds.size(), found.size());
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(seconds[i], found[i], 1e-6) << i;
  }
}

TEST_F(Replay, IsAScheduleLikeAnother) {
  const auto schedule = read("{\"t\":0}\n{\"t\":1}\n{\"t\":1}\n{\"t\":3}\n", "t");
  ASSERT_TRUE(schedule);
  EXPECT_FALSE(schedule->is_flat_out());
  EXPECT_FALSE(schedule->even_rate());
  EXPECT_EQ(4u, *schedule->total());
  EXPECT_EQ(3 * kSecond, *schedule->length());
  EXPECT_EQ(1, schedule->due(0));
  EXPECT_EQ(1, schedule->due(kSecond - 1));
  EXPECT_EQ(3, schedule->due(kSecond));
  EXPECT_EQ(4, schedule->due(90 * kSecond));
  EXPECT_EQ(2, schedule->rate(kSecond)) << "of the second before";
  EXPECT_FALSE(schedule->instant(4)) << "the file is played once";
}

TEST_F(Replay, WhatIsWrongIsToldWithItsLine) {
  struct Case {
    const char *text, *how, *words;
  };
  for (const auto& [text, how, words] :
       {Case{"{\"t\":1}\n{\"u\":2}\n", "t", "log:2: there is no field 't'"},
        {"{\"t\":\"noon\"}\n", "t", "log:1: 'noon' is no time"},
        {"{\"t\":\"2026-13-01T00:00:00Z\"}\n", "t", "is no time"},
        {"{\"t\":0}\n{\"t\":1e10}\n", "t", "log:2: it would last longer than a century"},
        {"{\"t\":0}\n", "t x0", "'x0' says neither"},
        {"{\"t\":0}\n", "t hours", "'hours' says neither"},
        {"\n\n", "t", "has no line"}}) {
    SCOPED_TRACE(words);
    const auto schedule = read(text, how);
    ASSERT_FALSE(schedule);
    EXPECT_THAT(schedule.error().message, HasSubstr(words));
  }
}

}  // namespace
}  // namespace ds
