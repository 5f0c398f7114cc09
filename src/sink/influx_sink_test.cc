#include "sink/influx_sink.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"
#include "base/retry_wait.h"
#include "sink/make_sink.h"
#include "sink/scripted_influx.h"
#include "sink/sixty_answers_for_test.h"

namespace ds {
namespace {

using How = ScriptedInflux::How;

TEST(LineWriter, WritesWhatAParserReadsBack) {
  LineWriter lines(true);
  std::string body;
  const kafka::TopicPartition from{"my topic", 3};
  lines.tweet(body, from, 17, {"id", 1, "say \"hi\" \\ there,\nyou = me", "A,b=c d", "positive"},
              Sentiment::kPositive);
  lines.rollup(body, from, 18, "A,b=c d", Sentiment::kNegative, 42, 100, 141);
  EXPECT_EQ(
      body,
      "tweets,brand=A\\,b\\=c\\ d,partition=my\\ topic/3,sentiment=positive,source=kafkaConsumer "
      "text=\"say \\\"hi\\\" \\\\ there,\nyou = me\",id=\"id\",count=1i 17\n"
      "tweets,brand=A\\,b\\=c\\ d,partition=my\\ topic/3,sentiment=negative,source=kafkaConsumer "
      "count=42i,first_offset=100i,last_offset=141i 18\n");
}

TEST(LineWriter, CutsTextsByCharacters) {
  LineWriter lines(false);
  std::string long_text, body;
  for (int i = 0; i < 300; ++i) long_text += "é";
  lines.tweet(body, {"t", 0}, 1, {"i", 1, long_text, "b", "neutral"}, Sentiment::kNeutral);
  const auto begin = body.find("text=\"") + 6;
  EXPECT_EQ(body.find('"', begin) - begin, 2 * 255u);
}

TEST(PointTimes, TellsWhatWouldOverwrite) {
  PointTimes times;
  using enum PointTimes::Verdict;
  EXPECT_EQ(times.look(1000, 5), kUnique);
  EXPECT_EQ(times.look(1000, 1'000'004), kUnique);
  EXPECT_EQ(times.look(1000, 1'000'005), kTaken);
  EXPECT_EQ(times.look(1001, 1'000'006), kUnique);
  EXPECT_EQ(times.look(1000, 1'500'000), kUnique) << "a stream that lags: in points of its own";
  EXPECT_EQ(times.look(1000, 2'499'999), kUnique) << "long after, another run";
  EXPECT_EQ(times.look(1000, 2'500'000), kTaken);
  EXPECT_EQ(times.look(1000, 1'500'000), kUnique) << "a replay of the second run";
  EXPECT_EQ(times.look(1000, 6), kUnique) << "a replay";
  EXPECT_EQ(times.look(1000 + PointTimes::kRemembered, 2'000'000), kUnique);
  EXPECT_EQ(times.look(1000, 2'000'001), kNotShown) << "too long ago to be remembered";
  EXPECT_EQ(PointTimes::time_of(1'700'000'000'123, 7'000'042), 1'700'000'000'123'000'042);
}

/// Streams of one partition that drift apart, as an overloaded storm's do, and a restart now and
/// then: a point is given to one record alone, and few that had a point of their own are refused.
TEST(PointTimes, GivesNoPointTwice) {
  Random random(58);
  for (int round = 0; round < 3; ++round) {
    PointTimes times;
    std::map<std::int64_t, std::int64_t> owner;  // of a point: an offset
    std::array<std::int64_t, 3> stream_ms{};
    std::int64_t offset = static_cast<std::int64_t>(random.below(3'000'000)), taken = 0, looks = 0;
    for (int batch = 0; batch < 4000; ++batch) {
      std::int64_t& ms = stream_ms[random.below(stream_ms.size())];
      for (int i = 0; i < 100; ++i, ++looks) {
        if (random.below(50) == 0) ++ms;
        offset += 1 + static_cast<std::int64_t>(random.below(60));  // others' records between
        const auto verdict = times.look(ms, offset);
        if (verdict == PointTimes::Verdict::kTaken) ++taken;
        if (verdict != PointTimes::Verdict::kUnique) continue;
        const auto [point, fresh] = owner.emplace(PointTimes::time_of(ms, offset), offset);
        ASSERT_EQ(point->second, offset) << "one point, two records";
        if (random.below(100) == 0) {
          ASSERT_EQ(times.look(ms, offset), PointTimes::Verdict::kUnique) << "a replay";
        }
      }
      if (random.below(40) == 0) stream_ms[random.below(stream_ms.size())] += 200;  // others lag
    }
    EXPECT_LT(taken, looks / 100) << "of " << looks;
  }
}

TEST(RetryAfter, IsReadAsHttpHasIt) {
  const std::int64_t now = 1'700'000'000'000;
  const struct {
    const char* text;
    std::optional<Nanos> wait;
  } cases[] = {{" 7\r\n", 7 * kSecond},
               {"0", Nanos{0}},
               {"Tue, 14 Nov 2023 22:13:30 GMT", 10 * kSecond},
               {"Mon, 13 Nov 2023 22:13:30 GMT", Nanos{0}},
               {"Sun, 06 Nov 2094 08:49:37 GMT", 60 * kSecond},
               {"99999999999999999999999", 60 * kSecond},
               {"3600", 60 * kSecond},
               {"soon", std::nullopt},
               {"-5", std::nullopt},
               {"1.5", std::nullopt},
               {"", std::nullopt}};
  for (const auto& [text, wait] : cases) EXPECT_EQ(parse_retry_after(text, now), wait) << text;
}

TEST(InfluxSink, ObeysSixtyAnswers) {
  const std::vector<ScriptedInflux::Row> kinds = {
      {"all is well"},
      {"refused whole", How::kReply, 400},
      {"refused in part", How::kPartial, 400},
      {"token", How::kReply, 401},
      {"rights", How::kReply, 403},
      {"no bucket", How::kReply, 404},
      {"too large", How::kReply, 413},
      {"type conflict", How::kPartial, 422},
      {"busy, seconds", How::kReply, 429, "Retry-After: 7\r\n"},
      {"busy, a date", How::kReply, 429, "Retry-After: Tue, 14 Nov 2023 22:13:30 GMT\r\n"},
      {"busy, junk", How::kReply, 429, "Retry-After: soon\r\n"},
      {"busy, huge", How::kReply, 429, "Retry-After: 99999999999999\r\n"},
      {"ill, seconds", How::kReply, 503, "Retry-After: 3\r\n"},
      {"ill, huge", How::kReply, 503, "Retry-After: 86400\r\n"},
      {"ill", How::kReply, 503},
      {"ill", How::kReply, 500},
      {"gateway", How::kReply, 502},
      {"gateway's time", How::kReply, 504},
      {"reset before the body", How::kResetBefore},
      {"reset after the body", How::kResetAfter},
      {"silence", How::kStall},
      {"a late yes", How::kLate},
      {"half an answer", How::kHalfReply},
  };
  SixtyAnswers answers;
  ScriptedInflux server(answers.draw(kinds));
  ManualClock clock;
  auto sink = InfluxSink::open(InfluxApi::kV2, server.url(),
                               {.dead_letters = &answers.letters(),
                                .influx_connections = 1,
                                .influx_points = 50,
                                .request_timeout = 300 * kMillisecond},
                               clock);
  ASSERT_TRUE(sink.ok()) << sink.error().message;
  answers.play(**sink, server, "a \"text\"\nof two lines", ScriptedInflux::kBad,
               [&] { return server.points().size(); });
  answers.judge("influx", server, 61 * kSecond);
}

TEST(InfluxSink, HalvesWhatIsTooLarge) {
  ScriptedInflux server({}, 7);
  ManualClock clock;
  LettersForTest letters;
  Waits waits;
  auto sink = InfluxSink::open(
      InfluxApi::kV2, server.url(),
      {.dead_letters = &letters, .influx_connections = 1, .influx_points = 50}, clock);
  ASSERT_TRUE(sink.ok()) << sink.error().message;
  (*sink)->be_patient_with(waits);
  const auto done = (*sink)->store(std::vector{fetched(0, 0, test_batch(0, 0, 0, 100))});
  ASSERT_TRUE(done.ok()) << done.error().message;
  EXPECT_EQ(done->stored, 100u);
  EXPECT_EQ(server.points().size(), 100u);
  EXPECT_TRUE(waits.times.empty()) << waits.whys.front();
  EXPECT_TRUE(letters.all().empty());
}

TEST(InfluxSink, TellsWhatIsWrongBeforeAnythingIsRead) {
  ManualClock clock;
  const auto open = [&](const std::string& url) {
    return InfluxSink::open(InfluxApi::kV2, url, {.request_timeout = kSecond}, clock);
  };
  EXPECT_EQ(open("localhost:8086").error().code, ErrorCode::kUsage);
  EXPECT_EQ(open("http://127.0.0.1:1").error().code, ErrorCode::kUnreachable);
}

TEST(Waiting, SpreadsOut) {
  Random random(1);
  for (int attempt = 0; attempt < 40; ++attempt)
    for (int i = 0; i < 100; ++i) {
      const Nanos wait = retry_wait(attempt, random);
      EXPECT_GE(wait, kRetryFloor);
      EXPECT_LE(wait, std::min(kRetryMax, kRetryFloor << std::min(attempt + 1, 10)));
    }
}

}  // namespace
}  // namespace ds
