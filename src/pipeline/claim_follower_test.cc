#include "pipeline/claim_follower.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "ledger/exchange.h"
#include "sink/sqlite_reader.h"

namespace ds {
namespace {

/// Hands out prepared batches, one at a poll, then nothing.
class ScriptedSource final : public kafka::Source {
 public:
  explicit ScriptedSource(std::vector<ByteVec> batches) : batches_(std::move(batches)) {}
  Status poll(Nanos, std::vector<kafka::Fetched>& into) override {
    if (at_ == batches_.size()) {
      std::this_thread::yield();
      return Done{};
    }
    auto owner = std::make_shared<const ByteVec>(batches_[at_++]);
    into.push_back({.from = {kRunsTopic, 0}, .bytes = *owner, .owner = owner});
    return Done{};
  }
  void pause(bool) override {}
  void seek(const kafka::TopicPartition&, std::int64_t) override {}
  void commit(const std::map<kafka::TopicPartition, std::int64_t>&) override {}
  std::map<kafka::TopicPartition, std::int64_t> committed() const override { return {}; }
  std::map<kafka::TopicPartition, std::int64_t> high_watermarks() const override { return {}; }
  void close(Nanos) override {}

 private:
  std::vector<ByteVec> batches_;
  std::size_t at_ = 0;
};

TEST(ClaimFollower, WritesDownWhatIsClaimedUpToTheEnd) {
  std::string name = (std::filesystem::temp_directory_path() / "claims-XXXXXX").string();
  const std::filesystem::path folder = mkdtemp(name.data());
  const std::string path = (folder / "store.db").string();
  SystemClock clock;
  NoLog log;

  // The same stream is claimed again and again; between the claims lies what is none.
  const RunClaim run{.run = 7, .topic = "tweets", .streams = 1};
  StreamClaim stream;
  stream.run = 7;
  stream.partition = 0;
  std::vector<ByteVec> batches;
  std::int64_t offset = 0;
  const auto append = [&](ByteVec batch) {
    kafka::assign_base_offset(batch, offset, 0);
    offset = kafka::BatchHeader::read(batch)->next_offset();
    batches.push_back(std::move(batch));
  };
  for (std::uint64_t i = 0; i < 20; ++i) {
    stream.acknowledged.add(i * 100, (i + 1) * 100);
    const auto claimed = claim_batches(run, {.streams = {stream}}, 1);
    for (const ByteVec& batch : *claimed) append(batch);
    kafka::RecordBatchBuilder junk({});
    junk.add({.timestamp = 1, .key = as_bytes("run/7"), .value = as_bytes("junk")});
    append(*junk.build());
  }
  auto follower = ClaimFollower::start(
      [&](kafka::AssignmentListener&) {
        return std::unique_ptr<kafka::Source>(new ScriptedSource(batches));
      },
      *RunsTable::open(path), clock, log);
  ASSERT_TRUE(follower.ok());
  (*follower)->stop({{{0, offset}}});

  const auto book = SqliteReader::open(path)->claims();
  ASSERT_TRUE(book.ok()) << book.error().message;
  ASSERT_NE(book->find(7), nullptr);
  EXPECT_EQ(book->find(7)->run, run);
  EXPECT_EQ(book->find(7)->streams.at(0), stream);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace ds
