#include "sink/sqlite_sink.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <latch>
#include <thread>

#include "ledger/tweets_for_test.h"
#include "ledger/verify.h"
#include "sink/letters_for_test.h"
#include "sink/sqlite_reader.h"
#include "sink/sqlite_store.h"

namespace ds {
namespace {

class SqliteSinkTest : public testing::Test {
 protected:
  SqliteSinkTest() {
    std::string name = (std::filesystem::temp_directory_path() / "sink-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~SqliteSinkTest() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return (folder_ / "store.db").string(); }

  std::unique_ptr<SqliteSink> open(const SinkSettings& settings = {}) {
    auto sink = SqliteSink::open(path(), settings, clock_, log_);
    check(sink.ok(), sink.ok() ? "" : sink.error().message);
    auto offsets = (*sink)->next_offsets({"cluster"});
    check(offsets.ok(), "offsets can be read");
    return std::move(sink).value();
  }
  Stored store(Sink& sink, std::vector<kafka::Fetched> batches) {
    auto stored = sink.store(batches);
    check(stored.ok(), stored.ok() ? "" : stored.error().message);
    return std::move(stored).value();
  }
  std::int64_t ask(const std::string& sql) {
    auto db = open_store_for_reading(path());
    check(db.ok(), db.ok() ? "" : db.error().message);
    const auto number = db->number(sql);
    check(number.ok(), number.ok() ? "" : number.error().message);
    return *number;
  }
  void change(const std::string& sql) {
    auto db = sqlite::Database::open(path(), sqlite::Database::Mode::kCreate);
    check(db.ok() && db->exec(sql).ok(), "the test's own SQL");
  }
  /// Claims `end` acknowledged records of each stream, and verifies.
  Verdict verify(std::uint64_t end, std::uint32_t streams = 1) {
    std::vector<ClaimRecord> claims;
    claims.push_back(to_record(RunClaim{.run = kTestRun}));
    for (std::uint32_t s = 0; s < streams; ++s) {
      StreamClaim claim;
      claim.run = kTestRun;
      claim.stream = s;
      claim.partition = 0;
      claim.acknowledged.add(0, end);
      for (ClaimRecord& record : to_records(claim)) claims.push_back(std::move(record));
    }
    check(RunsTable::open(path())->put(claims, 1).ok(), "claims can be put");
    auto reader = SqliteReader::open(path());
    check(reader.ok(), "the store can be read");
    const auto book = reader->claims();
    const auto run = choose_run(*book, "latest");
    return *verify_store(*reader, **run);
  }

  std::filesystem::path folder_;
  ManualClock clock_;
  NoLog log_;
};

ByteVec readings_batch(std::int64_t first, int count, bool avro) {
  kafka::RecordBatchBuilder batch({});
  for (int i = 0; i < count; ++i) {
    std::uint8_t bytes[kReadingBytesMax];
    const Reading reading{i + 0.5, 1'700'000'000'000 + i, 7, i};
    const auto* const end = avro ? put_avro(bytes, reading) : put_json(bytes, reading);
    batch.add({.timestamp = 1'700'000'000'100 + i,
               .value = ByteView(bytes, static_cast<std::size_t>(end - bytes))});
  }
  ByteVec bytes = batch.build().value();
  kafka::assign_base_offset(bytes, first, 0);
  return bytes;
}

TEST_F(SqliteSinkTest, ReadingsAreRowsOfTheirOwnTable) {
  { auto made_earlier = open(); }
  change("drop table readings");  // a store from before there were readings
  auto sink = open();
  for (const bool avro : {false, true}) {
    const std::int64_t first = avro ? 300 : 100;
    const Stored stored = store(*sink, {fetched(3, first, readings_batch(first, 200, avro))});
    EXPECT_EQ(stored.stored, 200u);
    EXPECT_EQ(stored.dead_lettered, 0u);
    EXPECT_EQ(stored.first_ms, 1'700'000'000'000);
    EXPECT_TRUE(stored.by_brand.empty());
  }
  EXPECT_EQ(ask("select count(*) from tweets"), 0);
  EXPECT_EQ(ask(fmt::format("select count(*) from readings where partition = 3"
                            " and timestamp_kafka = 1700000000100 + sequence"
                            " and timestamp_producer = 1700000000000 + sequence"
                            " and data = sequence + 0.5 and producer_id = 7"
                            " and (offset - 100) % 200 = sequence and timestamp_db = {}",
                            clock_.wall_ms())),
            400);
  EXPECT_EQ(ask("select next_offset from offsets"), 500);
  const Stored again = store(*sink, {fetched(3, 300, readings_batch(300, 250, false))});
  EXPECT_EQ(again.duplicates_suppressed, 200u);
  EXPECT_EQ(again.stored, 50u);
}

TEST_F(SqliteSinkTest, StoresEveryFieldAndTheNextOffset) {
  auto sink = open();
  const Stored stored = store(*sink, {fetched(3, 100, test_batch(100, 0, 0, 200))});
  EXPECT_EQ(stored.stored, 200u);
  EXPECT_EQ(stored.by_brand.at("SuperCoffee"), (std::array<std::uint64_t, 3>{67, 67, 66}));
  EXPECT_EQ(stored.first_ms, kTestTime);
  EXPECT_EQ(ask("select count(*) from tweets where topic='tweets' and partition=3"
                " and offset between 100 and 299 and timestamp=1700000000000 and text='a text'"
                " and brand='SuperCoffee'"),
            200);
  const std::string id = to_tweet_id({kTestRun, 0, 1});
  EXPECT_EQ(ask("select offset from tweets where sentiment='negative' and tweetId='" + id + "'"),
            101);
  EXPECT_EQ(ask("select next_offset from offsets where cluster_id='cluster' and topic='tweets'"
                " and topic_id='' and partition=3"),
            300);
  EXPECT_EQ(open()->next_offsets({"cluster"})->at({"tweets", 3}), 300);
  EXPECT_TRUE(open()->next_offsets({"another"})->empty());
}

TEST_F(SqliteSinkTest, ATopicThatWasMadeAnewBeginsAnew) {
  for (const std::string id : {"first", "second"}) {
    auto sink = SqliteSink::open(path(), {}, clock_, log_);
    EXPECT_TRUE((*sink)->next_offsets({"cluster", id})->empty());
    EXPECT_EQ(store(**sink, {fetched(0, 0, test_batch(0, 0, 0, 40))}).stored, 40u);
    EXPECT_EQ((*sink)->next_offsets({"cluster", id})->at({"tweets", 0}), 40);
  }
  EXPECT_EQ(ask("select count(*) from offsets where topic = 'tweets' and next_offset = 40"), 2);
}

TEST_F(SqliteSinkTest, SuppressesWhatItHasAlready) {
  store(*open(), {fetched(0, 0, test_batch(0, 0, 0, 100))});
  auto sink = open();
  // The group's offset was behind: half of the next batch and all of the first come again.
  const Stored again = store(*sink, {fetched(0, 50, test_batch(0, 0, 0, 100)),
                                     fetched(0, 100, test_batch(100, 0, 100, 150))});
  EXPECT_EQ(again.stored, 50u);
  EXPECT_EQ(again.duplicates_suppressed, 50u);
  const Verdict verdict = verify(150);
  EXPECT_TRUE(verdict.good());
  EXPECT_EQ(verdict.found, 150u);
}

TEST_F(SqliteSinkTest, ResetOffsetsStoresAgain) {
  store(*open(), {fetched(0, 0, test_batch(0, 0, 0, 100))});
  auto sink = SqliteSink::open(path(), {.reset_offsets = true}, clock_, log_);
  for (int asked = 0; asked < 2; ++asked) EXPECT_TRUE((*sink)->next_offsets({"cluster"})->empty());
  EXPECT_EQ(store(**sink, {fetched(0, 0, test_batch(0, 0, 0, 60))}).stored, 60u);
  EXPECT_EQ((*sink)->next_offsets({"cluster"})->at({"tweets", 0}), 60);
  EXPECT_EQ(ask("select next_offset from offsets"), 60);
  EXPECT_EQ(verify(100).duplicated, 60u);
}

TEST_F(SqliteSinkTest, RefusesATopicThatWasMadeAnew) {
  store(*open(), {fetched(0, 0, test_batch(0, 0, 0, 100))});
  std::vector anew{fetched(0, 0, test_batch(0, 0, 0, 60))};
  anew[0].high_watermark = 60;
  const auto refused = open()->store(anew);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("made anew"), std::string::npos);
  EXPECT_NE(refused.error().hint.find("--reset-offsets"), std::string::npos);
  EXPECT_EQ(store(*open({.reset_offsets = true}), anew).stored, 60u);
}

TEST_F(SqliteSinkTest, AZombieWritesNothing) {
  auto zombie = open();
  auto heir = open();
  store(*heir, {fetched(0, 0, test_batch(0, 0, 0, 100))});
  const std::vector late{fetched(0, 0, test_batch(0, 0, 0, 120))};
  const auto refused = zombie->store(late);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
  EXPECT_NE(refused.error().message.find("another consumer"), std::string::npos);
  EXPECT_EQ(ask("select count(*) from tweets"), 100);
  // Once it has read the offsets again, it goes on where the other left off.
  EXPECT_EQ(zombie->next_offsets({"cluster"})->at({"tweets", 0}), 100);
  EXPECT_EQ(store(*zombie, late).stored, 20u);
  EXPECT_FALSE(heir->store({std::vector{fetched(0, 100, test_batch(100, 0, 100, 130))}}).ok());
  EXPECT_TRUE(verify(120).good());
}

TEST_F(SqliteSinkTest, KeepsWhatIsNoTweetApartAndGoesOn) {
  std::vector<ByteVec> values;
  for (std::uint64_t i = 0; i < 10; ++i) values.push_back(test_tweet(0, i));
  values[3] = from_hex("ff ff ff");
  values[6] = {};
  ByteVec wrong_sentiment;
  append_avro(wrong_sentiment, {"id", 1, "text", "brand", "furious"});
  values[7] = wrong_sentiment;
  ByteVec bytes = test_batch(0, values);
  ByteVec damaged = test_batch(10, 0, 10, 20);
  damaged.back() ^= 1;  // the checksum no longer fits
  bytes.insert(bytes.end(), damaged.begin(), damaged.end());
  const ByteVec sound = test_batch(20, 0, 20, 30);
  bytes.insert(bytes.end(), sound.begin(), sound.end());

  LettersForTest letters;
  letters.refuse_next(1);
  const auto sink = open({.dead_letters = &letters});
  const std::vector batches{fetched(0, 0, bytes)};
  // While a letter finds no place nothing moves.
  EXPECT_EQ(sink->store(batches).error().code, ErrorCode::kTimeout);
  EXPECT_EQ(ask("select count(*) from tweets"), 0);
  const Stored stored = store(*sink, batches);
  EXPECT_EQ(stored.stored, 17u);
  EXPECT_EQ(stored.dead_lettered, 13u);
  ASSERT_EQ(letters.all().size(), 4u);
  EXPECT_EQ(letters.all()[0].offset, 3);
  EXPECT_EQ(letters.all()[0].value, from_hex("ff ff ff"));
  EXPECT_EQ(letters.all()[3].offset, 10);
  EXPECT_EQ(letters.all()[3].last_offset, 19);
  EXPECT_EQ(letters.all()[3].value, damaged);
  EXPECT_EQ(ask("select next_offset from offsets"), 30);
}

TEST_F(SqliteSinkTest, ReadsEveryCodecAndTheConfluentFrame) {
  using kafka::Compression;
  auto sink = open();
  std::int64_t offset = 0;
  for (const auto codec : {Compression::kGzip, Compression::kSnappy, Compression::kLz4,
                           Compression::kZstd, Compression::kNone}) {
    const auto first = static_cast<std::uint64_t>(offset);
    store(*sink, {fetched(0, offset, test_batch(offset, 0, first, first + 100, codec))});
    offset += 100;
  }
  ByteVec framed = from_hex("00 00000007");
  const ByteVec tweet = test_tweet(0, 500);
  framed.insert(framed.end(), tweet.begin(), tweet.end());
  store(*sink, {fetched(0, 500, test_batch(500, std::vector<ByteVec>{framed}))});
  const Verdict verdict = verify(501);
  EXPECT_TRUE(verdict.good());
  EXPECT_EQ(verdict.found, 501u);
}

TEST_F(SqliteSinkTest, RollupsCountExactlyAndStayAccountedFor) {
  for (const StoreAs as : {StoreAs::kRollup, StoreAs::kBoth}) {
    std::filesystem::remove(path());
    auto sink = open({.store = as});
    for (std::int64_t i = 0; i < 5; ++i) {
      const auto first = static_cast<std::uint64_t>(i * 1000);
      EXPECT_EQ(
          store(*sink, {fetched(0, i * 1000, test_batch(i * 1000, 0, first, first + 1000))}).stored,
          1000u);
    }
    EXPECT_EQ(ask("select count(*) from rollups"), 15);
    EXPECT_EQ(ask("select sum(count) from rollups"), 5000);
    EXPECT_EQ(ask("select count from rollups where sentiment='positive' and first_offset=2000"
                  " and last_offset=2999 and window=1700000000000 and brand='SuperCoffee'"),
              333);
    EXPECT_EQ(ask("select count(*) from tweets"), as == StoreAs::kBoth ? 5000 : 0);
    EXPECT_EQ(ask("select count(*) from accounted"), as == StoreAs::kBoth ? 0 : 1);
    const Verdict verdict = verify(5001);
    EXPECT_EQ(verdict.found, 5000u);
    EXPECT_EQ(verdict.lost, 1u);
    EXPECT_EQ(verdict.duplicated, 0u);
  }
}

TEST_F(SqliteSinkTest, VerifyNamesARowThatWasDeletedOrDoubledByHand) {
  store(*open(), {fetched(0, 0, test_batch(0, 0, 0, 1000))});
  EXPECT_TRUE(verify(1000).good());
  change(
      "delete from tweets where offset = 417; insert into tweets select * from tweets"
      " where offset = 5");
  const Verdict verdict = verify(1000);
  EXPECT_EQ(verdict.lost, 1u);
  EXPECT_EQ(verdict.duplicated, 1u);
  ASSERT_EQ(verdict.ranges.size(), 2u);
  EXPECT_EQ(verdict.ranges[0].what, "lost");
  EXPECT_EQ(verdict.ranges[0].first, 417u);
  EXPECT_EQ(verdict.ranges[1].first, 5u);
}

TEST_F(SqliteSinkTest, TrimmingForgetsRowsAndNeverTheirNumbers) {
  auto sink = open();
  constexpr std::uint64_t kBatch = 5000;
  std::int64_t offset = 0;
  for (std::uint64_t first = 0; first < 40'000; first += kBatch)
    for (std::uint32_t stream = 0; stream < 2; ++stream, offset += kBatch)
      store(*sink, {fetched(0, offset, test_batch(offset, stream, first, first + kBatch))});
  change(
      "delete from tweets where offset = 7; insert into tweets select * from tweets"
      " where offset = 3");
  const auto trimmed = sink->trim({.rows = 30'000}, 1000);
  ASSERT_TRUE(trimmed.ok()) << trimmed.error().message;
  EXPECT_EQ(ask("select count(*) from tweets"), 30'000);
  const Verdict verdict = verify(40'000, 2);
  EXPECT_EQ(verdict.found, 79'999u);
  EXPECT_EQ(verdict.lost, 1u);
  EXPECT_EQ(verdict.duplicated, 1u);
  EXPECT_EQ(verdict.disordered, 0u);
  EXPECT_LT(ask("select count(*) from accounted"), 20);
  EXPECT_EQ(verdict.not_shown.size(), 2u);
}

TEST_F(SqliteSinkTest, KeepsItsSizeWhileItStores) {
  const Keep limits[] = {{.rows = 20'000}, {.bytes = 4 << 20}, {.age_ms = 60'000}};
  for (const Keep& keep : limits) {
    std::filesystem::remove(path());
    clock_ = ManualClock();  // an hour past the tweets
    clock_.step_wall(3'600'000);
    auto sink = open({.keep = keep});
    std::uint64_t first = 0, retired = 0;
    for (; first < 200'000; first += 20'000) {
      const auto offset = static_cast<std::int64_t>(first);
      const std::vector<kafka::Fetched> batches{
          fetched(0, offset, test_batch(offset, 0, first, first + 20'000))};
      const auto stored = sink->store(batches);
      ASSERT_TRUE(stored.ok()) << stored.error().message;
      retired += stored->retired;
    }
    EXPECT_LE(ask("select count(*) from tweets"), 60'000);
    EXPECT_EQ(ask("select count(*) from tweets") + static_cast<std::int64_t>(retired), 200'000);
    EXPECT_TRUE(verify(first).good());
    EXPECT_EQ(verify(first).found, first);
  }
}

TEST_F(SqliteSinkTest, ReadsWhileAWriterIsAtWork) {
  auto sink = open();
  store(*sink, {fetched(0, 0, test_batch(0, 0, 0, 1000))});
  auto reader = SqliteReader::open(path());
  ASSERT_TRUE(reader.ok());
  const auto held_before = hold_stage(*reader);
  store(*sink, {fetched(0, 1000, test_batch(1000, 0, 1000, 2000))});
  const auto count = [](const Holdings& held) {
    return held.streams().at({kTestRun, 0}).found.count();
  };
  EXPECT_EQ(count(*held_before), 1000u);
  EXPECT_EQ(count(*hold_stage(*reader)), 1000u);  // its moment
  auto later = SqliteReader::open(path());
  EXPECT_EQ(count(*hold_stage(*later)), 2000u);
}

TEST_F(SqliteSinkTest, RefusesWhatIsNotItsOwnAndChangesNothing) {
  const struct {
    const char* what;
    std::function<void()> make;
    const char* says;
  } cases[] = {
      {"a text file", [&] { std::ofstream(path()) << std::string(4096, 'x'); },
       "is not a SQLite database"},
      {"somebody's tables", [&] { change("create table precious(x)"); }, "not DataStorm's"},
      {"somebody's meta", [&] { change("create table meta(key, value)"); }, "not DataStorm's"},
      {"a later version",
       [&] {
         open();
         change("update meta set value = 99 where key = 'schema'");
       },
       "later DataStorm"},
  };
  for (const auto& [what, make, says] : cases) {
    SCOPED_TRACE(what);
    std::filesystem::remove(path());
    make();
    const auto opened = SqliteSink::open(path(), {}, clock_, log_);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, ErrorCode::kStorage);
    EXPECT_NE(opened.error().message.find(says), std::string::npos) << opened.error().message;
    EXPECT_FALSE(opened.error().hint.empty());
  }
  EXPECT_FALSE(SqliteSink::open((folder_ / "no" / "x.db").string(), {}, clock_, log_).ok());
  EXPECT_FALSE(SqliteSink::open(path(), {.synchronous = "maybe"}, clock_, log_).ok());
}

TEST_F(SqliteSinkTest, ManyMayOpenANewFileAtOnce) {
  for (int round = 0; round < 10; ++round) {
    std::filesystem::remove(path());
    std::atomic<int> opened{0};
    std::latch together(6);
    std::vector<std::jthread> openers;
    for (int i = 0; i < 6; ++i)
      openers.emplace_back([&] {
        together.arrive_and_wait();
        const auto sink = SqliteSink::open(path(), {}, clock_, log_);
        opened += sink.ok();
        EXPECT_TRUE(sink.ok()) << sink.error().message;
      });
    openers.clear();
    EXPECT_EQ(opened, 6);
  }
}

TEST_F(SqliteSinkTest, SaysThatAnotherProgramHoldsTheLock) {
  auto sink = open();
  auto other = sqlite::Database::open(path(), sqlite::Database::Mode::kCreate);
  ASSERT_TRUE(other->exec("begin immediate").ok());
  const std::vector batches{fetched(0, 0, test_batch(0, 0, 0, 100))};
  sink->set_busy_timeout(0);
  const auto busy = sink->store(batches);
  ASSERT_FALSE(busy.ok());
  EXPECT_EQ(busy.error().code, ErrorCode::kTimeout);  // so the pipeline asks again
  EXPECT_NE(busy.error().message.find("locked"), std::string::npos);
  ASSERT_TRUE(other->exec("rollback").ok());
  EXPECT_EQ(store(*sink, batches).stored, 100u);
}

/// Files may not grow past `bytes` while it lives: what a full disk is to a program.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    old_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old_);
    rlimit limit = old_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_{};
  void (*old_handler_)(int);
};

TEST_F(SqliteSinkTest, AFailedTransactionLeavesNothingAndMayBeRepeated) {
  auto sink = open();
  store(*sink, {fetched(0, 0, test_batch(0, 0, 0, 1000))});
  const std::vector more{fetched(0, 1000, test_batch(1000, 0, 1000, 60'000))};
  {
    const FileSizeLimit limit(1 << 20);
    const auto failed = sink->store(more);
    ASSERT_FALSE(failed.ok());
    EXPECT_NE(failed.error().message.find(path()), std::string::npos);
  }
  EXPECT_EQ(ask("select count(*) from tweets"), 1000);
  EXPECT_EQ(store(*sink, more).stored, 59'000u);
  EXPECT_TRUE(verify(60'000).good());
}

TEST_F(SqliteSinkTest, SaysItWhenTheFileIsDamaged) {
  store(*open(), {fetched(0, 0, test_batch(0, 0, 0, 20'000))});
  {
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(16384 + 8);
    file << std::string(200'000, '\xff');
  }
  auto reader = SqliteReader::open(path());
  const auto held = reader.ok() ? hold_stage(*reader) : Result<Holdings>(reader.error());
  ASSERT_FALSE(held.ok());
  EXPECT_EQ(held.error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace ds
