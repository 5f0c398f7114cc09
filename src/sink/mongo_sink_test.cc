#include "sink/mongo_sink.h"

#include <gtest/gtest.h>

#include <set>

#include "base/retry_wait.h"
#include "sink/mongo_reader.h"
#include "sink/scripted_mongo.h"
#include "sink/sixty_answers_for_test.h"

namespace ds {
namespace {

using How = ScriptedMongo::How;

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
  SixtyAnswers answers;
  ScriptedMongo server(answers.draw(kinds));
  ManualClock clock;
  auto sink = MongoSink::open(
      server.url(), {.dead_letters = &answers.letters(), .request_timeout = 300 * kMillisecond},
      clock);
  ASSERT_TRUE(sink.ok()) << sink.error().message;
  answers.play(**sink, server, "a text with a $ and a .", ScriptedMongo::kBad,
               [&] { return server.ids().size(); });
  answers.judge("mongo", server, kRetryMax);
  std::set<std::string> wanted;
  for (std::uint64_t i = 0; i < answers.sent(); ++i)
    if (!answers.bad().contains(static_cast<std::int64_t>(i)))
      wanted.insert(fmt::format("tweets/0/{}", i));
  EXPECT_EQ(server.ids(), wanted);
}

TEST(MongoSink, KnowsWhatAnErrorMeansForItsDocument) {
  using enum MongoVerdict;
  EXPECT_EQ(mongo_verdict(11000, true), kWritten);
  EXPECT_EQ(mongo_verdict(11000, false), kRefused);
  EXPECT_EQ(mongo_verdict(121, false), kRefused);
  for (const int code : {10107, 91, 64, 189, 11600, 13435})
    EXPECT_EQ(mongo_verdict(code, false), kRetry) << code;
}

struct SeesNothing final : StageVisitor {
  void tweet(const TweetView&) override {}
  void payload(const RecordId&, std::uint64_t, std::int64_t) override {}
  void identities(std::uint64_t, std::uint32_t, Interval) override {}
  void rollup(std::int64_t, std::string_view, std::string_view, std::uint64_t) override {}
  void foreign(std::uint64_t) override {}
};

TEST(MongoReader, WaitsForAServerThatSorts) {
  ScriptedMongo server({});
  auto reader = MongoReader::open(server.url(),
                                  {.request_timeout = ScriptedMongo::kSearchMs / 3 * kMillisecond});
  ASSERT_TRUE(reader.ok()) << reader.error().message;
  SeesNothing nothing;
  const Status read = (*reader)->read(nothing);
  EXPECT_TRUE(read.ok()) << read.error().message;
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
