#include "kafka/client/direct_outlet.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "kafka/client/direct_producer.h"
#include "kafka/client/scripted_broker.h"

namespace ds::kafka {
namespace {

/// Notes what became of each token, and that it was told as outlet.h says.
class Deliveries final : public DeliveryListener {
 public:
  explicit Deliveries(Acks acks) : acks_(acks) {}
  void on_delivery(const OutBatch& batch, const Delivery& delivery) override {
    if (delivery.outcome == Outcome::kWritten) {
      EXPECT_TRUE(written.insert(batch.token).second) << "written told twice";
      if (acks_ != Acks::kNone) return;
    }
    EXPECT_TRUE(outcomes.emplace(batch.token, delivery.outcome).second) << "decided twice";
    errors[batch.token] = delivery.error;
  }
  std::size_t count(Outcome outcome) const {
    return static_cast<std::size_t>(
        std::count_if(outcomes.begin(), outcomes.end(),
                      [&](const auto& each) { return each.second == outcome; }));
  }
  std::set<std::uint64_t> written;
  std::map<std::uint64_t, Outcome> outcomes;
  std::map<std::uint64_t, std::int16_t> errors;

 private:
  Acks acks_;
};

/// A worker with a clock of its own, which moves a millisecond a turn: no test waits for time
/// limits in real time longer than its turns take.
class Worker {
 public:
  Worker(ScriptedCluster& cluster, ProducerSettings settings)
      : settings_(std::move(settings)), deliveries(settings_.acks) {
    client_.brokers = {cluster.address()};
    client_.request_timeout = 3600 * kSecond;
    settings_.topic = "t";
    settings_.batch_bytes_max = 4096;
    settings_.buffer_memory = 64 * 4096;
    settings_.retry_backoff = kMillisecond;
    settings_.retry_backoff_max = 4 * kMillisecond;
  }
  ClientSettings& client() { return client_; }

  void start() {
    auto made = make_direct_outlet(client_, settings_, deliveries, clock_, log_);
    ASSERT_TRUE(made.ok()) << made.error().message;
    outlet = std::move(*made);
  }
  void turn() {
    outlet->turn(kMillisecond);
    clock_.advance(kMillisecond);
  }
  /// Batch number `token` of two records, to partition token % partitions.
  void submit(std::uint64_t token, int partitions) {
    const auto partition = static_cast<std::int32_t>(token % static_cast<unsigned>(partitions));
    std::optional<Outlet::Slot> slot;
    while (!(slot = outlet->reserve(partition, 500))) turn();
    RecordBatchBuilder builder({.producer_id = slot->producer_id,
                                .producer_epoch = slot->producer_epoch,
                                .base_sequence = slot->base_sequence});
    for (const char* part : {"a", "b"}) {
      const std::string value = fmt::format("{}{}", token, part);
      builder.add({.timestamp = 1, .value = as_bytes(value)});
    }
    const ByteVec bytes = builder.build().value();
    std::copy(bytes.begin(), bytes.end(), slot->bytes.begin());
    outlet->submit(*slot, {.partition = partition,
                           .records = 2,
                           .size = static_cast<std::uint32_t>(bytes.size()),
                           .token = token});
    outlet->turn(0);
  }
  void finish(int turns = 20'000) {
    while (outlet->pending() > 0 && turns-- > 0) turn();
    outlet->close(clock_.now() + (turns > 0 ? 10 * kSecond : 0));
  }

 private:
  ProducerSettings settings_;

 public:
  Deliveries deliveries;
  std::unique_ptr<Outlet> outlet;

 private:
  ClientSettings client_;
  ManualClock clock_;
  NoLog log_;
};

std::vector<std::string> expected_log(int partition, int partitions, std::uint64_t batches) {
  std::vector<std::string> values;
  for (std::uint64_t token = static_cast<std::uint64_t>(partition); token < batches;
       token += static_cast<unsigned>(partitions)) {
    values.push_back(fmt::format("{}a", token));
    values.push_back(fmt::format("{}b", token));
  }
  return values;
}

/// Without idempotence a batch may be there again, right behind itself.
std::vector<std::string> without_repeats(const std::vector<std::string>& log) {
  std::vector<std::string> kept;
  for (std::size_t i = 0; i + 1 < log.size(); i += 2) {
    if (kept.size() >= 2 && kept[kept.size() - 2] == log[i]) continue;
    kept.push_back(log[i]);
    kept.push_back(log[i + 1]);
  }
  return kept;
}

struct Mode {
  const char* name;
  Acks acks;
  bool idempotent;
};
constexpr Mode kModes[] = {{"acks=1", Acks::kLeader, false},
                           {"acks=all", Acks::kAll, false},
                           {"idempotent", Acks::kAll, true}};

TEST(DirectOutlet, ASmallBatchLingersAndTheNextGoAlong) {
  struct Case {
    const char* what;
    Nanos linger;
    int turns;  // of a millisecond each, until the first two are decided
  };
  const Case cases[] = {{"no linger", 0, 0}, {"lingers", 500 * kMillisecond, 500}};
  for (const auto& [what, linger, least] : cases) {
    SCOPED_TRACE(what);
    ScriptedCluster cluster({.partitions = 1});
    Worker worker(cluster, {.linger = linger});
    worker.start();
    worker.submit(0, 1);
    for (int i = 0; i < 10; ++i) worker.turn();
    worker.submit(1, 1);
    int turns = 10;
    while (worker.deliveries.outcomes.size() < 2 && turns < 5000) worker.turn(), ++turns;
    EXPECT_EQ(worker.deliveries.count(Outcome::kAcknowledged), 2u);
    EXPECT_GE(turns, least);
    // The second was submitted ten turns after the first, and does not linger for itself.
    worker.submit(2, 1);
    EXPECT_LE(worker.outlet->pending(), 1u);
    worker.outlet->close(3600 * kSecond);  // nothing lingers at the end
    EXPECT_EQ(worker.deliveries.count(Outcome::kAcknowledged), 3u);
  }
}

TEST(DirectOutlet, LosesAndReordersNothingWhateverTheBrokerAnswers) {
  struct Case {
    const char* what;
    Fault fault;
    bool repeats;  // may appear twice without idempotence
  };
  const Case cases[] = {
      {"all is well", Fault::kNone, false},
      {"not the leader", Fault::kNotLeader, false},
      {"leader moves", Fault::kMoveLeader, false},
      {"nobody leads for a while", Fault::kForgetLeader, false},
      {"timed out in the broker", Fault::kTimedOut, true},
      {"stored already, it says", Fault::kKnown, false},
      {"cut before the append", Fault::kCutBefore, false},
      {"cut after the append", Fault::kCutAfter, true},
      {"rubbish", Fault::kRubbish, false},
      {"answer to another question", Fault::kWrongAnswer, false},
  };
  constexpr std::uint64_t kBatches = 120;
  for (const Mode& mode : kModes) {
    for (const auto& [what, fault, repeats] : cases) {
      SCOPED_TRACE(fmt::format("{}, {}", mode.name, what));
      ScriptedCluster cluster({.nodes = 2, .partitions = 4});
      cluster.on_produce = [fault = fault](int n) { return n % 11 == 5 ? fault : Fault::kNone; };
      Worker worker(cluster, {.acks = mode.acks, .idempotent = mode.idempotent});
      ASSERT_NO_FATAL_FAILURE(worker.start());
      for (std::uint64_t token = 0; token < kBatches; ++token) worker.submit(token, 4);
      worker.finish();
      EXPECT_EQ(worker.deliveries.count(Outcome::kAcknowledged), kBatches);
      EXPECT_EQ(worker.deliveries.written.size(), kBatches);
      EXPECT_GE(cluster.faults(), fault == Fault::kNone ? 0 : 10);
      for (int p = 0; p < 4; ++p) {
        auto log = cluster.log(p);
        if (repeats && !mode.idempotent) log = without_repeats(log);
        EXPECT_EQ(log, expected_log(p, 4, kBatches)) << "partition " << p;
      }
    }
  }
}

TEST(DirectOutlet, IsExactUnderRandomFaultsWhenIdempotent) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    constexpr std::uint64_t kBatches = 200;
    constexpr Fault kFaults[] = {Fault::kNotLeader, Fault::kMoveLeader, Fault::kTimedOut,
                                 Fault::kCutBefore, Fault::kCutAfter,   Fault::kWrongAnswer};
    ScriptedCluster cluster({.nodes = 3, .partitions = 2});
    cluster.on_produce = [&](int n) {
      const std::uint64_t draw = random_at(seed, static_cast<std::uint64_t>(n));
      return draw % 5 == 0 ? kFaults[(draw >> 8) % std::size(kFaults)] : Fault::kNone;
    };
    Worker worker(cluster, {.acks = Acks::kAll, .idempotent = true});
    ASSERT_NO_FATAL_FAILURE(worker.start());
    for (std::uint64_t token = 0; token < kBatches; ++token) worker.submit(token, 2);
    worker.finish();
    EXPECT_EQ(worker.deliveries.count(Outcome::kAcknowledged), kBatches);
    EXPECT_GE(cluster.faults(), 20);
    for (int p = 0; p < 2; ++p) EXPECT_EQ(cluster.log(p), expected_log(p, 2, kBatches));
  }
}

TEST(DirectOutlet, SendsNothingUnderANewIdentityThatMayBeThereUnderTheOldOne) {
  ScriptedCluster cluster({.partitions = 1});
  cluster.on_produce = [](int n) {
    return n == 3 ? Fault::kCutAfter : n == 4 ? Fault::kForgotten : Fault::kNone;
  };
  Worker worker(cluster, {.acks = Acks::kAll, .idempotent = true});
  ASSERT_NO_FATAL_FAILURE(worker.start());
  for (std::uint64_t token = 0; token < 10; ++token) {
    worker.submit(token, 1);
    while (worker.outlet->pending() > 0) worker.turn();
  }
  worker.finish();
  EXPECT_EQ(worker.deliveries.outcomes[3], Outcome::kUnknown) << "stored, cut, and then forgotten";
  EXPECT_EQ(worker.deliveries.count(Outcome::kAcknowledged), 9u);
  EXPECT_EQ(cluster.log(0), expected_log(0, 1, 10)) << "and there once";
}

TEST(DirectOutlet, GivesUpOnARefusedBatchAndGoesOn) {
  for (const Mode& mode : kModes) {
    SCOPED_TRACE(mode.name);
    ScriptedCluster cluster({.partitions = 1});
    cluster.on_produce = [](int n) { return n == 3 ? Fault::kTooLarge : Fault::kNone; };
    Worker worker(cluster, {.acks = mode.acks, .idempotent = mode.idempotent});
    ASSERT_NO_FATAL_FAILURE(worker.start());
    for (std::uint64_t token = 0; token < 30; ++token) worker.submit(token, 1);
    worker.finish();
    EXPECT_EQ(worker.deliveries.count(Outcome::kAcknowledged), 29u);
    EXPECT_EQ(worker.deliveries.count(Outcome::kFailed), 1u);
    EXPECT_EQ(worker.deliveries.outcomes[3], Outcome::kFailed);
    EXPECT_EQ(worker.deliveries.errors[3], 10);
    auto expected = expected_log(0, 1, 30);
    expected.erase(expected.begin() + 6, expected.begin() + 8);
    EXPECT_EQ(cluster.log(0), expected);
  }
}

TEST(DirectOutlet, TellsFailedFromUnknownWhenTheTimeIsUp) {
  struct Case {
    const char* what;
    Fault fault;
    bool topic_exists;
    Outcome outcome;
  };
  const Case cases[] = {
      {"never sent: no topic", Fault::kNone, false, Outcome::kFailed},
      {"always refused", Fault::kNotLeader, true, Outcome::kFailed},
      {"sent, never answered", Fault::kHang, true, Outcome::kUnknown},
      {"sent, cut", Fault::kCutBefore, true, Outcome::kUnknown},
      {"stored, cut", Fault::kCutAfter, true, Outcome::kUnknown},
  };
  for (const auto& [what, fault, topic_exists, outcome] : cases) {
    SCOPED_TRACE(what);
    ScriptedCluster cluster({.partitions = 1, .topic_exists = topic_exists});
    cluster.on_produce = [fault = fault](int) { return fault; };
    Worker worker(cluster, {.acks = Acks::kLeader, .delivery_timeout = 200 * kMillisecond});
    ASSERT_NO_FATAL_FAILURE(worker.start());
    worker.submit(0, 1);
    worker.finish(2'000);
    EXPECT_EQ(worker.deliveries.count(outcome), 1u);
    EXPECT_EQ(worker.deliveries.outcomes.size(), 1u);
  }
}

TEST(DirectOutlet, WaitsForATopicThatIsCreatedLater) {
  ScriptedCluster cluster({.partitions = 2, .topic_exists = false});
  Worker worker(cluster, {.acks = Acks::kLeader});
  ASSERT_NO_FATAL_FAILURE(worker.start());
  for (std::uint64_t token = 0; token < 10; ++token) worker.submit(token, 2);
  for (int i = 0; i < 20; ++i) worker.turn();
  EXPECT_TRUE(worker.deliveries.outcomes.empty());
  cluster.create_topic();
  worker.finish();
  EXPECT_EQ(worker.deliveries.count(Outcome::kAcknowledged), 10u);
  for (int p = 0; p < 2; ++p) EXPECT_EQ(cluster.log(p), expected_log(p, 2, 10));
}

TEST(DirectOutlet, SaysWrittenForAcksZeroOnceTheBrokerHasTakenItAll) {
  ScriptedCluster cluster({.partitions = 4});
  Worker worker(cluster, {.acks = Acks::kNone});
  ASSERT_NO_FATAL_FAILURE(worker.start());
  for (std::uint64_t token = 0; token < 100; ++token) worker.submit(token, 4);
  worker.finish();
  EXPECT_EQ(worker.deliveries.count(Outcome::kWritten), 100u);
  // close() asked a last question on each connection: the broker has appended by now.
  for (int p = 0; p < 4; ++p) EXPECT_EQ(cluster.log(p), expected_log(p, 4, 100));
}

TEST(DirectOutlet, NeverCallsAnAcksZeroBatchAcknowledged) {
  ScriptedCluster cluster({.partitions = 1});
  cluster.on_produce = [](int n) { return n % 7 == 3 ? Fault::kNotLeader : Fault::kNone; };
  Worker worker(cluster, {.acks = Acks::kNone});
  ASSERT_NO_FATAL_FAILURE(worker.start());
  for (std::uint64_t token = 0; token < 100; ++token) worker.submit(token, 1);
  worker.finish();
  EXPECT_EQ(worker.deliveries.count(Outcome::kWritten) + worker.deliveries.count(Outcome::kFailed),
            100u);
  const auto log = cluster.log(0);
  EXPECT_LT(log.size(), 200u);  // some were lost, and nothing here says otherwise
  EXPECT_TRUE(std::is_sorted(log.begin(), log.end(), [](const auto& a, const auto& b) {
    return std::pair(std::stoi(a), a.back()) < std::pair(std::stoi(b), b.back());
  }));
}

TEST(DirectOutlet, CompressesInPlaceAndTheBrokerFindsItSound) {
  for (const char* codec : {"gzip", "snappy", "lz4", "zstd"}) {
    SCOPED_TRACE(codec);
    ScriptedCluster cluster({.partitions = 1});
    Worker worker(cluster, {.acks = Acks::kAll, .idempotent = true, .compression = codec});
    ASSERT_NO_FATAL_FAILURE(worker.start());
    for (std::uint64_t token = 0; token < 20; ++token) worker.submit(token, 1);
    worker.finish();
    EXPECT_EQ(worker.deliveries.count(Outcome::kAcknowledged), 20u);
    EXPECT_EQ(cluster.log(0), expected_log(0, 1, 20));
  }
}

TEST(DirectOutlet, GivesABorrowedSlotBack) {
  ScriptedCluster cluster({.partitions = 1});
  Worker worker(cluster, {.acks = Acks::kLeader});
  ASSERT_NO_FATAL_FAILURE(worker.start());
  for (int i = 0; i < 200; ++i) {  // more often than there are slots
    const auto slot = worker.outlet->reserve(0, 100);
    ASSERT_TRUE(slot.has_value());
    worker.outlet->submit(*slot, {.partition = 0});
  }
  EXPECT_EQ(worker.outlet->pending(), 0u);
  worker.finish();
}

TEST(DirectOutlet, RefusesInWordsWhatItCannotDo) {
  struct Case {
    const char* says;
    ProducerSettings settings;
    std::map<std::string, std::string> properties;
  };
  const Case cases[] = {
      {"idempotent producing needs acks=all", {.acks = Acks::kLeader, .idempotent = true}, {}},
      {"1 to 5 requests in flight, not 6",
       {.acks = Acks::kAll, .idempotent = true, .in_flight_max = 6},
       {}},
      {"no compression brotli", {.compression = "brotli"}, {}},
      {"does not know the property foo.bar", {}, {{"foo.bar", "1"}}},
  };
  NoLog log;
  SystemClock clock;
  Deliveries deliveries(Acks::kLeader);
  for (const auto& [says, settings, properties] : cases) {
    SCOPED_TRACE(says);
    ClientSettings client{.brokers = {{"127.0.0.1", 1}}};
    client.properties = properties;
    const auto outlet = make_direct_outlet(client, settings, deliveries, clock, log);
    ASSERT_FALSE(outlet.ok());
    EXPECT_EQ(outlet.error().code, ErrorCode::kUsage);
    EXPECT_NE(outlet.error().message.find(says), std::string::npos) << outlet.error().message;
  }
}

}  // namespace
}  // namespace ds::kafka
