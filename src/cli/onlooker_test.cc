#include "cli/onlooker.h"

#include <gtest/gtest.h>

namespace ds::cli {
namespace {

TEST(Onlooker, ShowsAStoreAndAllThatIsClaimedOfIt) {
  StoreSeen seen{.stored = 35, .retired = 5, .by_brand = {{"A", {10, 5, 5}}, {"B", {0, 10, 0}}}};
  ClaimBook book;
  for (const std::uint64_t run : {1, 2}) {
    const ClaimRecord record =
        to_record(RunClaim{.run = run, .acks = "all", .started_ms = static_cast<int>(run)});
    ASSERT_TRUE(book.add(record.key, record.value).ok());
    StreamClaim stream{.run = run};
    stream.acknowledged.add(0, 10 * run);
    stream.failed.add(100, 101);
    stream.unknown.add(200, 202);
    for (const ClaimRecord& each : to_records(stream))
      ASSERT_TRUE(book.add(each.key, each.value).ok());
  }
  Snapshot s;
  show_store(seen, book, s);
  EXPECT_EQ(s.stored, 35u);
  EXPECT_EQ(s.retired, 5u);
  EXPECT_EQ(s.run, "000000000002");
  EXPECT_EQ(s.acks, "all");
  EXPECT_EQ(s.counters.acknowledged, 30u);
  EXPECT_EQ(s.counters.failed, 2u);
  EXPECT_EQ(s.counters.unknown, 4u);
  EXPECT_EQ(s.counters.scheduled, 36u);
  EXPECT_EQ(s.sentiment.negative, 15u);
  EXPECT_EQ(s.by_brand.at("A").positive, 10u);
  EXPECT_EQ(s.brands, (std::vector<std::string>{"A", "B"}));
}

TEST(Onlooker, CallsMissingOnlyWhatIsSurelyNotOnItsWay) {
  const struct {
    const char* what;
    std::uint64_t claimed, stored;
    const char* state;
    std::uint64_t lag;
    bool lag_is_known;
    std::uint64_t missing;
  } cases[] = {
      {"nothing claimed", 0, 7, "stopped", 0, true, 0},
      {"all stored", 7, 7, "stopped", 0, true, 0},
      {"others' too", 7, 9, "stopped", 0, true, 0},
      {"still coming", 9, 7, "running", 0, true, 0},
      {"in the topic", 9, 7, "stopped", 2, true, 0},
      {"who knows", 9, 7, "stopped", 0, false, 0},
      {"nowhere", 9, 7, "stopped", 0, true, 2},
  };
  for (const auto& [what, claimed, stored, state, lag, lag_is_known, missing] : cases) {
    SCOPED_TRACE(what);
    Snapshot s;
    s.counters.acknowledged = claimed;
    s.stored = stored;
    s.state = state;
    s.lag.records = lag;
    const BalanceShown shown = claimed_and_stored(s, lag_is_known);
    EXPECT_EQ(shown.missing, missing);
    EXPECT_EQ(shown.ok, missing == 0);
    EXPECT_FALSE(shown.text.empty());
  }
}

}  // namespace
}  // namespace ds::cli
