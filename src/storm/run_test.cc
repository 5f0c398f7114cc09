#include "storm/run.h"

#include <gtest/gtest.h>

#include <map>
#include <mutex>

#include "base/random.h"
#include "kafka/wire/record_batch.h"
#include "ledger/stage_check.h"
#include "ledger/tweets_for_test.h"
#include "ledger/verify.h"
#include "record/avro_tweet.h"
#include "storm/tweet_filler.h"

namespace ds {
namespace {

/// What came out of all outlets of a run: by record id, its value but for the timestamp.
struct Collected {
  std::mutex mutex;
  std::map<RecordId, std::pair<std::string, std::int32_t>> records;  // text and partition
  std::map<std::uint32_t, std::uint64_t> next;                       // by stream: order
  std::uint64_t doubled = 0, disordered = 0;
  std::vector<ByteVec> log;
  std::map<std::string, std::string> claims;  // as they lie in a compacted topic
  std::uint64_t dies_after = std::numeric_limits<std::uint64_t>::max();  // batches: then kill -9

  std::uint64_t claimed_at = dies_after;  // nothing is sent past it until something is claimed

  bool waits() {
    const std::lock_guard lock(mutex);
    return log.size() >= claimed_at && claims.size() < 2;  // the run's own is the first
  }
  bool dead() {
    const std::lock_guard lock(mutex);
    return log.size() >= dies_after;
  }
  void add(ByteView bytes, std::int32_t partition) {
    const std::lock_guard lock(mutex);
    if (log.size() >= dies_after) return;
    log.emplace_back(bytes.begin(), bytes.end());
    ByteVec scratch;
    kafka::BatchCursor batches(bytes);
    const auto batch = batches.next();
    ASSERT_TRUE(batch && batch->header.verify(batch->bytes).ok());
    kafka::RecordReader reader(*batch, scratch);
    while (const auto record = reader.next()) {
      const auto tweet = decode_avro_tweet(*record->value);
      ASSERT_TRUE(tweet);
      const auto id = parse_tweet_id(tweet->tweet_id);
      ASSERT_TRUE(id);
      if (!records.emplace(*id, std::pair(std::string(tweet->text), partition)).second) ++doubled;
      if (id->sequence < next[id->stream]) ++disordered;
      next[id->stream] = id->sequence + 1;
    }
  }
};

/// An outlet that decides each batch at the next turn, by a seed; nothing of it sleeps.
class SeededOutlet final : public kafka::Outlet {
 public:
  SeededOutlet(Collected& into, kafka::DeliveryListener& listener, const Clock& clock,
               double failing, std::uint64_t seed)
      : into_(into), listener_(listener), clock_(clock), failing_(failing), random_(seed) {}

  std::optional<Slot> reserve(std::int32_t, std::size_t bytes_max) override {
    if (submitted_.size() >= 3 || random_.below(5) == 0 || into_.dead() || into_.waits())
      return std::nullopt;
    buffer_.resize(bytes_max);
    return Slot{.bytes = buffer_, .index = 0};
  }
  void submit(const Slot&, const kafka::OutBatch& batch) override {
    submitted_.push_back({batch, ByteVec(buffer_.begin(), buffer_.begin() + batch.size)});
  }
  void turn(Nanos) override {
    if (!submitted_.empty()) decide();
  }
  std::size_t pending() const override { return submitted_.size(); }
  void close(Nanos) override {
    while (!submitted_.empty()) decide();
  }

 private:
  void decide() {
    auto [batch, bytes] = std::move(submitted_.front());
    submitted_.erase(submitted_.begin());
    const double fate = random_.unit();
    kafka::Delivery delivery{.at = clock_.now()};
    if (fate < failing_ / 2) {
      delivery.outcome = kafka::Outcome::kFailed;
      return listener_.on_delivery(batch, delivery);
    }
    delivery.outcome = kafka::Outcome::kWritten;
    listener_.on_delivery(batch, delivery);
    into_.add(bytes, batch.partition);
    delivery.outcome = fate < failing_ ? kafka::Outcome::kUnknown : kafka::Outcome::kAcknowledged;
    listener_.on_delivery(batch, delivery);
  }

  Collected& into_;
  kafka::DeliveryListener& listener_;
  const Clock& clock_;
  const double failing_;
  Random random_;
  ByteVec buffer_;
  std::vector<std::pair<kafka::OutBatch, ByteVec>> submitted_;
};

struct Trial {
  std::uint64_t total = 20'000;
  int threads = 1;
  std::uint32_t shard = 0, shards = 1;
  double failing = 0;
  std::size_t batch_bytes_max = 1 << 16;
  int claims_kept = std::numeric_limits<int>::max();  // further ones are lost with the process
  std::optional<TakenUp> earlier = std::nullopt;
};

struct TrialResult {
  Account account;
  std::uint64_t latencies = 0;
  ClaimedRun claimed;
};

constexpr Numbering kNumbering{.batch_size = 700, .streams = 10};

TrialResult run_trial(const Trial& trial, Collected& into) {
  SystemClock clock;
  NoLog log;
  const TweetGenerator generator(TweetSettings{.seed = 5, .numbering = kNumbering});
  const MixBook mixes(
      *Mix::fixed({50 * Percent::kOne}, {30 * Percent::kOne}, {20 * Percent::kOne}));
  RunSettings settings{.total = trial.total,
                       .threads = trial.threads,
                       .shard = trial.shard,
                       .shards = trial.shards,
                       .batch_bytes_max = trial.batch_bytes_max,
                       .claim_interval = kMillisecond};
  settings.claim = {.run = 77, .topic = "t", .partitions = 5, .streams = 10, .batch_size = 700};
  settings.claim.brands = {{"SuperCoffee", 1}};
  TrialResult result;
  std::mutex claims_mutex;
  std::uint64_t seed = 0;
  int published = 0;
  RunParts parts;
  parts.earlier = trial.earlier;
  parts.make_filler = [&] {
    return std::make_unique<TweetFiller>(TweetFillerSettings{.run = 77}, generator, mixes);
  };
  parts.make_outlet =
      [&](kafka::DeliveryListener& listener) -> Result<std::unique_ptr<kafka::Outlet>> {
    return std::unique_ptr<kafka::Outlet>(
        new SeededOutlet(into, listener, clock, trial.failing, ++seed));
  };
  parts.publish = [&](const RunClaim& run, const ClaimChanges& changes) -> Status {
    const std::lock_guard lock(claims_mutex);
    if (into.dead() || published++ >= trial.claims_kept) return Done{};
    const std::lock_guard topic_lock(into.mutex);
    for (ClaimRecord& record : to_records(run, changes))
      into.claims[record.key] = std::move(record.value);
    result.claimed.run = run;
    for (const StreamClaim& stream : changes.streams)
      result.claimed.streams[stream.stream] = stream;
    for (const WindowClaim& window : changes.windows)
      result.claimed.windows[{window.stream, window.seconds, window.window, window.part}] = window;
    return Done{};
  };
  auto run = Run::start(settings, std::move(parts), clock, log);
  EXPECT_TRUE(run.ok());
  while (!(*run)->finished() && !into.dead()) std::this_thread::yield();
  (*run)->stop();
  result.account = (*run)->account();
  result.latencies = (*run)->latency_us().count();
  return result;
}

TEST(Run, MakesEveryRecordOnceHoweverManyMakeIt) {
  Collected one;
  const TrialResult alone = run_trial({}, one);
  EXPECT_EQ(one.records.size(), 20'000u);
  EXPECT_EQ(one.doubled, 0u);
  EXPECT_EQ(one.disordered, 0u);
  EXPECT_EQ(alone.account.acknowledged, 20'000u);
  EXPECT_EQ(alone.account.scheduled, 20'000u);
  EXPECT_EQ(alone.latencies, 20'000u);
  for (std::uint64_t record = 0; record < 20'000; ++record) {
    const auto place = kNumbering.place(record);
    const auto found = one.records.find({77, place.stream, place.sequence});
    ASSERT_NE(found, one.records.end()) << "record " << record;
    ASSERT_EQ(found->second.second, static_cast<std::int32_t>(place.stream % 5));
  }

  Collected four;
  run_trial({.threads = 4}, four);
  EXPECT_EQ(four.records, one.records);

  Collected shards;
  std::uint64_t scheduled = 0;
  for (std::uint32_t shard = 0; shard < 3; ++shard) {
    const TrialResult part =
        run_trial({.threads = 2, .shard = shard, .shards = 3, .batch_bytes_max = 5000}, shards);
    EXPECT_EQ(part.account.scheduled, part.account.acknowledged) << "shard " << shard;
    scheduled += part.account.scheduled;
  }
  EXPECT_EQ(scheduled, 20'000u);
  EXPECT_EQ(shards.records, one.records);
  EXPECT_EQ(shards.doubled, 0u);
}

TEST(Run, CountsAndClaimsWhatBecameOfEachBatch) {
  for (const double failing : {0.0, 0.3, 1.0}) {
    SCOPED_TRACE(failing);
    Collected into;
    const TrialResult result = run_trial({.threads = 3, .failing = failing}, into);
    const Account& account = result.account;
    EXPECT_EQ(account.enqueued, 20'000u);
    EXPECT_EQ(account.acknowledged + account.failed + account.unknown, 20'000u);
    EXPECT_EQ(account.written, account.acknowledged + account.unknown);
    EXPECT_EQ(into.records.size(), account.written);
    EXPECT_EQ(result.latencies, 20'000u);  // failures count with the time they took
    std::uint64_t acknowledged = 0, failed = 0, unknown = 0;
    for (const auto& [stream, claim] : result.claimed.streams) {
      acknowledged += claim.acknowledged.count();
      failed += claim.failed.count();
      unknown += claim.unknown.count();
      for (const Interval& range : claim.acknowledged.intervals())
        for (std::uint64_t s = range.begin; s < range.end; ++s)
          ASSERT_TRUE(into.records.contains({77, stream, s}));
    }
    EXPECT_EQ(acknowledged, account.acknowledged);
    EXPECT_EQ(failed, account.failed);
    EXPECT_EQ(unknown, account.unknown);
    EXPECT_NE(result.claimed.run.ended_ms, 0);
  }
}

/// What a topic with these batches tells.
class LogReader final : public StageReader {
 public:
  explicit LogReader(const std::vector<ByteVec>& log) : log_(log) {}
  std::string stage() const override { return "log"; }
  Status read(StageVisitor& visitor) override {
    ByteVec scratch;
    TweetDecoder decoder;
    for (const ByteVec& batch : log_)
      visit_records(fetched(0, 0, batch), scratch, decoder, visitor);
    return Done{};
  }

 private:
  const std::vector<ByteVec>& log_;
};

ClaimBook read_book(const std::map<std::string, std::string>& claims) {
  ClaimBook book;
  for (const auto& [key, value] : claims) EXPECT_TRUE(book.add(key, value).ok()) << key;
  return book;
}

TEST(Run, GoesOnWhereAKilledOneWas) {
  Collected whole;
  run_trial({}, whole);
  std::uint64_t found = 0, claimed = 0;
  for (const std::uint64_t dies_after : {1, 10, 20})
    for (const int claims_kept : {1, 2, 4})
      for (const std::size_t batch_bytes : {5000, 1 << 16}) {
        SCOPED_TRACE(fmt::format("dies after {} batches of {} bytes, {} claims", dies_after,
                                 batch_bytes, claims_kept));
        Collected topic;
        topic.dies_after = dies_after;
        if (claims_kept > 1) topic.claimed_at = (dies_after + 1) / 2;
        run_trial({.threads = 2, .batch_bytes_max = batch_bytes, .claims_kept = claims_kept},
                  topic);
        topic.dies_after = topic.claimed_at = std::numeric_limits<std::uint64_t>::max();
        const std::uint64_t in_topic = topic.records.size();
        LogReader reader(topic.log);
        std::uint64_t scheduled = 0, taken = 0;
        for (std::uint32_t shard = 0; shard < 2; ++shard) {  // each with its own streams
          const ClaimBook book = read_book(topic.claims);
          const auto ours = [&](std::uint32_t stream) { return stream % 2 == shard; };
          auto earlier = take_up(*book.find(77), ours, reader);
          ASSERT_TRUE(earlier.ok());
          for (const StreamClaim& claim : earlier->streams) claimed += claim.acknowledged.count();
          for (const SentPiece& piece : earlier->found) found += piece.range.size();
          const TrialResult again = run_trial({.threads = 2,
                                               .shard = shard,
                                               .shards = 2,
                                               .batch_bytes_max = batch_bytes,
                                               .earlier = std::move(*earlier)},
                                              topic);
          scheduled += again.account.scheduled;
          taken += again.account.earlier.acknowledged;
          EXPECT_EQ(again.account.acknowledged, again.account.scheduled);
        }
        EXPECT_EQ(topic.records, whole.records);
        EXPECT_EQ(scheduled, 20'000u);
        EXPECT_EQ(taken, in_topic);
        // The claims of all three processes together are what the topic holds.
        const ClaimBook book = read_book(topic.claims);
        const auto verdict = verify_stage(reader, book, *book.find(77));
        ASSERT_TRUE(verdict.ok());
        EXPECT_TRUE(verdict->good());
        EXPECT_EQ(verdict->expected, 20'000u);
        EXPECT_EQ(verdict->unclaimed, 0u);
        EXPECT_EQ(verdict->not_shown, std::vector<std::string>());
      }
  EXPECT_GT(found, 0u);
  EXPECT_GT(claimed, 0u);
}

TEST(Run, RefusesMoreShardsThanStreams) {
  SystemClock clock;
  NoLog log;
  RunSettings settings{.shards = 11};
  settings.claim.streams = 10;
  const auto run = Run::start(settings, {}, clock, log);
  ASSERT_FALSE(run.ok());
  EXPECT_EQ(run.error().code, ErrorCode::kUsage);
}

}  // namespace
}  // namespace ds
