// `datastorm bench [SUITE…]`: figures with their spread and their reference, measured here and now.
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/json_writer.h"
#include "bench/suite.h"
#include "cli/commands.h"
#include "cli/common.h"

namespace ds::cli {
namespace {

struct SuiteResult {
  std::string suite;
  std::string machine;
  double load_before = 0;  // what else the machine did: the load average of the last minute
  std::vector<BenchRow> rows;
  static void fields(auto& self, auto& io) {
    io("suite", self.suite);
    io("machine", self.machine);
    io("load_before", self.load_before);
    io("rows", self.rows);
  }
};

struct SuiteList {
  std::vector<std::string> suites;
  static void fields(auto& self, auto& io) { io("suites", self.suites); }
};

struct AllResults {
  std::vector<SuiteResult> suites;
  static void fields(auto& self, auto& io) { io("suites", self.suites); }
};

std::string machine() {
  utsname name{};
  uname(&name);
  std::string model = "unknown processor";
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) {
      model = line.substr(line.find(':') + 2);
      break;
    }
  return fmt::format("{} x {}, Linux {}, datastorm {}", std::thread::hardware_concurrency(), model,
                     name.release, DATASTORM_VERSION);
}

double load_average() {
  double load = 0;
  return getloadavg(&load, 1) == 1 ? load : 0;
}

void print_rows(const std::string& suite, const std::vector<BenchRow>& rows, std::FILE* to) {
  fmt::print(to, "\n{:<34}{:>10}{:>10}{:>10}  {}\n", suite, "min", "median", "max", "unit");
  for (const BenchRow& row : rows) {
    if (row.skipped()) {
      fmt::print(to, "  {:<32}{}\n", row.name, row.conditions);
      continue;
    }
    fmt::print(to, "  {:<32}{:>10.3f}{:>10.3f}{:>10.3f}  {}{}\n", row.name, row.min, row.median,
               row.max, row.unit, row.noisy() ? "  NOISY" : "");
    fmt::print(to, "    {} runs; {}\n", row.runs, row.conditions);
  }
  std::fflush(to);
}

/// One line a row; a text is in quotes, its own doubled.
void write_csv(const AllResults& results, std::ostream& to) {
  const auto quoted = [](std::string text) {
    for (std::size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2)
      text.insert(at, 1, '"');
    return fmt::format("\"{}\"", text);
  };
  to << "suite,name,unit,min,median,max,runs,noisy,conditions,machine,load_before\n";
  for (const SuiteResult& result : results.suites)
    for (const BenchRow& row : result.rows)
      to << fmt::format("{},{},{},{},{},{},{},{},{},{},{:.1f}\n", result.suite, quoted(row.name),
                        quoted(row.unit), row.min, row.median, row.max, row.runs, row.noisy(),
                        quoted(row.conditions), quoted(result.machine), result.load_before);
}

/// A folder that goes with the object.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "datastorm-bench-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

int run_bench(const Invocation& invocation) {
  Reader read(invocation.settings);
  const bool json = read.on("json");
  const int runs = read.count_within("runs", 1, 1000);
  const Nanos duration = read.duration("duration");
  const std::string out = read.text("out");
  const std::string kafka_script = read.text("kafka-script");
  std::vector<Address> brokers;
  if (read.given("brokers"))
    brokers = read.take("brokers", parse_addresses(read.text("brokers"), 9092));
  ConsoleLog log(read_log_level(read));
  std::vector<const Suite*> chosen;
  SuiteList known;
  for (const Suite& suite : all_suites()) {
    known.suites.emplace_back(suite.name);
    if (invocation.words.empty() ||
        std::ranges::find(invocation.words, suite.name) != invocation.words.end())
      chosen.push_back(&suite);
  }
  for (const std::string& word : invocation.words)
    if (std::ranges::find(known.suites, word) == known.suites.end())
      read.wrong(Error{.code = ErrorCode::kUsage,
                       .message = fmt::format("there is no suite '{}'", word),
                       .hint = fmt::format("{}", fmt::join(known.suites, ", "))});
  const bool list = read.on("list");
  if (const auto wrong = read.errors()) return report_error(*wrong);
  if (list) {
    if (json)
      fmt::print("{}\n", to_json(known));
    else
      for (const Suite& suite : all_suites()) fmt::print("{:<14}{}\n", suite.name, suite.purpose);
    return kDone;
  }

  SystemClock clock;
  const ScratchFolder scratch;
  std::FILE* people = json ? stderr : stdout;
  const std::string here = machine();
  fmt::print(people, "{}\n", here);
  AllResults results;
  for (const Suite* suite : chosen) {
    const double load = load_average();
    auto rows = suite->run({clock, log, runs, duration == 0 ? 2 * kSecond : duration,
                            scratch.path(), brokers, kafka_script});
    if (!rows)
      return report_error(
          std::move(rows).error().while_trying(fmt::format("run the suite {}", suite->name)));
    print_rows(fmt::format("{} (load {:.1f})", suite->name, load), *rows, people);
    results.suites.push_back({std::string(suite->name), here, load, std::move(*rows)});
  }
  if (json) {
    if (results.suites.size() == 1)
      fmt::print("{}\n", to_json(results.suites.front()));
    else
      fmt::print("{}\n", to_json(results));
  }
  if (!out.empty()) {
    if (auto made = make_data_folder(out); !made) return report_error(made.error());
    std::ofstream(std::filesystem::path(out) / "bench.json") << to_json(results) << "\n";
    std::ofstream csv(std::filesystem::path(out) / "bench.csv");
    write_csv(results, csv);
  }
  return kDone;
}

}  // namespace

Command bench_command() {
  return {.name = "bench",
          .purpose = "measure, against physical references in the same run",
          .example = "datastorm bench encode wire --runs 5",
          .settings = {"runs", "list", "out", "duration", "brokers", "kafka-script"},
          .words = "suites to run; none is all of them",
          .run = run_bench};
}

}  // namespace ds::cli
