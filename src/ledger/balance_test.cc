#include "ledger/balance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/json_writer.h"
#include "base/random.h"
#include "ledger/verify.h"

namespace ds {
namespace {

constexpr std::uint64_t kRun = 7;

ClaimedRun claim_one(std::uint64_t end, std::int32_t partition = 0) {
  ClaimedRun claimed;
  claimed.run.run = kRun;
  StreamClaim& stream = claimed.streams[0];
  stream.run = kRun;
  stream.partition = partition;
  stream.acknowledged.add(0, end);
  return claimed;
}

TEST(Balance, NamesEachKindOfFault) {
  struct Case {
    const char* what;
    std::vector<std::uint64_t> held;  // of 0…9, claimed
    std::uint64_t lost, duplicated, disordered, unclaimed;
    const char* range;
  };
  const Case cases[] = {
      {"all there", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 0, 0, 0, 0, ""},
      {"a hole", {0, 1, 2, 5, 6, 7, 8, 9}, 2, 0, 0, 0, "lost 3-4"},
      {"the end is missing", {0, 1, 2, 3, 4, 5, 6, 7, 8}, 1, 0, 0, 0, "lost 9-9"},
      {"one twice", {0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9}, 0, 1, 0, 0, "doubled 2-2"},
      {"a batch again", {0, 1, 2, 3, 4, 2, 3, 4, 5, 6, 7, 8, 9}, 0, 3, 0, 0, "doubled 2-4"},
      {"two swapped", {0, 1, 2, 4, 3, 5, 6, 7, 8, 9}, 0, 0, 1, 0, "disordered 3-3"},
      {"one far too early", {0, 7, 1, 2, 3, 4, 5, 6, 8, 9}, 0, 0, 1, 0, "disordered 7-7"},
      {"some too late", {0, 1, 4, 5, 6, 2, 3, 7, 8, 9}, 0, 0, 2, 0, "disordered 2-3"},
      {"a hole, then two swapped", {0, 3, 4, 5, 7, 6, 8, 9}, 2, 0, 1, 0, "lost 1-2"},
      {"more than claimed", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 0, 0, 0, 2, "unclaimed 10-11"},
      {"nothing", {}, 10, 0, 0, 0, "lost 0-9"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    Holdings held;
    for (const std::uint64_t sequence : c.held) held.add({kRun, 0, sequence});
    held.add({kRun + 1, 0, 5});  // another run's
    const Verdict verdict = balance(claim_one(10), held, "test");
    EXPECT_EQ(verdict.expected, 10u);
    EXPECT_EQ(verdict.lost, c.lost);
    EXPECT_EQ(verdict.duplicated, c.duplicated);
    EXPECT_EQ(verdict.disordered, c.disordered);
    EXPECT_EQ(verdict.unclaimed, c.unclaimed);
    EXPECT_EQ(verdict.good(), c.lost + c.duplicated + c.disordered == 0);
    const std::string range = verdict.ranges.empty()
                                  ? ""
                                  : fmt::format("{} {}-{}", verdict.ranges[0].what,
                                                verdict.ranges[0].first, verdict.ranges[0].last);
    EXPECT_EQ(range, c.range);
  }
}

TEST(Balance, AsksOnlyForWhatWasPromised) {
  ClaimedRun claimed = claim_one(10);
  StreamClaim& stream = claimed.streams[0];
  stream.unknown.add(10, 20);
  stream.failed.add(20, 30);
  Holdings held;
  held.add(kRun, 0, {0, 15});
  Verdict verdict = balance(claimed, held, "test");
  EXPECT_TRUE(verdict.good());
  EXPECT_EQ(verdict.found, 15u);
  EXPECT_EQ(verdict.unclaimed, 0u);
  held.add(kRun, 0, {20, 21});  // surely not stored, said the producer
  EXPECT_EQ(balance(claimed, held, "test").unclaimed, 1u);
}

TEST(Balance, WithAcks0TheClaimIsWhatWasWritten) {
  ClaimedRun claimed = claim_one(0);
  claimed.streams[0].written.add(0, 100);
  Holdings held;
  held.add(kRun, 0, {0, 90});
  const Verdict verdict = balance(claimed, held, "test");
  EXPECT_EQ(verdict.expected, 100u);
  EXPECT_EQ(verdict.lost, 10u);
}

TEST(Balance, LeavesOrderAloneWhereStreamsAreSpread) {
  Holdings held;
  for (const std::uint64_t sequence : {1, 0, 2}) held.add({kRun, 0, sequence});
  EXPECT_EQ(balance(claim_one(3, 0), held, "test").disordered, 1u);
  const Verdict spread = balance(claim_one(3, -1), held, "test");
  EXPECT_EQ(spread.disordered, 0u);
  EXPECT_EQ(spread.not_shown.size(), 1u);
}

TEST(Balance, ReportsStreamsThatNobodyClaimed) {
  Holdings held;
  held.add(kRun, 0, {0, 10});
  held.add(kRun, 5, {0, 3});
  EXPECT_EQ(balance(claim_one(10), held, "test").unclaimed, 3u);
}

TEST(Balance, CountsExactlyPastTheRangesItNames) {
  Holdings held;
  for (std::uint64_t i = 0; i < 10'000; i += 2) held.add({kRun, 0, i});
  const Verdict verdict = balance(claim_one(10'000), held, "test");
  EXPECT_EQ(verdict.lost, 5000u);
  EXPECT_EQ(verdict.ranges.size(), kFindingsMax);
}

TEST(Balance, AgreesWithABruteForceModelOnRandomFaults) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    ClaimedRun claimed;
    claimed.run.run = kRun;
    std::vector<RecordId> records;
    for (std::uint32_t s = 0; s < 3; ++s) {
      StreamClaim& stream = claimed.streams[s];
      stream.stream = s;
      stream.partition = 0;
      const std::uint64_t size = random.below(60);
      stream.acknowledged.add(0, size);
      for (std::uint64_t i = 0; i < size + random.below(4); ++i) records.push_back({kRun, s, i});
    }
    std::vector<RecordId> held_records;
    for (const RecordId& id : records) {
      const auto fate = random.below(20);
      if (fate == 0) continue;  // lost
      held_records.push_back(id);
      if (fate == 1) held_records.push_back(id);  // doubled
      if (fate == 2 && held_records.size() > 1)   // disordered, maybe
        std::swap(held_records.back(), held_records[held_records.size() - 2]);
    }
    std::uint64_t lost = 0, doubled = 0, disordered = 0, unclaimed = 0;
    std::set<RecordId> seen;
    std::map<std::uint32_t, std::uint64_t> highest;
    for (const RecordId& id : held_records) {
      const bool first = seen.insert(id).second;
      doubled += !first;
      disordered += first && id.sequence < highest[id.stream];
      highest[id.stream] = std::max(highest[id.stream], id.sequence + 1);
      unclaimed += first && !claimed.streams[id.stream].acknowledged.contains(id.sequence);
    }
    for (const RecordId& id : records)
      lost += claimed.streams[id.stream].acknowledged.contains(id.sequence) && !seen.contains(id);

    Holdings held;
    for (const RecordId& id : held_records) held.add(id);
    const Verdict verdict = balance(claimed, held, "test");
    ASSERT_EQ(verdict.found, seen.size()) << "seed " << seed;
    ASSERT_EQ(verdict.lost, lost) << "seed " << seed;
    ASSERT_EQ(verdict.duplicated, doubled) << "seed " << seed;
    // One that jumped ahead counts once, not all that it passed.
    ASSERT_LE(verdict.disordered, disordered) << "seed " << seed;
    ASSERT_EQ(verdict.disordered == 0, disordered == 0) << "seed " << seed;
    ASSERT_EQ(verdict.unclaimed, unclaimed) << "seed " << seed;
  }
}

TEST(Holdings, CountsWhatARangeHoldsAlready) {
  Holdings held;
  held.add(kRun, 0, {0, 10});
  held.add(kRun, 0, {20, 30});
  held.add(kRun, 0, {5, 22});
  const Holdings::Stream& stream = held.streams().at({kRun, 0});
  EXPECT_EQ(stream.doubled, 7u);
  std::vector<Interval> doubled;
  stream.doubled_ranges.each_there(
      [&](Interval range, std::uint64_t) { doubled.push_back(range); });
  EXPECT_EQ(doubled, (std::vector<Interval>{{5, 10}, {20, 22}}));
  EXPECT_EQ(stream.found.count(), 30u);
}

TEST(Verdict, HasTheFieldsOfTheContract) {
  Verdict verdict = balance(claim_one(2), Holdings(), "here");
  verdict.not_shown.clear();
  EXPECT_EQ(
      to_json(verdict),
      R"({"run":"000000000007","stage":"here","expected":2,"found":0,"lost":2,)"
      R"("duplicated":0,"disordered":0,"corrupted":0,"generated":2,"failed":0,"unknown":0,)"
      R"("foreign":0,"unclaimed":0,"aborted":0,"visible":0,"not_shown":[],)"
      R"("ranges":[{"what":"lost","stage":"here","stream":0,"partition":0,"first":0,"last":1,)"
      R"("count":2,"window_s":0,"window":"","why":""}]})");
}

TEST(ChooseRun, TakesLatestOrANameAndElseSaysWhatThereIs) {
  ClaimBook book;
  EXPECT_FALSE(choose_run(book, "latest").ok());
  RunClaim run;
  run.run = 0xabc;
  ASSERT_TRUE(book.add(to_record(run).key, to_record(run).value).ok());
  EXPECT_EQ((*choose_run(book, "latest"))->run.run, 0xabcu);
  EXPECT_EQ((*choose_run(book, "000000000abc"))->run.run, 0xabcu);
  const auto unknown = choose_run(book, "7");
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.error().hint.find("000000000abc"), std::string::npos);
}

}  // namespace
}  // namespace ds
