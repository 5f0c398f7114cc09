// What is said of figures: spread, goals, comparisons, the page and the document.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json_writer.h"
#include "bench/compare.h"
#include "bench/fit.h"
#include "bench/goals.h"
#include "bench/page.h"

namespace ds {
namespace {

using testing::HasSubstr;
using testing::Not;

BenchRow row(std::vector<double> values, const char* unit = "M records/s") {
  return row_of("storm", unit, std::move(values), Conditions{.record_bytes = 127.8, .acks = "1"});
}

TEST(BenchRow, HasTheMiddleOfItsRuns) {
  struct Case {
    std::vector<double> values;
    double min, median, max;
  };
  const Case cases[] = {{{3, 1, 2}, 1, 2, 3}, {{4, 1, 2, 3}, 1, 2.5, 4}, {{7}, 7, 7, 7}};
  for (const auto& [values, min, median, max] : cases) {
    const BenchRow made = row(values);
    EXPECT_EQ(made.min, min);
    EXPECT_EQ(made.median, median);
    EXPECT_EQ(made.max, max);
    EXPECT_EQ(made.runs, static_cast<int>(values.size()));
  }
  EXPECT_TRUE(row({}).skipped());
  EXPECT_TRUE(skipped_row("kcat", "kcat is not installed").skipped());
}

TEST(BenchRow, IsNoisyBeyondFifteenPercent) {
  EXPECT_FALSE(row({100, 107, 115}).noisy());
  EXPECT_TRUE(row({100, 107, 117}).noisy());
  EXPECT_FALSE(row({5}).noisy());  // nothing is known of its spread
}

TEST(BenchRow, IsNeverCalledAWinWhenItIsNoisy) {
  struct Case {
    const char* what;
    std::vector<double> values;
    bool at_least;
    double goal;
    const char* verdict;
    bool surely;
  };
  const Case cases[] = {
      {"reached", {10, 10.5, 11}, true, 10, "reached", true},
      {"exactly", {10, 10, 10}, true, 10, "reached", true},
      {"missed", {8, 8, 8}, true, 10, "missed by 20.0 %", false},
      {"too much", {12, 12, 12}, false, 10, "missed by 20.0 %", false},
      {"little enough", {9, 9, 9}, false, 10, "reached", true},
      {"runs on both sides", {9.8, 10.1, 10.2}, true, 10, "reached (the runs disagree)", true},
      {"missed on both sides",
       {9.8, 9.9, 10.2},
       true,
       10,
       "missed by 1.0 % (the runs disagree)",
       false},
      {"noisy, all above",
       {11, 14, 19},
       true,
       10,
       "noisy: every run reaches it, the spread forbids to say so",
       false},
      {"noisy, on both sides", {5, 11, 19}, true, 10, "noisy: undecided", false},
      {"noisy, all below",
       {3, 5, 8},
       true,
       10,
       "missed by 50 % (noisy, and no run reaches it)",
       false},
      {"one run", {12}, true, 10, "reached (one run)", true}};
  for (const auto& [what, values, at_least, goal, verdict, surely] : cases) {
    SCOPED_TRACE(what);
    const BenchRow made = row(values).with_goal("P5", at_least, goal);
    EXPECT_EQ(made.verdict(), verdict);
    EXPECT_EQ(made.surely_reached(), surely);
  }
  EXPECT_EQ(row({1, 2}).verdict(), "");
}

TEST(Ratios, ArePairByPair) {
  EXPECT_EQ(ratios({2, 9}, {1, 3}), (std::vector<double>{2, 3}));
}

TEST(Conditions, NameEverything) {
  EXPECT_EQ((Conditions{.record_bytes = 127.84,
                        .acks = "all",
                        .codec = "lz4",
                        .durability = "cache",
                        .engine = "direct",
                        .more = "32 partitions"})
                .to_string(),
            "record 127.8 B, acks all, codec lz4, durability cache, engine direct; 32 partitions");
  EXPECT_EQ(Conditions{}.to_string(), "record -, acks -, codec -, durability -, engine -");
}

TEST(FitSizes, FindsBothParts) {
  const auto cost = [](double bytes) { return SizeCost{bytes, 12 + 0.08 * bytes}; };
  const SizeCost exact[] = {cost(64), cost(256), cost(1024), cost(4096), cost(16384)};
  const SizeFit fit = fit_sizes(exact);
  EXPECT_NEAR(fit.per_record, 12, 1e-6);
  EXPECT_NEAR(fit.per_byte, 0.08, 1e-9);
  EXPECT_NEAR(fit.worst, 0, 1e-9);

  SizeCost bent[] = {cost(64), cost(256), cost(1024), cost(4096), cost(16384)};
  bent[2].cost *= 2;
  EXPECT_GT(fit_sizes(bent).worst, 0.3);
}

TEST(Judge, NeedsRunsApartAndQuiet) {
  struct Case {
    const char* what;
    std::vector<double> old, now;
    const char* unit;
    Change change;
  };
  const Case cases[] = {
      {"apart, up", {10, 10.2, 10.4}, {11, 11.2, 11.4}, "GB/s", Change::kBetter},
      {"apart, down", {11, 11.2, 11.4}, {10, 10.2, 10.4}, "GB/s", Change::kWorse},
      {"time, down", {11, 11.2, 11.4}, {10, 10.2, 10.4}, "ms", Change::kBetter},
      {"CPU, up", {10, 10.2, 10.4}, {11, 11.2, 11.4}, "ns/record", Change::kWorse},
      {"overlap", {10, 10.2, 10.6}, {10.5, 10.8, 11}, "GB/s", Change::kUndecided},
      {"noisy", {10, 10.2, 10.4}, {20, 30, 40}, "GB/s", Change::kUndecided},
      {"two runs", {10, 10.2}, {11, 11.2}, "GB/s", Change::kUndecided},
      {"skipped", {10, 10.2, 10.4}, {}, "GB/s", Change::kOneSided}};
  for (const auto& [what, old, now, unit, change] : cases) {
    SCOPED_TRACE(what);
    EXPECT_EQ(name_of(judge(row(old, unit), row(now, unit), true)), name_of(change));
  }
  const BenchRow slow = row({10, 10, 10}), fast = row({20, 20, 20});
  EXPECT_EQ(judge(slow, fast, false), Change::kOtherWorld);
  BenchRow other = fast;
  other.conditions = Conditions{.record_bytes = 127.8, .acks = "all"}.to_string();
  EXPECT_EQ(judge(slow, other, true), Change::kOtherWorld);
  BenchRow told = fast;  // what was found this time is no other condition
  told.conditions += "; after 90 M records of warm-up";
  EXPECT_EQ(judge(slow, told, true), Change::kBetter);
}

BenchResults some() {
  BenchRow wire = row({0.9, 0.92, 0.95}, "ratio").with_goal("P2", true, 0.8);
  wire.name = "wire <peer> | loopback";
  return {.when = "2026-11-25T12:00:00Z",
          .command = "datastorm bench wire",
          .suites = {{.suite = "wire",
                      .machine = "2 x some processor",
                      .versions = "datastorm 0",
                      .load_before = 0.5,
                      .seconds = 4,
                      .rows = {wire, skipped_row("kcat", "kcat is not installed")}}}};
}

TEST(Results, ComeBackFromTheirJson) {
  const BenchResults results = some();
  const auto back = parse_results(to_json(results));
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(to_json(*back), to_json(results));
  const auto suite = parse_results(to_json(results.suites.front()));
  ASSERT_TRUE(suite.ok());
  EXPECT_EQ(suite->suites.front().rows.front().median, 0.92);
  for (const char* junk : {"", "{", "[]", "{\"suites\":[]}", "{\"suites\":[{\"suite\":\"x\"}]}"})
    EXPECT_FALSE(parse_results(junk).ok()) << junk;
}

TEST(Results, AreComparedRowByRow) {
  const BenchResults old = some();
  BenchResults now = some();
  now.suites[0].rows[0].min = now.suites[0].rows[0].median = now.suites[0].rows[0].max = 2;
  now.suites[0].rows.push_back(row({1, 1, 1}));
  const auto compared = compare(old, now);
  ASSERT_EQ(compared.size(), 3u);
  EXPECT_EQ(compared[0].change, Change::kBetter);
  EXPECT_NEAR(compared[0].ratio, 2 / 0.92, 1e-9);
  EXPECT_EQ(compared[1].change, Change::kOneSided);
  EXPECT_EQ(compared[2].change, Change::kOneSided);
  EXPECT_THAT(compare_text(compared), HasSubstr("better"));
}

TEST(Goals, NameWhatWasNotMeasured) {
  const auto lines = goal_lines(some());
  ASSERT_EQ(lines.size(), 13u);
  EXPECT_EQ(lines[1].goal, "P2");
  EXPECT_EQ(lines[1].verdict, "reached");
  EXPECT_THAT(lines[0].verdict, HasSubstr("not measured"));
  EXPECT_THAT(goals_text(some()), HasSubstr("P13"));
}

TEST(Document, KeepsWhatStandsAroundTheTables) {
  const auto text =
      with_tables("# Title\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nrest\n", some());
  ASSERT_TRUE(text.ok());
  EXPECT_TRUE(text->starts_with("# Title\n<!-- bench: begin -->\n"));
  EXPECT_TRUE(text->ends_with("<!-- bench: end -->\nrest\n"));
  EXPECT_THAT(*text, Not(HasSubstr("old\n")));
  EXPECT_THAT(*text, HasSubstr("wire <peer> \\| loopback"));
  const auto again = with_tables(*text, some());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, *text);
  EXPECT_FALSE(with_tables("no place", some()).ok());
}

TEST(Page, StandsAloneAndEscapes) {
  const std::string page = results_page(some());
  EXPECT_THAT(page, HasSubstr("wire &lt;peer&gt;"));
  EXPECT_THAT(page, HasSubstr("<svg"));
  EXPECT_THAT(page, HasSubstr("kcat is not installed"));
  for (const char* outside : {"http://", "https://", "src=", "@import", "<script"})
    EXPECT_THAT(page, Not(HasSubstr(outside)));
}

}  // namespace
}  // namespace ds
