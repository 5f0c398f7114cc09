#include "ledger/producer_ledger.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"
#include "ledger/window_sums.h"

namespace ds {
namespace {

constexpr std::uint64_t kRun = 0x00a1b2c3d4e5;

RunClaim a_run() {
  RunClaim run{.run = kRun, .topic = "t", .partitions = 1, .streams = 1};
  run.brands = {{"A", 1}, {"B \"quoted\"", 2}};
  run.mixes = {{.from_batch = 0, .shares = {50, 30, 20}}};
  return run;
}

/// What lies at each key of a compacted topic, as it is published.
struct Topic {
  std::map<std::string, std::string> values;
  std::size_t largest = 0;

  void publish(ClaimChanges changes) {
    const auto own = [](auto& claims) {
      for (auto& claim : claims) claim.run = kRun, claim.partition = 0;
    };
    own(changes.streams), own(changes.windows), own(changes.gone);
    for (const ClaimRecord& record : to_records(a_run(), changes)) {
      largest = std::max(largest, record.key.size() + record.value.size());
      if (record.value.empty())
        values.erase(record.key);
      else
        values[record.key] = record.value;
    }
  }
  ClaimBook book() const {
    ClaimBook book;
    for (const auto& [key, value] : values) {
      const auto added = book.add(key, value);
      EXPECT_TRUE(added.ok()) << (added ? "" : added.error().message);
    }
    return book;
  }
};

SentPiece piece(std::uint64_t begin, std::uint64_t end, std::int64_t second) {
  SentPiece made{.stream = 0, .range = {begin, end}, .window = second, .kinds = {}};
  for (std::uint16_t kind = 0; kind < 6; ++kind)
    made.kinds.push_back({kind, {kind == 0 ? end - begin : 0, random_at(begin, kind)}});
  return made;
}

/// Sum and count of all cells that a reader would ask for.
KindSum all(const ClaimBook& book) {
  WindowSums sums(*book.find(kRun));
  KindSum total;
  for (const WindowCell& cell : sums.cells()) {
    EXPECT_EQ(cell.claimed_count(), cell.records);
    total.add({cell.records, cell.claimed_sum()});
  }
  return total;
}

TEST(ProducerLedger, SecondsFoldIntoTheirHourAndComeToTheSame) {
  ProducerLedger ledger;
  Topic topic;
  KindSum sent;
  const std::int64_t begin = 1'700'000'000 / 3600 * 3600;
  std::uint64_t at = 0;
  const auto send = [&](std::int64_t second) {
    const SentPiece made = piece(at, at + 10, second);
    ledger.acknowledged(made);
    for (const KindTotal& each : made.kinds) sent.sum += each.total.sum;
    sent.count += 10;
    at += 10;
  };
  for (std::int64_t second = begin; second < begin + 3 * 3600; second += 7) {
    send(second);
    topic.publish(ledger.take_changed(second));
    if (second % 1000 == 0) {
      ASSERT_EQ(all(topic.book()), sent) << second - begin;
    }
  }
  // A second that was closed hears more: first within the hour, then after the hour has folded.
  send(begin + 3 * 3600 - 3600);
  topic.publish(ledger.take_changed(begin + 3 * 3600));
  EXPECT_EQ(all(topic.book()), sent);
  send(begin + 5);
  topic.publish(ledger.take_changed(begin + 3 * 3600 + 1));
  EXPECT_EQ(all(topic.book()), sent);
  for (std::int64_t now = begin + 3 * 3600; now < begin + 6 * 3600; now += 60)
    topic.publish(ledger.take_changed(now));
  EXPECT_EQ(all(topic.book()), sent);
  EXPECT_EQ(topic.values.size(), 1u + 1u + 3u);  // the run, its stream, three hours
  EXPECT_LT(topic.largest, kClaimBytesMax);
}

TEST(ProducerLedger, WhatWasNotPublishedIsClaimedAgain) {
  ProducerLedger ledger;
  Topic topic;
  ledger.acknowledged(piece(0, 10, 1000));
  ledger.unknown(piece(10, 15, 1000));
  ledger.failed(piece(15, 20, 1000));
  const ClaimChanges lost = ledger.take_changed(1000);
  EXPECT_TRUE(ledger.take_changed(1001).empty());
  ledger.mark_changed(lost);
  topic.publish(ledger.take_changed(1002));
  Topic lossless;
  lossless.publish(lost);
  EXPECT_EQ(topic.values, lossless.values);
  const ClaimBook book = topic.book();
  WindowSums sums(*book.find(kRun));
  ASSERT_EQ(sums.cells().size(), 2u);
  EXPECT_EQ(sums.find(0, 9)->unknown, false);
  EXPECT_EQ(sums.find(0, 12)->unknown, true);
  EXPECT_EQ(sums.find(0, 17), nullptr);  // surely nowhere: nothing to sum
}

TEST(ProducerLedger, AFoldThatWasNotPublishedTakesItsSecondsAwayLater) {
  ProducerLedger ledger;
  Topic topic;
  ledger.acknowledged(piece(0, 10, 7200));
  topic.publish(ledger.take_changed(7200));
  ledger.take_changed(7500);  // closed
  const ClaimChanges folded = ledger.take_changed(7200 + 2 * 3600);
  ASSERT_EQ(folded.gone.size(), 1u);
  ledger.mark_changed(folded);
  const std::size_t before = topic.values.size();
  topic.publish(ledger.take_changed(7200 + 2 * 3600 + 1));
  EXPECT_EQ(topic.values.size(), before);  // an hour for a second
  EXPECT_EQ(all(topic.book()).count, 10u);
}

TEST(WindowClaim, IsSpreadOverRecordsWhenItIsLarge) {
  Random random(7);
  WindowClaim claim;
  claim.run = kRun;
  claim.partition = 0;
  claim.window = 1'700'000'000;
  std::uint64_t at = 0;
  for (int i = 0; i < 5000; ++i) {
    at += 1'000'000'000 + random.below(1000);
    add_range(claim.delivered, {at, at + 10});
  }
  std::vector<KindName> names;
  for (std::uint16_t k = 0; k < 900; ++k) {
    names.push_back({std::string(64, 'b') + std::to_string(k), "positive"});
    add_total(claim.kinds, k, {k + 1u, random()});
  }
  ClaimBook book;
  for (const ClaimRecord& record : to_records(claim, names)) {
    EXPECT_LE(record.value.size(), kClaimBytesMax);
    ASSERT_TRUE(book.add(record.key, record.value).ok());
  }
  WindowSums sums(*book.find(kRun));
  ASSERT_EQ(sums.cells().size(), 1u);
  EXPECT_EQ(sums.cells()[0].records, 50'000u);
  EXPECT_EQ(sums.cells()[0].claimed.size(), 900u);
}

TEST(ClaimBook, ReadsEarlierVersionsAndRefusesLaterOnesInWords) {
  ClaimBook book;
  ASSERT_TRUE(book.add("run/00a1b2c3d4e5",
                       R"({"run":"00a1b2c3d4e5","topic":"t","partitions":1,"streams":1,)"
                       R"("batch_size":8000,"seed":1,"payload":"tweet","settings":"",)"
                       R"("engine":"direct","acks":"1","started_ms":5,"ended_ms":0})")
                  .ok());
  EXPECT_TRUE(book.find(kRun)->run.mixes.empty());
  std::string later = to_record(a_run()).value;
  later.replace(later.find("\"v\":2"), 5, "\"v\":3");
  const auto refused = book.add("run/00a1b2c3d4e5", later);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("later DataStorm"), std::string::npos);
}

TEST(WindowClaim, NegativeSecondsHaveTheirHourToo) {
  EXPECT_EQ(window_of(-1, 3600), -3600);
  EXPECT_EQ(window_of(-3600, 3600), -3600);
  EXPECT_EQ(window_of(3599, 3600), 0);
}

}  // namespace
}  // namespace ds
