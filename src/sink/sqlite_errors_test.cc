// B9 for SQLite: what the sink does with each of the errors that a store can answer.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "base/seed_for_test.h"
#include "ledger/tweets_for_test.h"
#include "sink/failing_vfs.h"
#include "sink/letters_for_test.h"
#include "sink/sqlite_sink.h"
#include "sink/sqlite_store.h"

namespace ds {
namespace {

using Call = FailingVfs::Call;

struct Row {
  const char* what;
  Call call;
  int code;
  ErrorCode wanted;
  bool passes() const { return wanted == ErrorCode::kTimeout; }
};

constexpr Row kKinds[] = {
    {"busy", Call::kLock, SQLITE_BUSY, ErrorCode::kTimeout},
    {"locked", Call::kLock, SQLITE_LOCKED, ErrorCode::kTimeout},
    {"full", Call::kWrite, SQLITE_FULL, ErrorCode::kTimeout},
    {"cannot write", Call::kWrite, SQLITE_IOERR_WRITE, ErrorCode::kStorage},
    {"cannot sync", Call::kSync, SQLITE_IOERR_FSYNC, ErrorCode::kStorage},
    {"read-only", Call::kWrite, SQLITE_READONLY, ErrorCode::kStorage},
    {"damaged", Call::kWrite, SQLITE_CORRUPT, ErrorCode::kCorrupt},
    {"cannot read", Call::kRead, SQLITE_IOERR_READ, ErrorCode::kStorage},
    {"cannot read what is damaged", Call::kRead, SQLITE_CORRUPT, ErrorCode::kCorrupt},
};

class Store {
 public:
  explicit Store(const std::string& path) : path_(path) {}

  std::unique_ptr<SqliteSink> open(DeadLetters& letters, std::int64_t& next) {
    auto sink =
        SqliteSink::open(path_, {.synchronous = "full", .dead_letters = &letters}, clock_, log_);
    check(sink.ok(), sink.ok() ? "" : sink.error().message);
    const auto offsets = (*sink)->next_offsets({"cluster"});
    check(offsets.ok(), "offsets can be read");
    next = offsets->contains({"tweets", 0}) ? offsets->at({"tweets", 0}) : 0;
    return std::move(sink).value();
  }
  std::int64_t ask(const std::string& sql) {
    auto db = open_store_for_reading(path_);
    check(db.ok(), db.ok() ? "" : db.error().message);
    const auto number = db->number(sql);
    check(number.ok(), number.ok() ? "" : number.error().message);
    return *number;
  }

 private:
  const std::string path_;
  ManualClock clock_;
  NoLog log_;
};

/// Sixty errors, drawn from every kind, each at a call drawn at random. After each of them rows and
/// offset are those from before it, or all of the batch (a commit that was made and not known).
TEST(SqliteSink, ObeysSixtyErrors) {
  const std::uint64_t seed = seed_for_test(0xb9);
  Random random(seed);
  std::string folder = (std::filesystem::temp_directory_path() / "errors-XXXXXX").string();
  folder = mkdtemp(folder.data());

  FailingVfs vfs;
  Store store(folder + "/store.db");
  LettersForTest letters;
  std::int64_t next = 0;
  auto sink = store.open(letters, next);
  constexpr int kErrors = 60, kBatch = 500;
  int met = 0, passed = 0, ended = 0;
  std::set<std::int64_t> bad;
  for (int turn = 0; met < kErrors && turn < 1000; ++turn) {
    std::vector<ByteVec> values;
    for (int i = 0; i < kBatch; ++i) {
      const bool refuse = mix_bits(seed + static_cast<std::uint64_t>(next + i)) % 100 == 0;
      if (refuse) bad.insert(next + i);
      values.push_back(refuse ? ByteVec(7, 0xff)
                              : test_tweet(0, static_cast<std::uint64_t>(next + i)));
    }
    const std::vector batches{fetched(0, next, test_batch(next, values))};
    const std::int64_t rows = store.ask("select count(*) from tweets");
    const Row& row = kKinds[turn % std::size(kKinds)];
    SCOPED_TRACE(fmt::format("turn {}: {}", turn, row.what));
    // Reads are rare once the pages are in memory; a cold connection makes some.
    if (row.call == Call::kRead) sink = store.open(letters, next);
    vfs.fail(row.call, 1 + static_cast<int>(random.below(row.call == Call::kWrite ? 4 : 1)),
             row.code, row.passes());
    auto stored = sink->store(batches);
    const int times = vfs.heal();
    const std::int64_t now = store.ask("select count(*) from tweets");
    // The offset never lies ahead of the rows.
    ASSERT_EQ(store.ask("select ifnull(max(next_offset), 0) from offsets"),
              now == rows ? next : next + kBatch)
        << rows << " rows, now " << now << ", the fault was met " << times
        << " times: " << (stored ? "stored" : stored.error().message);
    if (times > 0 && !stored) {
      ++met;
      EXPECT_EQ(stored.error().code, row.wanted) << stored.error().message;
      EXPECT_EQ(now, rows) << "nothing of it is stored";
      if (row.passes()) {
        ++passed;
        stored = sink->store(batches);  // the same call again
      } else {
        ++ended;  // the pipeline ends with the reason, and somebody starts it again
        sink = store.open(letters, next);
        stored = sink->store(batches);
      }
    }
    ASSERT_TRUE(stored.ok()) << stored.error().message;
    next += kBatch;
    ASSERT_EQ(store.ask("select count(*) from tweets"),
              next - static_cast<std::int64_t>(bad.size()));
  }
  EXPECT_GE(met, kErrors);
  EXPECT_GT(passed, 10);
  EXPECT_GT(ended, 10);
  EXPECT_EQ(store.ask("select count(distinct offset) from tweets"),
            next - static_cast<std::int64_t>(bad.size()));
  EXPECT_EQ(store.ask("select count(distinct tweetId) from tweets"),
            next - static_cast<std::int64_t>(bad.size()));
  std::set<std::int64_t> refused;  // a letter may repeat
  for (const DeadLetter& letter : letters.all()) refused.insert(letter.offset);
  EXPECT_EQ(refused, bad);
  std::printf(
      "B9 sqlite: seed %llu, %d errors met, %d of them pass, %d end it, %lld records, %zu "
      "refused\n",
      static_cast<unsigned long long>(seed), met, passed, ended, static_cast<long long>(next),
      bad.size());
  sink.reset();
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace ds
