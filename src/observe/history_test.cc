#include "observe/history.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace ds {
namespace {

class HistoryTest : public testing::Test {
 protected:
  HistoryTest() {
    std::string name = (std::filesystem::temp_directory_path() / "history-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~HistoryTest() override { std::filesystem::remove_all(folder_); }
  std::string path() const { return (folder_ / "history.db").string(); }

  std::filesystem::path folder_;
};

constexpr std::int64_t kNoon = 1'700'000'000'000 / 240'000 * 240'000;

TEST_F(HistoryTest, SurvivesARestartAndAddsToTheSameSecond) {
  for (int run = 0; run < 2; ++run) {
    auto history = History::open(path());
    ASSERT_TRUE(history.ok()) << history.error().message;
    ASSERT_TRUE((*history)->add({.t = kNoon, .positive = 5, .negative = 3, .stored = 8}).ok());
    ASSERT_TRUE((*history)->add({.t = kNoon + 1000, .positive = 1, .lag = 7}).ok());
  }
  auto history = History::open(path());
  const auto columns = (*history)->read(*parse_history_range("5m"), kNoon + 2000);
  ASSERT_TRUE(columns.ok());
  EXPECT_EQ(columns->t, (std::vector<std::int64_t>{kNoon, kNoon + 1000}));
  EXPECT_EQ(columns->positive, (std::vector<std::uint64_t>{10, 2}));
  EXPECT_EQ(columns->stored, (std::vector<std::uint64_t>{16, 0}));
}

TEST_F(HistoryTest, ThinsADayToAFewHundredStepsWithoutLosingACount) {
  auto history = History::open(path());
  constexpr int kSeconds = 7200;
  for (int i = 0; i < kSeconds; ++i)
    ASSERT_TRUE((*history)->add({.t = kNoon + i * 1000, .negative = 2, .generated = 3}).ok());
  for (const char* name : {"6h", "24h"}) {
    const auto range = parse_history_range(name);
    const auto columns = (*history)->read(*range, kNoon + kSeconds * 1000);
    ASSERT_TRUE(columns.ok());
    EXPECT_LE(columns->t.size(), 361u);
    std::uint64_t negative = 0, generated = 0;
    for (auto n : columns->negative) negative += n;
    for (auto n : columns->generated) generated += n;
    EXPECT_EQ(negative, 2u * kSeconds) << name;
    EXPECT_EQ(generated, 3u * kSeconds) << name;
  }
  ASSERT_TRUE((*history)->forget(kNoon + (kSeconds - 10) * 1000).ok());
  EXPECT_EQ((*history)->read(*parse_history_range("24h"), kNoon + kSeconds * 1000)->negative,
            (std::vector<std::uint64_t>{20}));
}

TEST_F(HistoryTest, RefusesAFileThatIsNotIts) {
  std::ofstream(path()) << "this is not a database, but it is long enough to look at";
  EXPECT_FALSE(History::open(path()).ok());
  std::filesystem::remove(path());
  EXPECT_FALSE(History::open((folder_ / "missing" / "x.db").string()).ok());
  EXPECT_FALSE(parse_history_range("7m").ok());
}

}  // namespace
}  // namespace ds
