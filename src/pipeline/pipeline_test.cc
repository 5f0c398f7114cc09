#include "pipeline/pipeline.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "ledger/verify.h"
#include "pipeline/log_for_test.h"
#include "sink/none_sink.h"
#include "sink/sqlite_reader.h"
#include "sink/sqlite_sink.h"
#include "sink/wrapped_sink.h"

namespace ds {
namespace {

constexpr Nanos kPatience = 20 * kSecond;  // a hung pipeline fails, it does not hang the tests
const kafka::TopicPartition kFirst{"tweets", 0};

/// A real sink behind a gate: the test says when, and how often, it may store.
class GatedSink final : public WrappedSink {
 public:
  GatedSink(std::unique_ptr<Sink> sink, std::function<void(int)> before)
      : WrappedSink(std::move(sink)), before_(std::move(before)) {}
  Result<Stored> store(std::span<const kafka::Fetched> batches) override {
    before_(calls_++);
    if (fail_) return *std::exchange(fail_, std::nullopt);
    return WrappedSink::store(batches);
  }
  void fail_next(Error error) { fail_ = std::move(error); }

 private:
  std::function<void(int)> before_;
  std::optional<Error> fail_;
  int calls_ = 0;
};

class PipelineTest : public testing::Test {
 protected:
  PipelineTest() {
    std::string name = (std::filesystem::temp_directory_path() / "pipeline-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~PipelineTest() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return (folder_ / "store.db").string(); }
  std::unique_ptr<Sink> sqlite(const SinkSettings& settings = {}) {
    auto sink = SqliteSink::open(path(), settings, clock_, no_log_);
    check(sink.ok(), sink.ok() ? "" : sink.error().message);
    return std::move(sink).value();
  }
  std::unique_ptr<Pipeline> start(PipelineSettings settings, std::unique_ptr<Sink> sink) {
    return start(std::move(settings), one(std::move(sink)));
  }
  std::unique_ptr<Pipeline> start(PipelineSettings settings,
                                  std::vector<std::unique_ptr<Sink>> sinks) {
    settings.cluster_id = "cluster";
    settings.commit_interval = 0;
    PipelineParts parts;
    parts.sinks = std::move(sinks);
    parts.make_source = [this](kafka::AssignmentListener& listener) {
      return std::unique_ptr<kafka::Source>(new SourceForTest(log_, listener));
    };
    auto pipeline = Pipeline::start(settings, std::move(parts), clock_, no_log_);
    check(pipeline.ok(), "a pipeline starts");
    return std::move(pipeline).value();
  }
  PipelineSettings until_end() { return {.until = log_.ends()}; }

  /// What the store holds against all that was appended.
  Verdict verify() {
    ClaimedRun claimed;
    claimed.run.run = kTestRun;
    for (const auto& [partition, end] : log_.ends()) {
      StreamClaim& claim = claimed.streams[static_cast<std::uint32_t>(partition.partition)];
      claim.stream = static_cast<std::uint32_t>(partition.partition);
      claim.partition = partition.partition;
      claim.acknowledged.add(0, static_cast<std::uint64_t>(end));
    }
    auto reader = SqliteReader::open(path());
    check(reader.ok(), "the store can be read");
    return *verify_store(*reader, claimed);
  }

  std::filesystem::path folder_;
  SystemClock clock_;
  NoLog no_log_;
  LogForTest log_;
};

TEST_F(PipelineTest, StoresEverythingOnceAndCommitsIt) {
  for (int round = 0; round < 20; ++round)
    for (std::uint32_t stream = 0; stream < 4; ++stream) log_.append(stream, 100);
  auto pipeline = start(until_end(), sqlite());
  ASSERT_TRUE(pipeline->wait(kPatience));
  EXPECT_TRUE(pipeline->outcome().ok());
  const PipelineAccount account = pipeline->account();
  EXPECT_EQ(account.state, PipelineState::kDone);
  EXPECT_EQ(account.read, 8000u);
  EXPECT_EQ(account.stored, 8000u);
  EXPECT_EQ(account.committed, 8000u);
  EXPECT_EQ(account.lag, 0u);
  EXPECT_EQ(account.stored_us.count(), 8000u);
  EXPECT_EQ(account.by_brand.at("SuperCoffee")[0], 2668u);
  EXPECT_EQ(log_.committed(), log_.ends());
  EXPECT_TRUE(verify().good());
}

TEST_F(PipelineTest, EndsWhereItWasToldTo) {
  for (int i = 0; i < 50; ++i) log_.append(0, 100);
  const struct {
    const char* what;
    PipelineSettings settings;
    std::uint64_t stored;
  } cases[] = {
      {"total, at a batch's end", {.total = 1000}, 1000},
      {"total, within a batch", {.total = 1001}, 1100},
      {"what is left, to the end", {.until = log_.ends()}, 2900},
      {"nothing is left", {.until = log_.ends()}, 0},
  };
  for (const auto& [what, settings, stored] : cases) {
    SCOPED_TRACE(what);
    auto pipeline = start(settings, sqlite());
    ASSERT_TRUE(pipeline->wait(kPatience));
    EXPECT_EQ(pipeline->account().stored, stored);
  }
  EXPECT_TRUE(verify().good());
}

TEST_F(PipelineTest, WithoutAStoresOffsetsTheGroupsCount) {
  for (int i = 0; i < 10; ++i) log_.append(0, 100);
  for (const std::uint64_t stored : {300u, 700u, 0u}) {
    PipelineSettings settings = until_end();
    if (stored == 300) settings = {.total = 300};
    auto pipeline = start(settings, std::make_unique<NoneSink>());
    ASSERT_TRUE(pipeline->wait(kPatience));
    EXPECT_EQ(pipeline->account().stored, stored);
  }
}

TEST_F(PipelineTest, StopDrainsWhatIsFetched) {
  log_.append(0, 100);
  std::mutex gate;
  std::unique_lock closed(gate);
  std::atomic<bool> inside{false};
  auto pipeline = start({}, std::make_unique<GatedSink>(sqlite(), [&](int) {
                          inside = true;
                          inside.notify_all();
                          const std::lock_guard wait(gate);
                        }));
  inside.wait(false);
  for (int i = 0; i < 5; ++i) log_.append(0, 100);
  while (pipeline->account().read < 600) std::this_thread::yield();
  std::jthread stopper([&] { pipeline->stop(); });
  closed.unlock();
  stopper.join();
  EXPECT_EQ(pipeline->account().stored, 600u);
  EXPECT_EQ(log_.committed().at(kFirst), 600);
}

TEST_F(PipelineTest, CommitsWhatTheSlowestSinkHasStored) {
  for (int i = 0; i < 5; ++i) log_.append(0, 100);
  for (const bool slow_is_first : {true, false}) {
    std::filesystem::remove(path());
    std::mutex gate;
    std::unique_lock closed(gate);
    auto sinks = one(std::make_unique<GatedSink>(sqlite(), [&](int call) {
      if (call == 1) const std::lock_guard wait(gate);
    }));
    sinks.push_back(std::make_unique<NoneSink>());
    if (!slow_is_first) std::swap(sinks[0], sinks[1]);
    auto pipeline = start({.store_bytes_max = 1}, std::move(sinks));
    const std::size_t fast = slow_is_first ? 1 : 0;
    while (pipeline->account().sinks[fast].sum.stored < 500) std::this_thread::yield();
    while (log_.committed().empty()) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // for another commit, too far
    EXPECT_EQ(log_.committed().at(kFirst), 100);
    closed.unlock();
    pipeline->stop();
    EXPECT_EQ(log_.committed(), log_.ends());
    log_.forget_commits();
  }
}

TEST_F(PipelineTest, StoresNothingOfWhatAnotherHas) {
  for (int i = 0; i < 10; ++i)
    for (std::uint32_t stream = 0; stream < 2; ++stream) log_.append(stream, 100);
  auto pipeline = start({.flush = 600 * kSecond}, sqlite());  // all is queued until it stops
  while (pipeline->account().read < 2000) std::this_thread::yield();
  log_.take_away(1);
  while (!log_.given_up()) std::this_thread::yield();
  pipeline->stop();
  EXPECT_EQ(pipeline->account().stored, 1000u);
  EXPECT_EQ(log_.committed(), (Sink::Offsets{{kFirst, 1000}}));
}

TEST_F(PipelineTest, DoesNotTakeTheGroupBackToWhereItOnceLeftAPartition) {
  for (std::uint32_t stream = 0; stream < 2; ++stream) log_.append(stream, 100);
  auto pipeline = start({}, std::make_unique<NoneSink>());
  const auto goes_on = [this] {  // a whole round: read, stored, committed
    log_.append(0, 10);
    while (log_.committed()[kFirst] != log_.ends()[kFirst]) std::this_thread::yield();
  };
  while (log_.committed() != log_.ends()) std::this_thread::yield();
  log_.take_away(1);
  while (!log_.given_up()) std::this_thread::yield();
  goes_on();
  log_.append(1, 50);
  log_.commit_as_another(1, 150);
  goes_on();
  log_.give_back();  // and nothing new comes in it
  goes_on();
  goes_on();
  pipeline->stop();
  EXPECT_EQ(log_.committed(), log_.ends());
}

TEST_F(PipelineTest, LosesAndDoublesNothingWhenKilledBetweenStoreAndCommit) {
  log_.lose_commits();  // each consumer dies before its commits arrive
  for (int life = 0; life < 30; ++life) {
    for (std::uint32_t stream = 0; stream < 3; ++stream) log_.append(stream, 50);
    auto pipeline = start(life % 2 == 0 ? until_end() : PipelineSettings{.total = 60}, sqlite());
    ASSERT_TRUE(pipeline->wait(kPatience));
  }
  ASSERT_TRUE(start(until_end(), sqlite())->wait(kPatience));
  EXPECT_TRUE(log_.committed().empty());
  const Verdict verdict = verify();
  EXPECT_TRUE(verdict.good());
  EXPECT_EQ(verdict.found, 30u * 3 * 50);
}

TEST_F(PipelineTest, StoresNothingTwiceWhenAnotherConsumerWritesMeanwhile) {
  for (int i = 0; i < 20; ++i) log_.append(0, 100);
  auto pipeline = start(until_end(), std::make_unique<GatedSink>(sqlite(), [&](int call) {
                          if (call > 0) return;
                          // While the first is frozen its heir stores a part.
                          auto heir = start({.total = 700}, sqlite());
                          check(heir->wait(kPatience), "the heir ends");
                        }));
  ASSERT_TRUE(pipeline->wait(kPatience));
  EXPECT_TRUE(pipeline->outcome().ok());
  EXPECT_EQ(pipeline->account().errors, 1u);
  EXPECT_EQ(pipeline->account().stored, 1300u);
  const Verdict verdict = verify();
  EXPECT_TRUE(verdict.good());
  EXPECT_EQ(verdict.found, 2000u);
}

TEST_F(PipelineTest, AFrozenSinkCostsNoMemoryAndLosesNothing) {
  for (int i = 0; i < 200; ++i) log_.append(0, 100);
  const std::size_t batch = test_batch(0, 0, 0, 100).size();
  std::mutex gate;
  std::unique_lock closed(gate);
  PipelineSettings settings = until_end();
  settings.queue_bytes_max = 10 * batch;
  settings.store_bytes_max = 4 * batch;
  auto pipeline = start(settings, std::make_unique<GatedSink>(
                                      sqlite(), [&](int) { const std::lock_guard wait(gate); }));
  while (pipeline->account().state != PipelineState::kPaused) std::this_thread::yield();
  const PipelineAccount frozen = pipeline->account();
  EXPECT_LE(frozen.queue_bytes, 11 * batch);
  EXPECT_LE(frozen.read, 1600u);
  EXPECT_EQ(frozen.stored, 0u);
  closed.unlock();
  ASSERT_TRUE(pipeline->wait(kPatience));
  EXPECT_EQ(pipeline->account().stored, 20'000u);
  EXPECT_TRUE(verify().good());
}

TEST_F(PipelineTest, TriesAgainWhatMayPassAndStopsAtWhatWillNot) {
  for (int i = 0; i < 5; ++i) log_.append(0, 100);
  const struct {
    ErrorCode code;
    bool passes;
  } cases[] = {{ErrorCode::kCorrupt, false}, {ErrorCode::kTimeout, true}};
  for (const auto& [code, passes] : cases) {
    std::filesystem::remove(path());
    GatedSink* gated = nullptr;
    auto sink = std::make_unique<GatedSink>(sqlite(), [&](int call) {
      if (call == 0) gated->fail_next({.code = code, .message = "the store is ill"});
    });
    gated = sink.get();
    auto pipeline = start(until_end(), std::move(sink));
    ASSERT_TRUE(pipeline->wait(kPatience));
    EXPECT_EQ(pipeline->outcome().ok(), passes);
    EXPECT_EQ(pipeline->account().errors, 1u);
    EXPECT_EQ(pipeline->account().last_error, "the store is ill");
    EXPECT_EQ(pipeline->account().stored, passes ? 500u : 0u);
    EXPECT_EQ(pipeline->account().state, passes ? PipelineState::kDone : PipelineState::kFailed);
    EXPECT_EQ(log_.committed().empty(), !passes);
  }
  EXPECT_TRUE(verify().good());
}

TEST_F(PipelineTest, GivesUpDrainingIntoASinkThatNeverTakesIt) {
  log_.append(0, 100);
  GatedSink* gated = nullptr;
  auto sink = std::make_unique<GatedSink>(sqlite(), [&](int) {
    gated->fail_next({.code = ErrorCode::kTimeout, .message = "the disk is full"});
  });
  gated = sink.get();
  auto pipeline = start({.drain_timeout = 0}, std::move(sink));
  while (pipeline->account().state != PipelineState::kRetrying) std::this_thread::yield();
  pipeline->stop();
  ASSERT_FALSE(pipeline->outcome().ok());
  EXPECT_NE(pipeline->outcome().error().message.find("the disk is full"), std::string::npos);
  EXPECT_TRUE(log_.committed().empty());
  EXPECT_TRUE(start(until_end(), sqlite())->wait(kPatience));
  EXPECT_TRUE(verify().good());
}

TEST_F(PipelineTest, KeepsUpWithALogThatGrows) {
  auto pipeline =
      start({.flush = kMillisecond, .total = 10'000}, sqlite({.store = StoreAs::kBoth}));
  for (int i = 0; i < 50; ++i)
    for (std::uint32_t stream = 0; stream < 2; ++stream) log_.append(stream, 100);
  ASSERT_TRUE(pipeline->wait(kPatience));
  EXPECT_TRUE(verify().good());
}

}  // namespace
}  // namespace ds
