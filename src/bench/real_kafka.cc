#include "bench/real_kafka.h"

#include <charconv>
#include <filesystem>

#include "bench/own_program.h"

namespace ds {
namespace {

// $1: the script, $2: its folder, $3: nodes, $4: Java heap of each. One shell does it all in order,
// so that a node which is still starting when we die is destroyed too.
constexpr char kKeep[] = R"(
trap '' PIPE
export KAFKA_RUN="$2"
"$1" start --nodes "$3" --heap "$4" && "$1" env
exec 1>/dev/null 2>&1
read -r _
"$1" destroy
rmdir "${2%/*}"
)";

constexpr char kPerfTest[] = R"(
script=$1 brokers=$2; shift 2
exec "$script" tool producer-perf "$@" --throughput -1 --command-property \
  bootstrap.servers="$brokers" acks=1 enable.idempotence=false batch.size=131072 linger.ms=5 \
  buffer.memory=67108864
)";

}  // namespace

std::string why_no_kafka(const std::string& script) {
  std::error_code ignored;
  if (!std::filesystem::exists(script, ignored))
    return fmt::format("{} is not here; DATASTORM_KAFKA_SH names it", script);
  auto child = Child::start(
      "command -v java >/dev/null || { echo 'Java is missing'; exit 1; }\n"
      "\"$1\" fetch",
      {script});
  if (!child) return child.error().message;
  std::string last;
  while (auto line = (*child)->read_line()) last = *line;
  return (*child)->wait().exit_code == 0 ? "" : last;
}

Result<std::unique_ptr<RealKafka>> RealKafka::start(const std::string& script,
                                                    const std::string& folder, int nodes) {
  auto keeper =
      Child::start(kKeep, {script, folder, std::to_string(nodes), nodes == 1 ? "1g" : "512m"});
  if (!keeper) return std::move(keeper).error();
  constexpr std::string_view kBootstrap = "export KAFKA_BOOTSTRAP=";
  std::string said;
  while (auto line = (*keeper)->read_line()) {
    if (line->starts_with(kBootstrap)) {
      auto brokers = parse_addresses(line->substr(kBootstrap.size()));
      if (!brokers) return std::move(brokers).error();
      return std::unique_ptr<RealKafka>(new RealKafka(std::move(*keeper), std::move(*brokers)));
    }
    said = *line;
  }
  return Error{.code = ErrorCode::kUnreachable,
               .message = fmt::format("Apache Kafka did not start: {}", said)};
}

Result<PerfTested> run_perf_test(const PerfTestSettings& settings) {
  auto child = Child::start(
      kPerfTest, {settings.script, joined(settings.brokers), "--topic", settings.topic,
                  "--num-records", std::to_string(settings.records), "--warmup-records",
                  std::to_string(settings.warm_up), "--payload-file", settings.payload_file});
  if (!child) return std::move(child).error();
  std::vector<std::string> output;
  while (auto line = (*child)->read_line()) output.push_back(*line);
  const Child::Ended ended = (*child)->wait();
  if (ended.exit_code != 0)
    return Error{.message = fmt::format("kafka-producer-perf-test ended with {}: {}",
                                        ended.exit_code, output.empty() ? "" : output.back())};
  const auto rate = perf_test_rate(output);
  if (!rate) return rate.error();
  return PerfTested{*rate, ended.cpu_seconds};
}

Result<double> run_consumer_perf_test(const std::string& script,
                                      const std::vector<Address>& brokers, const std::string& topic,
                                      std::uint64_t records) {
  auto child = Child::start(
      "exec \"$1\" tool consumer-perf --bootstrap-server \"$2\" --topic \"$3\" "
      "--num-records \"$4\" --timeout 60000",
      {script, joined(brokers), topic, std::to_string(records)});
  if (!child) return std::move(child).error();
  std::vector<std::string> output;
  while (auto line = (*child)->read_line()) output.push_back(*line);
  if (const int code = (*child)->wait().exit_code; code != 0)
    return Error{.message = fmt::format("kafka-consumer-perf-test ended with {}: {}", code,
                                        output.empty() ? "" : output.back())};
  return consumer_perf_rate(output, records);
}

Result<double> consumer_perf_rate(const std::vector<std::string>& output, std::uint64_t records) {
  // "2026-11-25 …, 2026-11-25 …, 953.67, 198.2, 10000000, 2078500.3, 3012, 1799, 530.1, 5558643.7"
  for (const std::string& line : output) {
    std::vector<std::string> fields;
    for (std::size_t at = 0; at <= line.size();) {
      const std::size_t end = std::min(line.find(", ", at), line.size());
      fields.push_back(line.substr(at, end - at));
      at = end + 2;
    }
    double rate = 0;
    std::uint64_t read = 0;
    if (fields.size() != 10) continue;
    const auto number = [](const std::string& text, auto& into) {
      return std::from_chars(text.data(), text.data() + text.size(), into).ec == std::errc();
    };
    if (!number(fields[4], read) || !number(fields[9], rate) || rate <= 0) continue;
    if (read < records)
      return Error{
          .message = fmt::format("kafka-consumer-perf-test read {} of {} records", read, records)};
    return rate;
  }
  return Error{.message = fmt::format("kafka-consumer-perf-test told no rate: {}",
                                      output.empty() ? "" : output.back())};
}

Result<KcatRun> run_kcat(const std::string& line, const std::vector<std::string>& arguments,
                         const Clock& clock) {
  const Nanos begun = clock.now();
  auto child = Child::start(line, arguments);
  if (!child) return std::move(child).error();
  KcatRun ran;
  while (auto said = (*child)->read_line()) ran.last_line = *said;
  const Child::Ended ended = (*child)->wait();
  if (ended.exit_code != 0)
    return Error{.message = fmt::format("kcat ended with {}: {}", ended.exit_code, ran.last_line)};
  ran.seconds = static_cast<double>(clock.now() - begun) / 1e9;
  ran.cpu_seconds = ended.cpu_seconds;
  return ran;
}

Result<double> perf_test_rate(const std::vector<std::string>& output) {
  // "3000000 records sent, 802031.5 records/sec (73.25 MB/sec), 1.8 ms avg latency, …"
  constexpr std::string_view kSent = " records sent, ", kUnit = " records/sec";
  double rate = 0;
  for (const std::string& line : output) {
    const auto unit = line.find(kUnit);
    const auto sent = line.find(kSent);
    // Progress lines have windows of their own; the summaries also tell "99.9th".
    if (unit == std::string::npos || sent == std::string::npos ||
        line.find("99.9th") == std::string::npos)
      continue;
    const char* from = line.data() + sent + kSent.size();
    std::from_chars(from, line.data() + unit, rate);
  }
  if (rate <= 0)
    return Error{.message = fmt::format("kafka-producer-perf-test told no rate: {}",
                                        output.empty() ? "" : output.back())};
  return rate;
}

}  // namespace ds
