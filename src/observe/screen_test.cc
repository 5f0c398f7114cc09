#include "observe/screen.h"

#include <gtest/gtest.h>

namespace ds {
namespace {

Snapshot known_run() {
  Snapshot s;
  s.run = "0123456789ab";
  s.total_wanted = 50'000'000;
  s.counters = {.scheduled = 17'160'000,
                .enqueued = 17'160'000,
                .written = 17'160'000,
                .acknowledged = 17'160'000};
  s.rate.achieved = 707'200;
  s.rate.average = 571'886;
  s.elapsed_s = 30;
  return s;
}

TEST(Screen, IsTheKnownOne) {
  EXPECT_EQ(render_screen(known_run(), ScreenTitle::kGeneration,
                          {.columns = 80, .rows = 9, .color = false}),
            "BrandPulse Tweet Generation Metrics\n"
            "[▓▓▓▓▓▓▓▓▓▓░░░░░░░░░░░░░░░░░░░░] 34.32%\n"
            "├─ Total Tweets: 17,160,000 / 50,000,000\n"
            "├─ Throughput (current): 707,200 tweets/sec\n"
            "├─ Throughput (avg): 571,886 tweets/sec\n"
            "├─ Elapsed: 00:00:30\n"
            "├─ Remaining: 00:00:57\n"
            "└─ Errors: 0\n");
}

TEST(Screen, FillsTheBarByRoundedShareAndFitsTheTerminal) {
  struct Case {
    std::uint64_t done;
    int filled;
  };
  for (const auto& [done, filled] : {Case{0, 0}, Case{833'333, 0}, Case{833'334, 1},
                                     Case{25'000'000, 15}, Case{50'000'000, 30}}) {
    Snapshot s = known_run();
    s.counters.acknowledged = done;
    const std::string screen =
        render_screen(s, ScreenTitle::kGeneration, {.rows = 9, .color = false, .unicode = false});
    EXPECT_EQ(std::count(screen.begin(), screen.end(), '#'), filled) << done;
  }
  for (int columns : {10, 20, 40}) {
    const std::string screen =
        render_screen(known_run(), ScreenTitle::kGeneration,
                      {.columns = columns, .rows = 40, .color = false, .unicode = false});
    std::size_t begin = 0;
    for (std::size_t end; (end = screen.find('\n', begin)) != std::string::npos; begin = end + 1)
      EXPECT_LE(end - begin, static_cast<std::size_t>(columns));
  }
}

TEST(Screen, NeverCallsUnconfirmedDelivered) {
  Snapshot s = known_run();
  s.acks = "0";
  s.counters.acknowledged = 0;
  const std::string screen =
      render_screen(s, ScreenTitle::kGeneration, {.rows = 40, .color = false});
  EXPECT_NE(screen.find("written, unconfirmed 17,160,000"), std::string::npos);
  EXPECT_NE(render_line(s, ScreenTitle::kGeneration).find("written, unconfirmed"),
            std::string::npos);
  EXPECT_NE(render_account(s, ScreenTitle::kGeneration).find("written, unconfirmed"),
            std::string::npos);
}

TEST(Screen, SaysWhatIsBelowOnlyWhereThereIsRoom) {
  Snapshot s = known_run();
  s.latency_us["acknowledged"] = {
      .p50 = 1200, .p90 = 1800, .p99 = 4700, .p999 = 9000, .max = 12000};
  s.latency_us["wait"] = {.p50 = 100, .p90 = 150, .p99 = 200, .p999 = 300, .max = 400};
  s.balance.text = "every tweet accounted for";
  const std::string tall = render_screen(s, ScreenTitle::kGeneration, {.rows = 40, .color = false});
  EXPECT_NE(tall.find("latency, ms         p50      p99    p99.9      max\n"
                      "wait                0.1      0.2      0.3      0.4\n"
                      "acknowledged        1.2      4.7      9.0     12.0\n"),
            std::string::npos)
      << tall;
  EXPECT_NE(tall.find("ledger: every tweet accounted for"), std::string::npos);
  const std::string low = render_screen(s, ScreenTitle::kGeneration, {.rows = 10, .color = false});
  EXPECT_EQ(low.find("ledger"), std::string::npos);
}

TEST(Screen, TheConsumersHasItsOwnTitleAndCountsStored) {
  Snapshot s;
  s.stored = 1234;
  s.elapsed_s = 2;
  s.rate.average = 617;
  s.errors = 3;
  const std::string screen = render_screen(s, ScreenTitle::kIngestion, {.rows = 9, .color = false});
  EXPECT_TRUE(screen.starts_with("BrandPulse Data Ingestion Metrics\n")) << screen;
  EXPECT_NE(screen.find("├─ Total Tweets: 1,234\n"), std::string::npos);
  EXPECT_NE(screen.find("Remaining: --:--:--"), std::string::npos);
  EXPECT_NE(screen.find("└─ Errors: 3\n"), std::string::npos);
  EXPECT_EQ(render_line(s, ScreenTitle::kIngestion),
            "00:00:02 stored 1,234, 0/s now, 617/s average, lag 0, errors 3\n");
  s.clock.text = "this clock is within 0.7 ms of the storm's";
  EXPECT_NE(render_account(s, ScreenTitle::kIngestion).find("Note: this clock is within 0.7 ms"),
            std::string::npos);
  s.clock.differ = true;
  s.clock.text = "7 records came before they were due";
  EXPECT_NE(render_account(s, ScreenTitle::kIngestion).find("clocks differ: 7 records"),
            std::string::npos);
}

}  // namespace
}  // namespace ds
