#include "sink/store_watch.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "ledger/tweets_for_test.h"
#include "sink/sqlite_sink.h"
#include "sink/sqlite_store.h"

namespace ds {
namespace {

class StoreWatchTest : public testing::Test {
 protected:
  StoreWatchTest() {
    std::string name = (std::filesystem::temp_directory_path() / "watch-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~StoreWatchTest() override { std::filesystem::remove_all(folder_); }
  std::string path() const { return (folder_ / "store.db").string(); }

  std::unique_ptr<SqliteSink> open(StoreAs store) {
    auto sink = SqliteSink::open(path(), {.store = store}, clock_, log_);
    check(sink.ok() && (*sink)->next_offsets({"cluster"}).ok(), "the sink opens");
    return std::move(sink).value();
  }
  /// The next `records` of stream 0, which take turns in sentiment.
  void store(Sink& sink, std::uint64_t records) {
    const auto from = static_cast<std::int64_t>(next_);
    const std::vector batches{fetched(0, from, test_batch(from, 0, next_, next_ + records))};
    check(sink.store(batches).ok(), "the sink stores");
    next_ += records;
  }
  StoreWatch watch(std::int64_t slice_rows = StoreWatch::kSliceRows) {
    auto watch = StoreWatch::open(path(), slice_rows);
    check(watch.ok(), "the store can be watched");
    return std::move(watch).value();
  }
  static const StoreSeen& look(StoreWatch& watch) {
    const auto looked = watch.look();
    EXPECT_TRUE(looked.ok()) << looked.error().message;
    return watch.seen();
  }

  SystemClock clock_;
  NoLog log_;
  std::filesystem::path folder_;
  std::uint64_t next_ = 0;
};

using Counts = std::array<std::uint64_t, 3>;

TEST_F(StoreWatchTest, CountsWhatIsThereAndThenWhatComesInEveryWayToStore) {
  for (const StoreAs way : {StoreAs::kRaw, StoreAs::kRollup, StoreAs::kBoth}) {
    SCOPED_TRACE(static_cast<int>(way));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    next_ = 0;
    auto sink = open(way);
    store(*sink, 30);
    StoreWatch watch = this->watch();
    EXPECT_EQ(look(watch).stored, 30u);
    EXPECT_EQ(watch.seen().by_brand, (StoreSeen::ByBrand{{"SuperCoffee", {10, 10, 10}}}));
    store(*sink, 3);
    store(*sink, 3);
    EXPECT_EQ(look(watch).stored, 36u);
    EXPECT_EQ(watch.seen().by_brand.at("SuperCoffee"), (Counts{12, 12, 12}));
    EXPECT_EQ(look(watch).stored, 36u) << "nothing new";
    EXPECT_EQ(watch.seen().by_brand.at("SuperCoffee"), (Counts{12, 12, 12}));
    EXPECT_EQ(watch.seen().retired, 0u);
    EXPECT_EQ(watch.seen().newest_ms, kTestTime);
    EXPECT_EQ(watch.seen().next_offsets.at("cluster").at({"tweets", 0}), 36);
  }
}

TEST_F(StoreWatchTest, WhatIsTrimmedStaysCounted) {
  auto sink = open(StoreAs::kRaw);
  store(*sink, 60);
  StoreWatch before = watch();
  EXPECT_EQ(look(before).by_brand.at("SuperCoffee"), (Counts{20, 20, 20}));
  ASSERT_EQ(*sink->trim({.rows = 15}, 9), 45u);
  store(*sink, 3);
  EXPECT_EQ(look(before).stored, 63u);
  EXPECT_EQ(before.seen().retired, 45u);
  EXPECT_EQ(before.seen().by_brand.at("SuperCoffee"), (Counts{21, 21, 21}));
  StoreWatch after = watch();
  EXPECT_EQ(look(after).stored, 63u);
  EXPECT_EQ(after.seen().by_brand.at("SuperCoffee"), (Counts{6, 6, 6})) << "of the rows there are";
}

TEST_F(StoreWatchTest, FollowsAStoreWhoseRowNumbersBeganAgain) {
  auto sink = open(StoreAs::kRaw);
  store(*sink, 6);
  StoreWatch watch = this->watch();
  look(watch);
  auto db = sqlite::Database::open(path(), sqlite::Database::Mode::kCreate);
  ASSERT_TRUE(db.ok() && db->exec("delete from tweets").ok());
  store(*sink, 3);
  EXPECT_EQ(look(watch).by_brand.at("SuperCoffee"), (Counts{3, 3, 3}));
}

TEST_F(StoreWatchTest, GoesThroughALargeStoreInSlicesAndKnowsTheSumAtOnce) {
  auto sink = open(StoreAs::kRaw);
  store(*sink, 25);
  StoreWatch watch = this->watch(10);
  std::vector<std::uint64_t> counted;
  do {
    EXPECT_EQ(look(watch).stored, 25u);
    const Counts counts = watch.seen().by_brand.at("SuperCoffee");
    counted.push_back(counts[0] + counts[1] + counts[2]);
  } while (!watch.seen().whole);
  EXPECT_EQ(counted, (std::vector<std::uint64_t>{10, 20, 25}));
}

TEST_F(StoreWatchTest, AWayToStoreThatChangesOnTheWayIsFollowed) {
  auto sink = open(StoreAs::kRaw);
  store(*sink, 30);
  StoreWatch watch = this->watch();
  look(watch);
  sink = open(StoreAs::kRollup);
  store(*sink, 3);
  EXPECT_EQ(look(watch).stored, 33u);
  EXPECT_EQ(watch.seen().by_brand.at("SuperCoffee"), (Counts{11, 11, 11}));
}

TEST_F(StoreWatchTest, ReadsClaimsAsTheyGrow) {
  auto sink = open(StoreAs::kRaw);
  auto table = RunsTable::open(path());
  ASSERT_TRUE(table.ok());
  const auto put = [&](std::uint64_t end, std::int64_t at) {
    StreamClaim claim{.run = kTestRun, .stream = 0, .partition = 0};
    claim.acknowledged.add(0, end);
    auto records = to_records(claim);
    records.push_back(to_record(RunClaim{.run = kTestRun, .acks = "all"}));
    ASSERT_TRUE(table->put(records, at).ok());
  };
  const auto acknowledged = [&](StoreWatch& watch) {
    look(watch);
    return watch.claims()->latest()->streams.at(0).acknowledged.count();
  };
  put(10, 100);
  StoreWatch watch = this->watch();
  EXPECT_EQ(acknowledged(watch), 10u);
  put(20, 100);
  EXPECT_EQ(acknowledged(watch), 20u) << "in the same millisecond";
  put(30, 101);
  EXPECT_EQ(acknowledged(watch), 30u);
  EXPECT_EQ(watch.claims()->latest()->run.acks, "all");
}

TEST_F(StoreWatchTest, RefusesWhatIsNoStoreAndMakesNone) {
  EXPECT_FALSE(StoreWatch::open(path()).ok());
  EXPECT_FALSE(std::filesystem::exists(path()));
}

}  // namespace
}  // namespace ds
