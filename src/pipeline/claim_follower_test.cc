#include "pipeline/claim_follower.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/check.h"
#include "ledger/exchange.h"
#include "sink/sqlite.h"
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

class ClaimFollowerTest : public testing::Test {
 protected:
  ClaimFollowerTest() {
    std::string name = (std::filesystem::temp_directory_path() / "claims-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    stream_.run = run_.run;
    stream_.partition = 0;
  }
  ~ClaimFollowerTest() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return (folder_ / "store.db").string(); }
  void append(ByteVec batch) {
    kafka::assign_base_offset(batch, offset_, 0);
    offset_ = kafka::BatchHeader::read(batch)->next_offset();
    batches_.push_back(std::move(batch));
  }
  /// The stream has a hundred records more, and says so.
  std::vector<ByteVec> claim_more() {
    const auto at = stream_.acknowledged.count();
    stream_.acknowledged.add(at, at + 100);
    return *claim_batches(run_, {.streams = {stream_}}, 1);
  }
  std::unique_ptr<ClaimFollower> follow() {
    auto follower = ClaimFollower::start(
        [&](kafka::AssignmentListener&) {
          return std::unique_ptr<kafka::Source>(new ScriptedSource(batches_));
        },
        *RunsTable::open(path()), clock_, log_);
    check(follower.ok(), "a follower starts");
    return std::move(follower).value();
  }
  void expect_claimed(const StreamClaim& stream) {
    const auto book = SqliteReader::open(path())->claims();
    ASSERT_TRUE(book.ok()) << book.error().message;
    ASSERT_NE(book->find(run_.run), nullptr);
    EXPECT_EQ(book->find(run_.run)->run, run_);
    EXPECT_EQ(book->find(run_.run)->streams.at(0), stream);
  }

  std::filesystem::path folder_;
  SystemClock clock_;
  NoLog log_;
  const RunClaim run_{.run = 7, .topic = "tweets", .streams = 1};
  StreamClaim stream_;
  std::vector<ByteVec> batches_;
  std::int64_t offset_ = 0;
};

TEST_F(ClaimFollowerTest, WritesDownWhatIsClaimedUpToTheEnd) {
  // The same stream is claimed again and again; between the claims lies what is none.
  for (std::uint64_t i = 0; i < 20; ++i) {
    for (const ByteVec& batch : claim_more()) append(batch);
    kafka::RecordBatchBuilder junk({});
    junk.add({.timestamp = 1, .key = as_bytes("run/7"), .value = as_bytes("junk")});
    append(*junk.build());
  }
  follow()->stop({{{0, offset_}}});
  expect_claimed(stream_);
}

TEST_F(ClaimFollowerTest, BelievesNoDamagedBatch) {
  for (const ByteVec& batch : claim_more()) append(batch);
  const StreamClaim sound = stream_;
  constexpr std::size_t kChecksumAt = 17;
  for (ByteVec& batch : claim_more()) {
    batch[kChecksumAt] ^= 1;
    append(batch);
  }
  follow()->stop({{{0, offset_}}});
  expect_claimed(sound);
}

TEST_F(ClaimFollowerTest, KeepsWhatTheStoreDoesNotTakeYet) {
  for (const ByteVec& batch : claim_more()) append(batch);
  const auto follower = follow();
  auto other = sqlite::Database::open(path(), sqlite::Database::Mode::kCreate);
  ASSERT_TRUE(other
                  ->exec("create trigger busy before insert on runs "
                         "begin select raise(abort, 'not now'); end")
                  .ok());
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));  // it writes once a second
  ASSERT_TRUE(other->exec("drop trigger busy").ok());
  follower->stop({{{0, offset_}}});
  expect_claimed(stream_);
}

}  // namespace
}  // namespace ds
