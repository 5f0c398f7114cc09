#include "observe/history.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "sink/sqlite.h"

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

constexpr std::int64_t kNoon = 1'700'000'000'000 / 600'000 * 600'000;
constexpr std::int64_t kHour = 3'600'000, kDay = 24 * kHour;

HistorySpan span(std::string_view name, std::int64_t now_ms) {
  return *named_span(name, now_ms);
}

TEST_F(HistoryTest, SurvivesARestartAndAddsToTheSameSecond) {
  for (int run = 0; run < 2; ++run) {
    auto history = History::open(path());
    ASSERT_TRUE(history.ok()) << history.error().message;
    add(**history, {.t = kNoon, .sentiment = {5, 3, 0}, .stored = 8});
    add(**history, {.t = kNoon + 1000, .sentiment = {1, 0, 0}, .lag = 7});
  }
  auto history = History::open(path());
  const auto columns = (*history)->read(span("5m", kNoon + 2000));
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
    const auto columns = (*history)->read(span(name, kNoon + kSeconds * 1000));
    ASSERT_TRUE(columns.ok());
    EXPECT_LE(columns->t.size(), 720u);
    std::uint64_t negative = 0, generated = 0;
    for (auto n : columns->negative) negative += n;
    for (auto n : columns->generated) generated += n;
    EXPECT_EQ(negative, 2u * kSeconds) << name;
    EXPECT_EQ(generated, 3u * kSeconds) << name;
  }
}

TEST_F(HistoryTest, TellsOnlyWholeSteps) {
  auto history = History::open(path());
  for (int i = 0; i < 120; ++i) add(**history, {.t = kNoon + i * 1000, .stored = 1});
  const auto rows = [&](const char* range, std::int64_t now) {
    return (*history)->read(span(range, now))->t;
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
    return (*history)->read(span("5m", kNoon + 5000), brand).value();
  };
  EXPECT_EQ(read("A").positive, (std::vector<std::uint64_t>{6, 0}));
  EXPECT_EQ(read("B").negative, (std::vector<std::uint64_t>{2, 0}));
  EXPECT_EQ(read("A").stored, (std::vector<std::uint64_t>{8, 4}));
  EXPECT_EQ(read("unheard of").negative, (std::vector<std::uint64_t>{0, 0}));
  EXPECT_EQ(read("").negative, (std::vector<std::uint64_t>{3, 4}));
}

TEST_F(HistoryTest, EachLevelForgetsInItsOwnTime) {
  auto history = History::open(path());
  add(**history, {.t = kNoon, .stored = 1, .by_brand = {{"A", {1, 0, 0}}}});
  const auto rows = [&](std::int64_t step_ms, const char* brand) {
    return (*history)->read({"", kNoon - kDay, kNoon + kDay, step_ms}, brand)->t.size();
  };
  const std::pair<std::int64_t, std::int64_t> kept[] = {
      {1000, kHour * 2}, {10'000, kDay * 2}, {60'000, kDay * 14}, {600'000, kDay * 400}};
  for (const auto& [step_ms, kept_ms] : kept) {
    ASSERT_TRUE((*history)->forget(kNoon / 600'000 * 600'000 + kept_ms).ok());
    EXPECT_EQ(rows(step_ms, ""), 1u) << step_ms;
    ASSERT_TRUE((*history)->forget(kNoon + kept_ms + 1).ok());
    EXPECT_EQ(rows(step_ms, ""), 0u) << step_ms;
    EXPECT_EQ(rows(step_ms, "A"), 0u) << step_ms;
  }
}

TEST_F(HistoryTest, ASpanIsToldInTheFinestStepThatIsKeptAndFits) {
  const auto step = [](std::int64_t ago_ms, std::int64_t length_ms) {
    return span_between(kNoon - ago_ms, kNoon - ago_ms + length_ms, kNoon)->step_ms;
  };
  EXPECT_EQ(step(kHour, 60'000), 1000);
  EXPECT_EQ(step(kHour, kHour), 10'000);
  EXPECT_EQ(step(3 * kHour, 60'000), 10'000) << "the seconds are gone by then";
  EXPECT_EQ(step(kDay, kDay), 60'000);
  EXPECT_EQ(step(3 * kDay, kHour), 60'000);
  EXPECT_EQ(step(7 * kDay, 7 * kDay), 600'000);
  EXPECT_EQ(step(400 * kDay, 400 * kDay), 600'000);
  const auto years = *span_between(kNoon - 400 * kDay, kNoon, kNoon);
  EXPECT_LE((years.to_ms - years.from_ms) / years.step_ms, 2000);
  EXPECT_FALSE(span_between(5, 5, kNoon).ok());
  EXPECT_FALSE(span_between(-5, 5, kNoon).ok());
  EXPECT_FALSE(span_between(0, kNoon, kNoon).ok());
}

TEST_F(HistoryTest, BrandsBeyondTheLimitAreSummedUp) {
  auto history = History::open(path());
  HistoryPoint point{.t = kNoon, .stored = 100};
  for (int i = 0; i < 100; ++i) point.by_brand[fmt::format("brand {:03}", i)] = {1, 0, 0};
  add(**history, point);
  const auto of = [&](const char* brand) {
    const auto columns = (*history)->read(span("5m", kNoon + 5000), brand);
    return columns.ok() ? columns->positive.at(0) : 0;
  };
  EXPECT_EQ(of("brand 000"), 1u);
  EXPECT_EQ(of("brand 099"), 0u);
  EXPECT_EQ(of("(other)"), 100 - History::kBrandsMax);
}

TEST_F(HistoryTest, BrandsThatCouldNotBeWrittenTakeNoNumber) {
  auto history = History::open(path());
  auto other = sqlite::Database::open(path(), sqlite::Database::Mode::kWrite);
  ASSERT_TRUE(history.ok() && other.ok());
  HistoryPoint first{.t = kNoon, .by_brand = {{"A", {1, 0, 0}}}};
  ASSERT_TRUE(other
                  ->exec("create trigger full before insert on points when new.brand != 0 "
                         "begin select raise(abort, 'full'); end")
                  .ok());
  EXPECT_FALSE((*history)->add({&first, 1}).ok());
  ASSERT_TRUE(other->exec("drop trigger full").ok());
  add(**history, {.t = kNoon, .by_brand = {{"B", {2, 0, 0}}}});
  add(**history, {.t = kNoon, .by_brand = {{"A", {4, 0, 0}}}});
  for (const auto& [brand, count] : {std::pair{"A", 4u}, {"B", 2u}}) {
    const auto columns = (*history)->read(span("5m", kNoon + 5000), brand);
    ASSERT_TRUE(columns.ok());
    EXPECT_EQ(columns->positive.at(0), count) << brand;
  }
}

TEST_F(HistoryTest, KeepsAlertsOnceEach) {
  const Alert crisis{.id = 8, .t = 2000, .kind = "crisis", .share = 0.625, .window_s = 3};
  const Alert ahead{.id = 15,
                    .t = 3000,
                    .kind = "opportunity",
                    .share = 0.75,
                    .predicted = true,
                    .in_seconds = 14};
  for (int run = 0; run < 2; ++run) {
    auto history = History::open(path());
    ASSERT_TRUE((*history)->add_alert(crisis).ok());
    ASSERT_TRUE((*history)->add_alert(ahead).ok());
  }
  auto history = History::open(path());
  EXPECT_EQ(*(*history)->alerts(10), (std::vector<Alert>{crisis, ahead}));
  EXPECT_EQ(*(*history)->alerts(1), (std::vector<Alert>{ahead}));
}

TEST_F(HistoryTest, TakesOverAFileOfTheTimeBeforeLevels) {
  {
    auto db = sqlite::Database::open(path(), sqlite::Database::Mode::kCreate);
    ASSERT_TRUE(db->exec("pragma application_id=0x44534869;"
                         "create table seconds(t integer primary key, positive integer, negative"
                         " integer, neutral integer, generated integer, acknowledged integer,"
                         " stored integer, lag integer);"
                         "create table brand_seconds(t integer, brand text, positive integer,"
                         " negative integer, neutral integer, primary key(t, brand)) without rowid")
                    .ok());
    for (int i = 0; i < 100; ++i)
      ASSERT_TRUE(db->exec(fmt::format("insert into seconds values({0},1,0,0,1,1,1,0);"
                                       "insert into brand_seconds values({0},'A',1,0,0)",
                                       kNoon + i * 1000))
                      .ok());
  }
  auto history = History::open(path());
  ASSERT_TRUE(history.ok()) << history.error().message;
  for (const char* range : {"5m", "1h", "24h", "7d"})
    for (const char* brand : {"", "A"}) {
      std::uint64_t sum = 0;
      const auto columns = (*history)->read(span(range, kNoon + kHour), brand).value();
      for (auto n : columns.positive) sum += n;
      EXPECT_EQ(sum, std::string_view(range) == "5m" ? 0u : 100u) << range << brand;
    }
}

/// A day of three brands as it lies in the file; each range is asked for. Prints what it cost.
TEST_F(HistoryTest, AnswersEveryRangeOfADayOfThreeBrands) {
  auto history = History::open(path());
  const char* brands[] = {"SuperCoffee", "MegaTea", "Cocoa"};
  std::vector<HistoryPoint> points;
  for (int i = 0; i < 86'400; ++i) {
    HistoryPoint point{.t = kNoon + i * 1000, .sentiment = {3, 3, 3}, .stored = 9};
    for (const char* brand : brands) point.by_brand[brand] = {1, 1, 1};
    points.push_back(std::move(point));
  }
  ASSERT_TRUE((*history)->add(points).ok());
  const std::int64_t now = kNoon + kDay;
  const SystemClock clock;
  for (const char* range : {"5m", "30m", "1h", "6h", "24h", "7d"})
    for (const char* brand : {"", "MegaTea"}) {
      const Nanos begun = clock.now();
      const auto columns = (*history)->read(span(range, now), brand);
      const Nanos took = clock.now() - begun;
      std::uint64_t sum = 0;
      for (auto n : columns->positive) sum += n;
      const HistorySpan asked = span(range, now);
      const auto seconds = static_cast<std::uint64_t>(
          (std::min(now, asked.to_ms) - std::max(kNoon, asked.from_ms)) / 1000);
      EXPECT_EQ(sum, seconds * (*brand ? 1 : 3)) << range;
      EXPECT_LE(columns->t.size(), 2161u) << range;
      fmt::print("{} {}: {} rows in {:.1f} ms\n", range, brand, columns->t.size(),
                 static_cast<double>(took) / 1e6);
    }
  const Nanos begun = clock.now();
  HistoryPoint one = points.back();
  one.t += 1000;
  ASSERT_TRUE((*history)->add({&one, 1}).ok());
  fmt::print("one second more: {:.1f} ms\n", static_cast<double>(clock.now() - begun) / 1e6);
}

TEST_F(HistoryTest, RefusesAFileThatIsNotIts) {
  std::ofstream(path()) << "this is not a database, but it is long enough to look at";
  EXPECT_FALSE(History::open(path()).ok());
  std::filesystem::remove(path());
  EXPECT_FALSE(History::open((folder_ / "missing" / "x.db").string()).ok());
  EXPECT_FALSE(named_span("7m", kNoon).ok());
}

}  // namespace
}  // namespace ds
