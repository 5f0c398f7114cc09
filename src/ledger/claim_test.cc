#include "ledger/claim.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "ledger/exchange.h"
#include "record/identity.h"

namespace ds {
namespace {

constexpr std::uint64_t kRun = 0x00a1b2c3d4e5;

RunClaim a_run() {
  return {.run = kRun,
          .topic = "tweets",
          .partitions = 32,
          .streams = 64,
          .batch_size = 8000,
          .seed = 18446744073709551615u,
          .payload = "tweet",
          .settings = "mix=50/30/20 \"quoted\"",
          .engine = "direct",
          .acks = "1",
          .started_ms = 1'700'000'000'000,
          .ended_ms = 0};
}

IntervalSet random_set(Random& random, std::size_t ranges) {
  IntervalSet set;
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < ranges; ++i) {
    const std::uint64_t begin = at + 1 + random.below(1'000'000'000);
    at = begin + 1 + random.below(1'000'000);
    set.add(begin, at);
  }
  return set;
}

StreamClaim random_claim(Random& random, std::size_t ranges_max) {
  StreamClaim claim;
  claim.run = kRun;
  claim.stream = static_cast<std::uint32_t>(random.below(kStreamMax));
  claim.partition = static_cast<std::int32_t>(random.below(33)) - 1;
  for (auto set : {&StreamClaim::acknowledged, &StreamClaim::written, &StreamClaim::failed,
                   &StreamClaim::unknown})
    claim.*set = random_set(random, random.below(ranges_max));
  return claim;
}

TEST(Claim, HasTheWordsThatTheHeaderShows) {
  StreamClaim claim{.run = kRun,
                    .stream = 7,
                    .partition = 7,
                    .acknowledged = {},
                    .written = {},
                    .failed = {},
                    .unknown = {},
                    .aborted = {}};
  claim.acknowledged.add(0, 8000);
  claim.acknowledged.add(8100, 16000);
  EXPECT_EQ(
      to_records(claim),
      (std::vector<ClaimRecord>{
          {"run/00a1b2c3d4e5/stream/7/0",
           R"({"run":"00a1b2c3d4e5","stream":7,"partition":7,)"
           R"("acknowledged":[[0,8000],[8100,16000]],"written":[],"failed":[],"unknown":[],"aborted":[]})"}}));
  EXPECT_EQ(to_record(a_run()).key, "run/00a1b2c3d4e5");
}

TEST(Claim, ReadsBackEqualInAnyOrderOfItsParts) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Random random(seed);
    const StreamClaim claim = random_claim(random, seed < 30 ? 5 : 9000);
    std::vector<ClaimRecord> records = to_records(claim);
    records.push_back(to_record(a_run()));
    std::shuffle(records.begin(), records.end(), random);
    ClaimBook book;
    for (const auto& [key, value] : records) {
      EXPECT_LT(value.size(), kClaimBytesMax);
      const Status added = book.add(key, value);
      ASSERT_TRUE(added.ok()) << added.error().message;
    }
    ASSERT_NE(book.find(kRun), nullptr);
    EXPECT_EQ(book.find(kRun)->run, a_run()) << "seed " << seed;
    EXPECT_EQ(book.find(kRun)->streams.at(claim.stream), claim) << "seed " << seed;
  }
}

TEST(Claim, PartsOfDifferentAgesUnite) {
  // What was three parts becomes one when the gaps between its ranges close.
  StreamClaim young{.run = kRun,
                    .stream = 3,
                    .partition = 0,
                    .acknowledged = {},
                    .written = {},
                    .failed = {},
                    .unknown = {}};
  for (std::uint64_t i = 0; i < 5000; ++i) young.acknowledged.add(2 * i, 2 * i + 1);
  StreamClaim old = young;
  old.acknowledged.add(0, 10'000);
  std::map<std::string, std::string> compacted;
  for (const auto& [key, value] : to_records(young)) compacted[key] = value;
  ASSERT_EQ(compacted.size(), 3u);
  for (const auto& [key, value] : to_records(old)) compacted[key] = value;
  ClaimBook book;
  for (const auto& [key, value] : compacted) ASSERT_TRUE(book.add(key, value).ok());
  EXPECT_EQ(book.find(kRun)->streams.at(3), old);
}

TEST(ClaimBook, RefusesWhatIsNoClaimAndStaysAsItWas) {
  const struct {
    const char* what;
    const char* key;
    const char* value;
  } cases[] = {
      {"no JSON", "run/00a1b2c3d4e5", "junk"},
      {"cut short", "run/00a1b2c3d4e5", R"({"run":"00a1b2c3d4e5","topic":"t")"},
      {"not an object", "run/00a1b2c3d4e5", "[]"},
      {"fields missing", "run/00a1b2c3d4e5", R"({"run":"00a1b2c3d4e5"})"},
      {"another's key", "run/00a1b2c3d4e6/stream/1/0",
       R"({"run":"00a1b2c3d4e5","stream":1,"partition":1,"acknowledged":[],"written":[],"failed":[],"unknown":[]})"},
      {"a run that is no number", "run/xyz", R"({"run":"xyz"})"},
      {"a range that ends first", "run/00a1b2c3d4e5/stream/1/0",
       R"({"run":"00a1b2c3d4e5","stream":1,"partition":1,"acknowledged":[[9,3]],"written":[],"failed":[],"unknown":[]})"},
      {"a range past 48 bits", "run/00a1b2c3d4e5/stream/1/0",
       R"({"run":"00a1b2c3d4e5","stream":1,"partition":1,"acknowledged":[[0,999999999999999999]],"written":[],"failed":[],"unknown":[]})"},
      {"half a range", "run/00a1b2c3d4e5/stream/1/0",
       R"({"run":"00a1b2c3d4e5","stream":1,"partition":1,"acknowledged":[[1]],"written":[],"failed":[],"unknown":[]})"},
  };
  for (const auto& [what, key, value] : cases) {
    SCOPED_TRACE(what);
    ClaimBook book;
    const Status added = book.add(key, value);
    ASSERT_FALSE(added.ok());
    EXPECT_NE(added.error().message.find("is not a claim"), std::string::npos);
    EXPECT_TRUE(book.runs().empty());
  }
  ClaimBook book;
  EXPECT_TRUE(book.add("run/00a1b2c3d4e5", "").ok());  // a deleted key
  EXPECT_TRUE(book.runs().empty());
  EXPECT_EQ(book.latest(), nullptr);
}

TEST(ClaimBook, KnowsTheRunThatStartedLast) {
  ClaimBook book;
  for (const auto& [run, started] : {std::pair{5, 100}, {9, 300}, {7, 200}}) {
    RunClaim claim = a_run();
    claim.run = static_cast<std::uint64_t>(run);
    claim.started_ms = started;
    const ClaimRecord record = to_record(claim);
    ASSERT_TRUE(book.add(record.key, record.value).ok());
  }
  EXPECT_EQ(book.latest()->run.run, 9u);
  EXPECT_EQ(book.find(6), nullptr);
}

TEST(Claim, TravelsInBatchesThatEveryBrokerTakes) {
  Random random(1);
  std::vector<StreamClaim> claims;
  for (std::uint32_t stream = 0; stream < 20; ++stream) {
    claims.push_back(random_claim(random, 9000));
    claims.back().stream = stream;
  }
  const auto batches = claim_batches(a_run(), {.streams = claims}, 1'700'000'000'000);
  ASSERT_TRUE(batches.ok());
  EXPECT_GT(batches->size(), 1u);
  ClaimBook book;
  ByteVec scratch;
  for (const ByteVec& bytes : *batches) {
    EXPECT_LT(bytes.size(), 1'000'000u);
    kafka::BatchCursor cursor(bytes);
    const auto batch = cursor.next();
    ASSERT_TRUE(batch);
    ASSERT_TRUE(batch->header.verify(batch->bytes).ok());
    kafka::RecordReader records(*batch, scratch);
    while (const auto record = records.next())
      ASSERT_TRUE(book.add(as_text(*record->key), as_text(*record->value)).ok());
  }
  for (const StreamClaim& claim : claims)
    EXPECT_EQ(book.find(kRun)->streams.at(claim.stream), claim);
}

}  // namespace
}  // namespace ds
