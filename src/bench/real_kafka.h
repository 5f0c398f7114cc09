// Apache Kafka itself, for the length of a suite: one node and Kafka's own producer, run by the
// script that the tests use (tests/servers/kafka/kafka.sh).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "bench/child.h"
#include "net/socket.h"

namespace ds {

/// Why `script` cannot serve here (no script, no Java, no jars and no way to get them); empty when
/// it can. Fetches the jars when they are missing.
std::string why_no_kafka(const std::string& script);

/// Lifetime: the node goes with the object, and when this program dies in whatever way: the shell
///           that started it waits for our end of a pipe to close, then destroys it.
class RealKafka {
 public:
  /// Keeps everything in `folder`, which must not exist yet.
  static Result<std::unique_ptr<RealKafka>> start(const std::string& script,
                                                  const std::string& folder, int nodes = 1);
  const std::vector<Address>& brokers() const { return brokers_; }

 private:
  RealKafka(std::unique_ptr<Child> keeper, std::vector<Address> brokers)
      : keeper_(std::move(keeper)), brokers_(std::move(brokers)) {}

  std::unique_ptr<Child> keeper_;
  std::vector<Address> brokers_;
};

struct PerfTestSettings {
  std::string script;
  std::vector<Address> brokers;
  std::string topic;
  std::string payload_file;  // a payload a line
  std::uint64_t records = 3'000'000;
  std::uint64_t warm_up = 1'000'000;  // of these, not counted in the rate
};

struct PerfTested {
  double records_per_second = 0;  // after its warm-up, as it says itself
  double cpu_seconds = 0;         // of the whole process
};

/// kafka-producer-perf-test at its best settings: acks 1, enable.idempotence=false, batch.size
/// 131072, linger 5 ms.
Result<PerfTested> run_perf_test(const PerfTestSettings& settings);

/// kafka-consumer-perf-test over the whole of a topic: records a second as it says itself, without
/// start and rebalance.
Result<double> run_consumer_perf_test(const std::string& script,
                                      const std::vector<Address>& brokers, const std::string& topic,
                                      std::uint64_t records);
/// fetch.nMsg.sec of its line, which must say that it has read `records`.
Result<double> consumer_perf_rate(const std::vector<std::string>& output, std::uint64_t records);

struct KcatRun {
  double seconds = 0;
  double cpu_seconds = 0;
  std::string last_line;
};
/// A shell line with kcat in it, which must succeed.
Result<KcatRun> run_kcat(const std::string& line, const std::vector<std::string>& arguments,
                         const Clock& clock);

/// The records/sec of its last summary line: with a warm-up that is the steady state.
Result<double> perf_test_rate(const std::vector<std::string>& output);

}  // namespace ds
