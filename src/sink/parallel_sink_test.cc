#include "sink/parallel_sink.h"

#include <gtest/gtest.h>

#include <latch>
#include <set>

#include "ledger/tweets_for_test.h"

namespace ds {
namespace {

/// Remembers what it was given, by which thread.
class Noting final : public Sink {
 public:
  explicit Noting(std::latch* all_at_once = nullptr) : all_at_once_(all_at_once) {}
  Result<Offsets> next_offsets(const LogName&) override { return Offsets(); }
  Result<Stored> store(std::span<const kafka::Fetched> batches) override {
    if (all_at_once_ != nullptr) all_at_once_->arrive_and_wait();
    for (const auto& fetched : batches) partitions.insert(fetched.from.partition);
    threads.insert(std::this_thread::get_id());
    if (fails) return *fails;
    Stored stored;
    stored.stored = batches.size();
    return stored;
  }
  std::string description() const override { return "noting"; }

  std::set<std::int32_t> partitions;
  std::set<std::thread::id> threads;
  std::optional<Error> fails;

 private:
  std::latch* all_at_once_;
};

struct Rig {
  explicit Rig(int workers, std::latch* latch = nullptr) {
    std::vector<std::unique_ptr<Sink>> sinks;
    for (int i = 0; i < workers; ++i) {
      auto sink = std::make_unique<Noting>(latch);
      noting.push_back(sink.get());
      sinks.push_back(std::move(sink));
    }
    parallel = std::make_unique<ParallelSink>(std::move(sinks));
  }
  std::vector<Noting*> noting;
  std::unique_ptr<ParallelSink> parallel;
};

std::vector<kafka::Fetched> one_of_each(std::int32_t partitions) {
  std::vector<kafka::Fetched> batches;
  for (std::int32_t p = 0; p < partitions; ++p)
    batches.push_back(fetched(p, 0, test_batch(0, static_cast<std::uint32_t>(p), 0, 1)));
  return batches;
}

TEST(ParallelSink, StoresAtOnceAndKeepsAPartitionWithItsWorker) {
  std::latch all_at_once(3);  // none goes on before all have begun
  Rig rig(3, &all_at_once);
  EXPECT_EQ(rig.parallel->store(one_of_each(8))->stored, 8u);
  EXPECT_EQ(rig.parallel->store({})->stored, 0u);
  EXPECT_EQ(rig.noting[0]->partitions, (std::set<std::int32_t>{0, 3, 6}));
  EXPECT_EQ(rig.noting[1]->partitions, (std::set<std::int32_t>{1, 4, 7}));
  EXPECT_EQ(rig.noting[2]->partitions, (std::set<std::int32_t>{2, 5}));
  for (const Noting* each : rig.noting) EXPECT_EQ(each->threads.size(), 1u);
  EXPECT_NE(rig.noting[0]->threads, rig.noting[1]->threads);
  EXPECT_EQ(rig.parallel->description(), "noting, 3 workers");
}

TEST(ParallelSink, FailsWhenOneOfThemDoes) {
  Rig rig(2);
  rig.noting[1]->fails = Error{.code = ErrorCode::kTimeout, .message = "later"};
  EXPECT_EQ(rig.parallel->store(one_of_each(4)).error().message, "later");
  rig.noting[0]->fails = Error{.code = ErrorCode::kStorage, .message = "never"};
  EXPECT_EQ(rig.parallel->store(one_of_each(4)).error().message, "never");
  rig.noting[0]->fails = rig.noting[1]->fails = std::nullopt;
  EXPECT_EQ(rig.parallel->store(one_of_each(4))->stored, 4u) << "the same call again";
}

}  // namespace
}  // namespace ds
