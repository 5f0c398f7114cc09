// Runs whose records have keys, headers, tombstones and transactions, held against their own claims
// by the very code that `verify` uses; whatever the outlet makes of the batches.
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <set>

#include "base/random.h"
#include "kafka/wire/murmur2.h"
#include "kafka/wire/record_batch.h"
#include "ledger/regenerate.h"
#include "ledger/stage_check.h"
#include "ledger/verify.h"
#include "storm/run.h"
#include "storm/tweet_filler.h"

namespace ds {
namespace {

constexpr Numbering kNumbering{.batch_size = 700, .streams = 10};
constexpr std::int32_t kPartitions = 5;
constexpr std::uint64_t kRecords = 20'000;

/// What the outlets of a run were told is stored, by partition, in order.
struct Log {
  std::mutex mutex;
  std::map<std::int32_t, std::vector<ByteVec>> batches;

  void add(const ByteVec& bytes, std::int32_t partition) {
    const std::lock_guard lock(mutex);
    batches[partition].push_back(bytes);
  }
  template <typename Each>
  void each(Each&& each) const {
    ByteVec scratch;
    for (const auto& [partition, all] : batches)
      for (const ByteVec& bytes : all) {
        const kafka::BatchHeader header = kafka::BatchHeader::read(bytes).value();
        ASSERT_TRUE(header.verify(bytes).ok());
        kafka::RecordReader records({header, bytes}, scratch);
        while (const auto record = records.next()) each(partition, *record);
        ASSERT_TRUE(records.status().ok());
      }
  }
};

class LogReader final : public StageReader {
 public:
  explicit LogReader(const Log& log) : log_(log) {}
  std::string stage() const override { return "a log"; }
  Status read(StageVisitor& visitor) override {
    ByteVec scratch;
    TweetDecoder decoder;
    for (const auto& [partition, all] : log_.batches)
      for (const ByteVec& bytes : all)
        visit_records({.from = {"t", partition}, .bytes = bytes, .owner = nullptr}, scratch,
                      decoder, visitor);
    return Done{};
  }

 private:
  const Log& log_;
};

/// Decides each batch at a later turn, by a seed; transactions at their end.
class SeededOutlet final : public kafka::Outlet {
 public:
  SeededOutlet(Log& into, kafka::DeliveryListener& listener, const Clock& clock, double failing,
               bool transactions, std::uint64_t seed)
      : into_(into),
        listener_(listener),
        clock_(clock),
        failing_(failing),
        transactions_(transactions),
        random_(seed) {}

  std::optional<Slot> reserve(std::int32_t, std::size_t bytes_max) override {
    if (!transactions_ && (submitted_.size() >= 3 || random_.below(5) == 0)) return std::nullopt;
    buffer_.resize(bytes_max);
    return Slot{.bytes = buffer_, .index = 0};
  }
  void submit(const Slot&, const kafka::OutBatch& batch) override {
    if (batch.size == 0) return;
    submitted_.push_back({batch, ByteVec(buffer_.begin(), buffer_.begin() + batch.size)});
  }
  void turn(Nanos) override {
    if (!submitted_.empty() && !transactions_) decide();
  }
  void end_transaction(bool commit) override {
    while (!submitted_.empty()) {
      const auto [batch, bytes] = take();
      listener_.on_delivery(batch, {.outcome = kafka::Outcome::kWritten, .at = clock_.now()});
      if (commit) into_.add(bytes, batch.partition);
      listener_.on_delivery(
          batch, {.outcome = commit ? kafka::Outcome::kAcknowledged : kafka::Outcome::kAborted,
                  .at = clock_.now()});
    }
  }
  std::size_t pending() const override { return submitted_.size(); }
  void close(Nanos) override {
    EXPECT_TRUE(!transactions_ || submitted_.empty()) << "a transaction was left open";
    while (!submitted_.empty()) decide();
  }

 private:
  std::pair<kafka::OutBatch, ByteVec> take() {
    auto first = std::move(submitted_.front());
    submitted_.erase(submitted_.begin());
    return first;
  }
  void decide() {
    const auto [batch, bytes] = take();
    const double fate = random_.unit();
    kafka::Delivery delivery{.outcome = kafka::Outcome::kFailed, .at = clock_.now()};
    if (fate < failing_ / 2) return listener_.on_delivery(batch, delivery);
    delivery.outcome = kafka::Outcome::kWritten;
    listener_.on_delivery(batch, delivery);
    into_.add(bytes, batch.partition);
    delivery.outcome = fate < failing_ ? kafka::Outcome::kUnknown : kafka::Outcome::kAcknowledged;
    listener_.on_delivery(batch, delivery);
  }

  Log& into_;
  kafka::DeliveryListener& listener_;
  const Clock& clock_;
  const double failing_;
  const bool transactions_;
  Random random_;
  ByteVec buffer_;
  std::vector<std::pair<kafka::OutBatch, ByteVec>> submitted_;
};

struct Trial {
  Dress dress;
  double failing = 0;
  int threads = 2;
  std::size_t batch_bytes_max = 1 << 16;
  std::uint64_t transaction_records = 0;
  double abort_rate = 0;
};

struct Outcome {
  Account account;
  ClaimBook book;
  const ClaimedRun& claimed() const { return *book.find(77); }
};

Outcome run_trial(const Trial& trial, Log& into) {
  SystemClock clock;
  NoLog log;
  const TweetGenerator generator(
      TweetSettings{.seed = 5, .brands = {{"A", 1}, {"B", 3}}, .numbering = kNumbering});
  MixBook mixes(
      Mix::fixed({50 * Percent::kOne}, {30 * Percent::kOne}, {20 * Percent::kOne}).value());
  RunSettings settings{.total = kRecords,
                       .threads = trial.threads,
                       .batch_bytes_max = trial.batch_bytes_max,
                       .dress = trial.dress,
                       .transaction_records = trial.transaction_records,
                       .abort_rate = trial.abort_rate};
  RunClaim& claim = settings.claim;
  claim.run = 77;
  claim.topic = "t";
  claim.partitions = kPartitions;
  claim.streams = kNumbering.streams;
  claim.batch_size = kNumbering.batch_size;
  claim.seed = 5;
  claim.placing = name_of(trial.dress.placing);
  claim.tombstones = trial.dress.tombstones;
  claim.brands = {{"A", 1}, {"B", 3}};
  claim.pool = 1024;
  claim.mixes = {mix_claim(mixes.latest())};

  Outcome outcome;
  std::mutex mutex;
  std::uint64_t seed = 0;
  RunParts parts;
  parts.make_filler = [&] {
    return std::make_unique<TweetFiller>(TweetFillerSettings{.run = 77}, generator, mixes);
  };
  parts.make_outlet =
      [&](kafka::DeliveryListener& listener) -> Result<std::unique_ptr<kafka::Outlet>> {
    return std::unique_ptr<kafka::Outlet>(new SeededOutlet(into, listener, clock, trial.failing,
                                                           trial.transaction_records > 0, ++seed));
  };
  parts.publish = [&](const RunClaim& run, const ClaimChanges& changes) -> Status {
    const std::lock_guard lock(mutex);
    for (const auto& [key, value] : to_records(run, changes))
      if (auto added = outcome.book.add(key, value); !added) return added;
    return Done{};
  };
  auto run = Run::start(settings, std::move(parts), clock, log);
  EXPECT_TRUE(run.ok());
  while (!(*run)->finished()) std::this_thread::yield();
  (*run)->stop();
  outcome.account = (*run)->account();
  return outcome;
}

std::uint64_t number_of(const RecordId& id) {
  return kNumbering.record(id.stream, id.sequence);
}

/// A tweet's identity, or a tombstone's.
std::optional<RecordId> identity(const kafka::RecordView& record) {
  TweetDecoder decoder;
  if (record.value)
    if (const auto tweet = decoder.decode(*record.value)) return parse_tweet_id(tweet->tweet_id);
  for (kafka::HeaderReader headers(record); const auto header = headers.next();)
    if (header->key == "ds-id") return parse_binary_id(as_text(*header->value));
  return std::nullopt;
}

/// Where in a batch the text of its first tweet begins.
std::size_t place_of_text(const ByteVec& batch) {
  ByteVec scratch;
  TweetDecoder decoder;
  kafka::RecordReader records({kafka::BatchHeader::read(batch).value(), batch}, scratch);
  while (const auto record = records.next())
    if (record->value)
      if (const auto tweet = decoder.decode(*record->value))
        return static_cast<std::size_t>(as_bytes(tweet->text).data() - batch.data());
  ADD_FAILURE() << "a batch without a tweet";
  return 0;
}

Verdict verdict_of(const Log& log, const Outcome& outcome) {
  LogReader reader(log);
  auto verdict = verify_stage(reader, outcome.book, outcome.claimed());
  EXPECT_TRUE(verdict.ok());
  return *verdict;
}

Keys keys(const char* text, std::uint64_t cardinality = 50) {
  Keys made = parse_keys(text).value();
  made.cardinality = cardinality;
  return made;
}

TEST(DressedRun, BalancesWhateverBecomesOfItsBatches) {
  struct Case {
    const char* what;
    Dress dress;
    bool ordered;
  };
  const Case cases[] = {
      {"uniform", {.keys = keys("uniform"), .placing = Placing::kKey}, true},
      {"zipf", {.keys = keys("zipf:1.2"), .placing = Placing::kKey}, true},
      {"one", {.keys = keys("one"), .placing = Placing::kKey}, true},
      {"brand", {.keys = keys("brand"), .placing = Placing::kKey}, true},
      {"field", {.keys = keys("field:tweetId"), .placing = Placing::kKey}, true},
      {"keys by stream", {.keys = keys("uniform"), .placing = Placing::kStream}, true},
      {"round-robin", {.placing = Placing::kRoundRobin}, false},
      {"sticky", {.placing = Placing::kSticky}, false},
      {"all at once",
       {.keys = keys("uniform"),
        .placing = Placing::kKey,
        .headers = {{"a", "b", 0}, {"c", "", 20}},
        .tombstones = 0.1},
       true},
  };
  for (const auto& [what, dress, ordered] : cases)
    for (const double failing : {0.0, 0.3}) {
      SCOPED_TRACE(fmt::format("{}, {} failing", what, failing));
      Log log;
      const Outcome outcome = run_trial({.dress = dress, .failing = failing}, log);
      const Account& account = outcome.account;
      EXPECT_EQ(account.enqueued, kRecords);
      EXPECT_EQ(account.acknowledged + account.failed + account.unknown, kRecords);
      EXPECT_EQ(account.written, account.acknowledged + account.unknown);
      if (failing > 0) {
        EXPECT_GT(account.failed, 0u);
        EXPECT_GT(account.acknowledged, 0u);
      }
      const Verdict verdict = verdict_of(log, outcome);
      EXPECT_TRUE(verdict.good()) << verdict.lost << ' ' << verdict.duplicated << ' '
                                  << verdict.disordered << ' ' << verdict.corrupted;
      EXPECT_EQ(verdict.expected, account.acknowledged);
      EXPECT_EQ(verdict.found, account.written);
      const auto says = [&](std::string_view of) {
        return std::ranges::any_of(verdict.not_shown, [&](const std::string& words) {
          return words.find(of) != std::string::npos;
        });
      };
      EXPECT_EQ(says("order"), !ordered);
      EXPECT_FALSE(says("content"));
    }
}

TEST(DressedRun, PutsKeysWhereKafkasClientsDoTheSameWayForAnyNumberOfWorkers) {
  const Dress dress{.keys = keys("zipf"), .placing = Placing::kKey, .headers = {{"h", "", 8}}};
  std::map<std::uint64_t, std::string> first;
  for (const int threads : {1, 3}) {
    Log log;
    run_trial({.dress = dress,
               .threads = threads,
               .batch_bytes_max = 4000u * static_cast<unsigned>(threads)},
              log);
    std::map<std::uint64_t, std::string> seen;
    log.each([&](std::int32_t partition, const kafka::RecordView& record) {
      ASSERT_TRUE(record.key);
      EXPECT_EQ(partition, kafka::partition_of_key(*record.key, kPartitions));
      const auto id = identity(record);
      ASSERT_TRUE(id);
      seen[number_of(*id)] = std::string(as_text(*record.key)) + to_hex(record.headers);
    });
    EXPECT_EQ(seen.size(), kRecords);
    if (threads == 1) {
      first = seen;
      const KeyDrawer drawer(dress.keys, 5);
      char text[KeyDrawer::kBytes];
      drawer.put(4711, text);
      EXPECT_EQ(seen[4711].substr(0, sizeof text), std::string_view(text, sizeof text));
    }
    EXPECT_EQ(seen, first);
  }
}

TEST(DressedRun, ShowsWhatIsTakenFromItOrChanged) {
  const Dress dress{.keys = keys("uniform"), .placing = Placing::kKey, .tombstones = 0.05};
  Log log;
  const Outcome outcome = run_trial({.dress = dress}, log);
  ASSERT_TRUE(verdict_of(log, outcome).good());
  std::uint64_t tombstones = 0;
  log.each([&](std::int32_t, const kafka::RecordView& record) { tombstones += !record.value; });
  EXPECT_NEAR(static_cast<double>(tombstones), 0.05 * kRecords, 5 * std::sqrt(0.05 * kRecords));

  std::vector<ByteVec>& of_two = log.batches[2];
  ASSERT_GT(of_two.size(), 10u);
  const auto whole = of_two;
  const auto records = [](const ByteVec& bytes) {
    return static_cast<std::uint64_t>(kafka::BatchHeader::read(bytes)->record_count);
  };
  of_two.erase(of_two.begin() + 3);
  EXPECT_EQ(verdict_of(log, outcome).lost, records(whole[3]));
  of_two = whole;
  of_two.push_back(whole[3]);
  EXPECT_EQ(verdict_of(log, outcome).duplicated, records(whole[3]));
  of_two = whole;
  // The first batch of a stream goes to the end: all of it is out of place, in its partition alone.
  of_two.push_back(whole[0]);
  of_two.erase(of_two.begin());
  EXPECT_EQ(verdict_of(log, outcome).disordered, records(whole[0]));
  of_two = whole;
  // A letter of a text.
  ByteVec& altered = of_two[5];
  altered[place_of_text(altered)] ^= 1;
  kafka::seal(altered);
  EXPECT_GT(verdict_of(log, outcome).corrupted, 0u);
}

TEST(DressedRun, AbortsTheSameTransactionsWhoeverMakesThem) {
  std::set<std::uint64_t> first;
  for (const int threads : {1, 3})
    for (const bool keyed : {false, true}) {
      SCOPED_TRACE(fmt::format("{} threads, keyed {}", threads, keyed));
      Trial trial{.threads = threads, .transaction_records = 70, .abort_rate = 0.3};
      if (keyed) trial.dress = {.keys = keys("uniform"), .placing = Placing::kKey};
      Log log;
      const Outcome outcome = run_trial(trial, log);
      std::set<std::uint64_t> committed;
      log.each([&](std::int32_t, const kafka::RecordView& record) {
        committed.insert(number_of(*identity(record)));
      });
      EXPECT_EQ(outcome.account.acknowledged, committed.size());
      EXPECT_EQ(outcome.account.acknowledged + outcome.account.aborted, kRecords);
      EXPECT_NEAR(static_cast<double>(outcome.account.aborted), 0.3 * kRecords, 0.06 * kRecords);
      if (first.empty()) first = committed;
      EXPECT_EQ(committed, first);
      for (const std::uint64_t record : committed)
        ASSERT_FALSE(
            aborts_transaction({.transaction_records = 70, .abort_rate = 0.3, .seed = 5}, record));
      const Verdict verdict = verdict_of(log, outcome);
      EXPECT_TRUE(verdict.good());
      EXPECT_EQ(verdict.expected, committed.size());
      EXPECT_EQ(verdict.aborted, kRecords - committed.size());
    }
}

TEST(DressedRun, ShowsAbortedRecordsThatCanBeSeen) {
  Log log, all;
  const Trial trial{.threads = 1, .transaction_records = 70, .abort_rate = 0.3};
  const Outcome outcome = run_trial(trial, log);
  run_trial({.threads = 1}, all);  // the same records, none aborted
  const Verdict verdict = verdict_of(all, outcome);
  EXPECT_FALSE(verdict.good());
  EXPECT_EQ(verdict.visible, outcome.account.aborted);
  EXPECT_EQ(verdict.lost, 0u);
}

TEST(Header, IsReadAndRefusedInWords) {
  EXPECT_EQ(parse_header("a=b=c")->value, "b=c");
  EXPECT_EQ(parse_header("a=")->value, "");
  EXPECT_EQ(parse_header("trace=random:16")->random_bytes, 16u);
  for (const char* text :
       {"", "a", "=b", "ds-id=x", "a=random:", "a=random:0", "a=random:x", "a=random:65537"}) {
    const auto header = parse_header(text);
    ASSERT_FALSE(header.ok()) << text;
    EXPECT_NE(header.error().hint.find("NAME=VALUE"), std::string::npos);
  }
}

}  // namespace
}  // namespace ds
