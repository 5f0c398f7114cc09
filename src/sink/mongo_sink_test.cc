#include "sink/mongo_sink.h"

#include <gtest/gtest.h>

#include <set>

#include "base/retry_wait.h"
#include "ledger/tweets_for_test.h"
#include "sink/letters_for_test.h"
#include "sink/scripted_mongo.h"
#include "sink/waits_for_test.h"

namespace ds {
namespace {

using How = ScriptedMongo::How;

ByteVec tweet(std::string_view text, std::uint64_t number) {
  ByteVec value;
  const std::string id = to_tweet_id({kTestRun, 0, number});
  append_avro(value, {id, kTestTime, text, "SuperCoffee", kSentimentNames[number % kSentiments]});
  return value;
}

/// B9: sixty answers, drawn from every kind; what is stored at the end is exactly what was sent and
/// may be stored, what is refused is exactly what is bad.
TEST(MongoSink, ObeysSixtyAnswers) {
  const std::vector<ScriptedMongo::Row> kinds = {
      {"all is well"},
      {"a unique index of somebody's", How::kWhole, 11000,
       "E11000 duplicate key error collection: t index: text_1 dup key"},
      {"failed validation", How::kWhole, 121},
      {"bad value", How::kWhole, 2, "BadValue"},
      {"written already", How::kWritten},
      {"no primary, for some", How::kSome, 10107, "NotWritablePrimary"},
      {"shutting down, for some", How::kSome, 91, "ShutdownInProgress"},
      {"stepped down, for some", How::kSome, 189, "PrimarySteppedDown"},
      {"no primary", How::kNone, 10107, "NotWritablePrimary"},
      {"shutting down", How::kNone, 91, "ShutdownInProgress"},
      {"stepped down", How::kNone, 189, "PrimarySteppedDown"},
      {"interrupted", How::kNone, 11600, "InterruptedAtShutdown"},
      {"time is up", How::kNone, 50, "MaxTimeMSExpired"},
      {"too large", How::kNone, 10334, "BSONObj size is invalid"},
      {"too large a message", How::kNone, 17280, "key too large"},
      {"no majority in time", How::kConcern, 64, "waiting for replication timed out"},
      {"no majority: shutting down", How::kConcern, 91, "ShutdownInProgress"},
      {"reset before the documents", How::kResetBefore},
      {"reset after the documents", How::kResetAfter},
      {"silence", How::kStall},
      {"a late yes", How::kLate},
      {"cut in mid-reply", How::kHalfReply},
  };
  const char* said = std::getenv("DATASTORM_SEED");
  const std::uint64_t seed = said != nullptr ? std::strtoull(said, nullptr, 10) : 0xb9;
  Random random(seed);
  std::vector<ScriptedMongo::Row> script(kinds.begin(), kinds.end());
  while (script.size() < 60) script.push_back(kinds[random.below(kinds.size())]);
  for (std::size_t i = script.size(); i > 1; --i) std::swap(script[i - 1], script[random.below(i)]);

  ScriptedMongo server(script);
  ManualClock clock;
  LettersForTest letters;
  Waits waits;
  auto sink = MongoSink::open(
      server.url(), {.dead_letters = &letters, .request_timeout = 300 * kMillisecond}, clock);
  ASSERT_TRUE(sink.ok()) << sink.error().message;
  (*sink)->be_patient_with(waits);
  std::uint64_t sent = 0, stored = 0;
  std::set<std::int64_t> bad;
  while (server.rows_played() < script.size() && sent < 100'000) {
    std::vector<ByteVec> values;
    const auto first = static_cast<std::int64_t>(sent);
    for (int i = 0; i < 200; ++i, ++sent) {
      const bool refuse = random.below(100) == 0;
      if (refuse) bad.insert(static_cast<std::int64_t>(sent));
      values.push_back(tweet(refuse ? ScriptedMongo::kBad : "a text with a $ and a .", sent));
    }
    const auto done = (*sink)->store(std::vector{fetched(0, first, test_batch(first, values))});
    ASSERT_TRUE(done.ok()) << done.error().message;
    stored += done->stored;
    // Nothing is said to be stored before it is.
    ASSERT_EQ(server.ids().size(), stored);
  }
  EXPECT_EQ(server.rows_played(), 60u);
  std::set<std::string> wanted;
  for (std::uint64_t i = 0; i < sent; ++i)
    if (!bad.contains(static_cast<std::int64_t>(i))) wanted.insert(fmt::format("tweets/0/{}", i));
  EXPECT_EQ(server.ids(), wanted);
  EXPECT_EQ(stored, wanted.size());
  std::set<std::int64_t> refused;
  for (const DeadLetter& letter : letters.all()) refused.insert(letter.offset);
  EXPECT_EQ(refused, bad);
  EXPECT_EQ(letters.all().size(), bad.size());
  std::set<Nanos> different;
  for (const Nanos wait : waits.times) {
    EXPECT_GE(wait, kRetryFloor) << "a busy loop";
    EXPECT_LE(wait, kRetryMax);
    different.insert(wait);
  }
  EXPECT_GT(waits.times.size(), 20u);
  EXPECT_EQ(different.size(), waits.times.size()) << "jitter";
  std::printf(
      "B9 mongo: seed %llu, 60 answers, %llu records, %zu refused, %zu waits, %zu requests\n",
      static_cast<unsigned long long>(seed), static_cast<unsigned long long>(sent), bad.size(),
      waits.times.size(), server.requests());
}

TEST(MongoSink, KnowsWhatAnErrorMeansForItsDocument) {
  using enum MongoVerdict;
  EXPECT_EQ(mongo_verdict(11000, true), kWritten);
  EXPECT_EQ(mongo_verdict(11000, false), kRefused);
  EXPECT_EQ(mongo_verdict(121, false), kRefused);
  for (const int code : {10107, 91, 64, 189, 11600, 13435})
    EXPECT_EQ(mongo_verdict(code, false), kRetry) << code;
}

TEST(MongoSink, TellsWhatIsWrongBeforeAnythingIsRead) {
  ManualClock clock;
  const auto open = [&](const std::string& url) {
    return MongoSink::open(url, {.request_timeout = kSecond}, clock);
  };
  EXPECT_EQ(open("http://127.0.0.1:1").error().code, ErrorCode::kUsage);
  const auto refused = open("mongodb://me:secret@127.0.0.1:1/brandpulse");
  EXPECT_EQ(refused.error().code, ErrorCode::kUnreachable);
  EXPECT_EQ(refused.error().message.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace ds
