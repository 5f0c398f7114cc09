#include "sink/make_sink.h"

#include <gtest/gtest.h>

#include "ledger/tweets_for_test.h"
#include "sink/none_sink.h"

namespace ds {
namespace {

TEST(MakeSink, KnowsItsNamesAndSaysThemToOthers) {
  ManualClock clock;
  NoLog log;
  EXPECT_TRUE(make_sink("none", {}, clock, log).ok());
  EXPECT_TRUE(make_sink("stdout", {}, clock, log).ok());
  for (const char* name : {"influxdb:http://localhost", "sqlite", "sqlite:", "", "NONE"}) {
    const auto sink = make_sink(name, {}, clock, log);
    ASSERT_FALSE(sink.ok()) << name;
    EXPECT_EQ(sink.error().code, ErrorCode::kUsage);
    EXPECT_EQ(sink.error().hint, "sqlite:PATH, influx:URL, influx1:URL, mongo:URL, none or stdout");
  }
  EXPECT_FALSE(make_sink("none", {.store = StoreAs::kRollup}, clock, log).ok());
  EXPECT_FALSE(parse_store_as("cooked").ok());
}

TEST(StdoutSink, WritesAnObjectALine) {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* out = open_memstream(&text, &size);
  const std::vector batches{
      fetched(2, 7, test_batch(7, {test_tweet(0, 1, "Caf\"e"), from_hex("ff")}))};
  const auto stored = StdoutSink(out).store(batches);
  std::fclose(out);
  EXPECT_EQ(stored->stored, 1u);
  EXPECT_EQ(stored->dead_lettered, 1u);
  EXPECT_EQ(std::string(text, size),
            R"({"topic":"tweets","partition":2,"offset":7,"tweetId":")" +
                to_tweet_id({kTestRun, 0, 1}) +
                R"(","timestamp":1700000000000,"text":"a text","brand":"Caf\"e",)"
                R"("sentiment":"negative"})"
                "\n"
                R"({"topic":"tweets","partition":2,"offset":8,"last_offset":8,)"
                R"("error":"it is neither a tweet nor a reading"})"
                "\n");
  std::free(text);
}

TEST(StdoutSink, SaysThatNobodyReads) {
  std::FILE* full = std::fopen("/dev/full", "w");
  ASSERT_NE(full, nullptr);
  const auto stored = StdoutSink(full).store(std::vector{fetched(0, 0, test_batch(0, 0, 0, 5))});
  std::fclose(full);
  ASSERT_FALSE(stored.ok());
  EXPECT_EQ(stored.error().code, ErrorCode::kStorage);
}

TEST(NoneSink, CountsAndChecks) {
  ByteVec damaged = test_batch(10, 0, 10, 20);
  damaged.back() ^= 1;
  NoneSink sink;
  const auto stored = sink.store(
      std::vector{fetched(0, 5, test_batch(0, 0, 0, 10)), fetched(0, 10, std::move(damaged))});
  EXPECT_EQ(stored->stored, 5u);
  EXPECT_EQ(stored->dead_lettered, 10u);
}

}  // namespace
}  // namespace ds
