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

  static void add(History& history, HistoryPoint point) {
    ASSERT_TRUE(history.add({&point, 1}).ok());
  }

  std::filesystem::path folder_;
};

constexpr std::int64_t kNoon = 1'700'000'000'000 / 240'000 * 240'000;

TEST_F(HistoryTest, SurvivesARestartAndAddsToTheSameSecond) {
  for (int run = 0; run < 2; ++run) {
    auto history = History::open(path());
    ASSERT_TRUE(history.ok()) << history.error().message;
    add(**history, {.t = kNoon, .sentiment = {5, 3, 0}, .stored = 8});
    add(**history, {.t = kNoon + 1000, .sentiment = {1, 0, 0}, .lag = 7});
  }
  auto history = History::open(path());
  const auto columns = (*history)->read(*parse_history_range("5m"), kNoon + 2000);
  ASSERT_TRUE(columns.ok());
  EXPECT_EQ(columns->t, (std::vector<std::int64_t>{kNoon, kNoon + 1000}));
  EXPECT_EQ(columns->positive, (std::vector<std::uint64_t>{10, 2}));
  EXPECT_EQ(columns->stored, (std::vector<std::uint64_t>{16, 0}));
}

TEST_F(HistoryTest, ThinsADayWithoutLosingACount) {
  auto history = History::open(path());
  constexpr int kSeconds = 7200;
  std::vector<HistoryPoint> points;
  for (int i = 0; i < kSeconds; ++i)
    points.push_back({.t = kNoon + i * 1000, .sentiment = {0, 2, 0}, .generated = 3});
  ASSERT_TRUE((*history)->add(points).ok());
  for (const char* name : {"6h", "24h"}) {
    const auto range = parse_history_range(name);
    const auto columns = (*history)->read(*range, kNoon + kSeconds * 1000);
    ASSERT_TRUE(columns.ok());
    EXPECT_LE(columns->t.size(), 720u);
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

TEST_F(HistoryTest, TellsOnlyWholeSteps) {
  auto history = History::open(path());
  for (int i = 0; i < 120; ++i) add(**history, {.t = kNoon + i * 1000, .stored = 1});
  const auto rows = [&](const char* range, std::int64_t now) {
    return (*history)->read(*parse_history_range(range), now)->t;
  };
  EXPECT_EQ(rows("24h", kNoon + 59'999).size(), 0u);
  EXPECT_EQ(rows("24h", kNoon + 119'000), (std::vector<std::int64_t>{kNoon}));
  EXPECT_EQ(rows("5m", kNoon + 10'500).back(), kNoon + 9'000);
  EXPECT_EQ(rows("1h", kNoon + 3'600'000 + 10'500).front(), kNoon + 10'000);
}

TEST_F(HistoryTest, KnowsEachBrandsSentimentsAndTheWholesCounts) {
  auto history = History::open(path());
  add(**history, {.t = kNoon, .sentiment = {5, 3, 0}, .stored = 8, .by_brand = {{"A", {5, 1, 0}}}});
  add(**history, {.t = kNoon, .stored = 0, .by_brand = {{"A", {1, 0, 0}}, {"B", {0, 2, 0}}}});
  add(**history, {.t = kNoon + 1000, .sentiment = {0, 4, 0}, .stored = 4});
  const auto read = [&](const char* brand) {
    return *(*history)->read(*parse_history_range("5m"), kNoon + 5000, brand);
  };
  EXPECT_EQ(read("A").positive, (std::vector<std::uint64_t>{6, 0}));
  EXPECT_EQ(read("B").negative, (std::vector<std::uint64_t>{2, 0}));
  EXPECT_EQ(read("A").stored, (std::vector<std::uint64_t>{8, 4}));
  EXPECT_EQ(read("unheard of").negative, (std::vector<std::uint64_t>{0, 0}));
  EXPECT_EQ(read("").negative, (std::vector<std::uint64_t>{3, 4}));
  ASSERT_TRUE((*history)->forget(kNoon + 1000).ok());
  EXPECT_EQ(read("A").stored, (std::vector<std::uint64_t>{4}));
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
