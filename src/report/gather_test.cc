#include "report/gather.h"

#include <gmock/gmock.h>

#include <fstream>

#include "ledger/reading_numbers.h"
#include "report/store_for_test.h"
#include "report/write.h"

namespace ds {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kStart = 1'700'000'000'000;

/// 10 producers, a reading each every 100 ms, stored 20 ms later.
ReadingRun ten_sensors() {
  return {.producers = 10,
          .first_producer = 1,
          .rate = 100,
          .distribution = Distribution(Distribution::Kind::kNormal, 20, 5),
          .seed = 7,
          .started_ms = kStart,
          .ended_ms = kStart + 60'000};
}

StoredRow row_of(const Reading& reading) {
  return {.producer = reading.producer_id,
          .sequence = reading.sequence,
          .made_ms = reading.timestamp_producer,
          .kafka_ms = reading.timestamp_producer + 5,
          .db_ms = reading.timestamp_producer + 20,
          .value = reading.data};
}

/// The first `count` readings of a run, without those numbered in `lost`.
std::vector<StoredRow> rows_of(const ReadingRun& run, std::uint64_t count,
                               const IntervalSet& lost) {
  std::vector<StoredRow> rows;
  for (std::uint64_t i = 0; i < count; ++i)
    if (!lost.contains(i)) rows.push_back(row_of(run.reading(i)));
  return rows;
}

RunClaim claim_of(const ReadingRun& run) {
  RunClaim claim{.run = 0xabc, .topic = "readings", .partitions = 3, .acks = "all"};
  run.put_into(claim);
  return claim;
}

const ProducerRow& producer(const Report& report, std::int64_t id) {
  for (const ProducerRow& row : report.producers)
    if (row.id == id) return row;
  ADD_FAILURE() << "no producer " << id;
  return report.producers.front();
}

TEST(Report, NamesPlantedLossesToThePacketByClaims) {
  StoreForTest store;
  const ReadingRun run = ten_sensors();
  IntervalSet lost;
  lost.add(102, 105);   // sequence 10 of producers 3, 4 and 5
  lost.add(990, 1000);  // the last of each: no sequence number behind them tells
  store.add_readings(rows_of(run, 1000, lost));
  StreamClaim sent{.run = 0xabc, .stream = 0};
  sent.acknowledged.add(0, 1000);
  store.claim(claim_of(run), {sent});
  const auto report = store.report();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ("claims", report->sent_known_by);
  EXPECT_EQ("000000000abc", report->run);
  EXPECT_EQ(1000u, report->sent);
  EXPECT_EQ(987u, report->stored);
  EXPECT_EQ(13u, report->loss);
  EXPECT_EQ(0u, report->loss_unacknowledged);
  for (std::int64_t id = 1; id <= 10; ++id)
    EXPECT_EQ(id >= 3 && id <= 5 ? 2u : 1u, producer(*report, id).loss) << id;
  EXPECT_THAT(producer(*report, 4).missing, ElementsAre("10", "99"));
  EXPECT_EQ(kStart + 30, *producer(*report, 4).first_sent);
  EXPECT_EQ("PRODUCER 4. First sent at 2023-11-14 22:13:20.030Z, loss 2 packet(s)",
            sentence_of(producer(*report, 4)));
  EXPECT_DOUBLE_EQ(20, *producer(*report, 1).delay_mean_ms);
  EXPECT_DOUBLE_EQ(0, *producer(*report, 1).delay_sd_ms);
  EXPECT_DOUBLE_EQ(20, *producer(*report, 1).delay_p99_ms);
}

TEST(Report, WithoutClaimsSequenceNumbersTellUpToTheLastStored) {
  StoreForTest store;
  IntervalSet lost;
  lost.add(0, 10);  // the first of each
  lost.add(102, 105);
  lost.add(990, 1000);  // not seen
  store.add_readings(rows_of(ten_sensors(), 1000, lost));
  const auto report = store.report();
  ASSERT_TRUE(report);
  EXPECT_EQ("sequence numbers", report->sent_known_by);
  EXPECT_EQ(990u, report->sent);
  EXPECT_EQ(13u, report->loss);
  EXPECT_THAT(producer(*report, 3).missing, ElementsAre("0", "10"));
  EXPECT_THAT(report->notes.front(), HasSubstr("sequence numbers"));
}

TEST(Report, AProducerOfWhomNothingCameIsInTheTable) {
  StoreForTest store;
  const ReadingRun run = ten_sensors();
  auto rows = rows_of(run, 1000, {});
  std::erase_if(rows, [](const StoredRow& row) { return row.producer == 6; });
  store.add_readings(rows);
  StreamClaim sent{.run = 0xabc, .stream = 0};
  sent.acknowledged.add(0, 900);
  sent.failed.add(900, 950);
  sent.unknown.add(950, 1000);
  store.claim(claim_of(run), {sent});
  const auto report = store.report();
  ASSERT_TRUE(report);
  EXPECT_EQ(100u, producer(*report, 6).loss);
  EXPECT_EQ(10u, producer(*report, 6).loss_unacknowledged);
  EXPECT_EQ(0u, producer(*report, 6).stored);
  EXPECT_EQ(100u, report->loss);
}

TEST(Report, ARunOfTheSameSensorsIsKeptApart) {
  StoreForTest store;
  ReadingRun first = ten_sensors(), second = ten_sensors();
  second.started_ms += 100'000;
  second.ended_ms += 100'000;
  store.add_readings(rows_of(first, 500, {}));
  store.add_readings(rows_of(second, 300, {}));
  StreamClaim sent{.run = 0xabc, .stream = 0};
  sent.acknowledged.add(0, 300);
  store.claim(claim_of(second), {sent});
  const auto report = store.report();
  ASSERT_TRUE(report);
  EXPECT_EQ(300u, report->sent);
  EXPECT_EQ(0u, report->loss);
  EXPECT_EQ(0u, report->repeated);
  EXPECT_EQ(500u, report->of_other_runs);
}

TEST(Report, DoublesAndOtherTopicsAreCountedApart) {
  StoreForTest store;
  const auto rows = rows_of(ten_sensors(), 100, {});
  store.add_readings(rows, "another");
  store.add_readings(rows);
  store.add_readings({rows[5], rows[17]});
  const auto report = store.report();
  ASSERT_TRUE(report);
  EXPECT_EQ("readings", report->topic);
  EXPECT_EQ(102u, report->rows);
  EXPECT_EQ(100u, report->stored);
  EXPECT_EQ(2u, report->repeated);
  EXPECT_EQ(0u, report->loss);
  EXPECT_EQ(100u, report->of_other_topics);
  EXPECT_EQ(1u, producer(*report, rows[5].producer).repeated);
  ReportSettings other{.topic = "another"};
  EXPECT_EQ(100u, store.report(other)->rows);
}

TEST(Report, RatesAreOfWholeIntervals) {
  StoreForTest store;
  store.add_readings(rows_of(ten_sensors(), 1050, {}));  // 100/s for 10.5 s
  const auto report = store.report();
  ASSERT_TRUE(report);
  ASSERT_EQ(3u, report->rates.size());
  const StageRate& made = report->rates[0];
  EXPECT_EQ("timestamp_producer", made.column);
  EXPECT_EQ(1050u, made.rows);
  EXPECT_EQ(9u, made.per_second.count);
  EXPECT_NEAR(100, made.per_second.mean, 1e-9);
  EXPECT_NEAR(0, made.per_second.sd, 1e-9);
  EXPECT_NEAR(100, made.per_second.min, 1e-9);
}

TEST(Report, WhatIsNoStoreIsSaidInWords) {
  StoreForTest store;
  EXPECT_THAT(store.report().error().message, HasSubstr("cannot be opened"));
  {
    auto db = sqlite::Database::open(store.path(), sqlite::Database::Mode::kCreate);
    ASSERT_TRUE(db->exec("create table mine(x)"));
  }
  EXPECT_THAT(store.report().error().message, HasSubstr("not DataStorm's"));
  std::filesystem::remove(store.path());
  { ASSERT_TRUE(open_store(store.path())); }
  EXPECT_THAT(store.report().error().message, HasSubstr("holds no readings and no tweets"));
  std::ofstream(store.path(), std::ios::trunc) << "this is a text";
  std::filesystem::remove(store.path() + "-wal");
  std::filesystem::remove(store.path() + "-shm");
  EXPECT_THAT(store.report().error().message, HasSubstr("not a SQLite database"));
}

TEST(Report, WritesEveryFile) {
  StoreForTest store;
  const ReadingRun run = ten_sensors();
  IntervalSet lost;
  lost.add(100, 101);
  store.add_readings(rows_of(run, 5000, lost));
  const auto report = store.report({.distribution = run.distribution});
  ASSERT_TRUE(report);
  RealFiles files;
  const auto names = write_report(files, store.folder() + "/out", *report);
  ASSERT_TRUE(names) << names.error().message;
  EXPECT_THAT(*names, ElementsAre("report.html", "report.json", "throughput.csv", "producers.csv",
                                  "delays.csv", "values.csv", "throughput.svg", "throughput.png",
                                  "values.svg", "values.png", "delays.svg", "delays.png",
                                  "delay-over-time.svg", "delay-over-time.png", "loss.svg",
                                  "loss.png", "report.log"));
  const auto text = [&](const std::string& name) {
    return read_file(files, store.folder() + "/out/" + name).value();
  };
  EXPECT_THAT(text("throughput.png").substr(0, 4), "\x89PNG");
  EXPECT_THAT(text("throughput.svg"), HasSubstr("<svg"));
  EXPECT_THAT(text("report.log"), HasSubstr("PRODUCER 1. First sent at 2023-11-14 22:13:20.000Z, "
                                            "loss 1 packet(s)"));
  EXPECT_THAT(text("producers.csv"), HasSubstr("\n1,1700000000000,500,499,1,0,0,20,0,20,\"10\"\n"));
  const std::string page = text("report.html");
  EXPECT_EQ(std::string::npos, page.find("src=\"http")) << "an outside resource";
  EXPECT_THAT(page, HasSubstr("id=\"charts\""));
}

}  // namespace
}  // namespace ds
