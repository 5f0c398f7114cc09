#include "bench/real_kafka.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace ds {
namespace {

TEST(PerfTestRate, IsTheSteadyStates) {
  struct Case {
    const char* what;
    std::vector<std::string> output;
    double rate;  // 0: refused
  };
  const char* window = "500000 records sent, 99999.0 records/sec (9.5 MB/sec), 1.0 ms avg latency.";
  const char* whole =
      "3000000 records sent, 425230.333 records/sec (40.55 MB/sec), 417.24 ms avg latency, 336 ms "
      "50th, 2113 ms 99.9th.";
  const char* steady =
      "2000000 steady state records sent, 793965.859 records/sec (75.72 MB/sec), 346.37 ms avg "
      "latency, 336 ms 50th, 809 ms 99.9th.";
  const Case cases[] = {{"both summaries", {window, whole, steady}, 793965.859},
                        {"without a warm-up", {window, whole}, 425230.333},
                        {"no summary", {"Exception in thread main", window}, 0},
                        {"nothing", {}, 0}};
  for (const auto& [what, output, rate] : cases) {
    SCOPED_TRACE(what);
    const auto got = perf_test_rate(output);
    ASSERT_EQ(got.ok(), rate > 0);
    if (got) {
      EXPECT_DOUBLE_EQ(*got, rate);
    }
  }
}

TEST(ConsumerPerfRate, IsOfFetchingAlone) {
  const std::string head =
      "start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, "
      "nMsg.sec, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec";
  const std::string line =
      "2026-11-25 12:00:00:000, 2026-11-25 12:00:04:000, 953.67, 238.4, 8000000, "
      "2000000.0, 3000, 1000, 953.67, 8000000.0";
  const auto rate = consumer_perf_rate({head, line}, 8'000'000);
  ASSERT_TRUE(rate.ok()) << rate.error().message;
  EXPECT_DOUBLE_EQ(*rate, 8e6);
  EXPECT_FALSE(consumer_perf_rate({head, line}, 8'000'001).ok());
  EXPECT_FALSE(consumer_perf_rate({head}, 1).ok());
  EXPECT_FALSE(consumer_perf_rate({}, 1).ok());
}

/// A script that behaves as kafka.sh does, and writes down what it was told.
class RealKafkaKeeper : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "keeper-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string script(const std::string& on_start) {
    const auto path = folder_ / "kafka.sh";
    std::ofstream(path) << "#!/bin/sh\necho \"$1\" >>'" << (folder_ / "told").string()
                        << "'\ncase $1 in\nstart) " << on_start
                        << " ;;\nenv) echo export KAFKA_BOOTSTRAP=127.0.0.1:4242 ;;\nesac\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path.string();
  }
  std::string told() {
    std::ifstream file(folder_ / "told");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::filesystem::path folder_;
};

TEST_F(RealKafkaKeeper, DestroysTheNodeWhenTheObjectGoes) {
  {
    auto kafka = RealKafka::start(script("echo ready"), (folder_ / "run").string());
    ASSERT_TRUE(kafka.ok()) << kafka.error().message;
    EXPECT_EQ((*kafka)->brokers(), (std::vector<Address>{{"127.0.0.1", 4242}}));
    EXPECT_EQ(told(), "start\nenv\n");
  }
  EXPECT_EQ(told(), "start\nenv\ndestroy\n");
}

TEST_F(RealKafkaKeeper, SaysWhatTheScriptSaidWhenItFails) {
  auto kafka =
      RealKafka::start(script("echo kafka.sh: no room; exit 1"), (folder_ / "run").string());
  ASSERT_FALSE(kafka.ok());
  EXPECT_EQ(kafka.error().message, "Apache Kafka did not start: kafka.sh: no room");
  EXPECT_EQ(told(), "start\ndestroy\n");
}

TEST_F(RealKafkaKeeper, SaysWhyThereIsNone) {
  EXPECT_EQ(why_no_kafka((folder_ / "nowhere").string()),
            (folder_ / "nowhere").string() + " is not here; DATASTORM_KAFKA_SH names it");
}

}  // namespace
}  // namespace ds
