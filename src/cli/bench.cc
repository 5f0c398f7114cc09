// `datastorm bench [SUITE…]`: figures with their spread and their reference, measured here and now.
#include <fmt/format.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/json_writer.h"
#include "bench/compare.h"
#include "bench/goals.h"
#include "bench/kafka_yard.h"
#include "bench/page.h"
#include "bench/suite.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/limits.h"
#include "kafka/client/rdkafka/rdkafka_outlet.h"
#include "net/files.h"

namespace ds::cli {
namespace {

struct SuiteList {
  std::vector<std::string> suites;
  static void fields(auto& self, auto& io) { io("suites", self.suites); }
};

/// A row of --compare --json.
struct ComparedRow {
  const Compared& of;
  static void fields(auto& self, auto& io) {
    io("suite", self.of.suite);
    io("name", self.of.row);
    io("unit", self.of.unit);
    io("old", self.of.old == nullptr ? 0.0 : self.of.old->median);
    io("new", self.of.now == nullptr ? 0.0 : self.of.now->median);
    io("ratio", self.of.ratio);
    io("verdict", name_of(self.of.change));
  }
};
struct ComparedList {
  std::vector<ComparedRow> rows;
  explicit ComparedList(const std::vector<Compared>& all) {
    for (const Compared& each : all) rows.push_back({each});
  }
  static void fields(auto& self, auto& io) { io("rows", self.rows); }
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
  const double gib = static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                     static_cast<double>(sysconf(_SC_PAGESIZE)) / (1u << 30);
  return fmt::format("{} x {}, {:.0f} GiB, Linux {}", std::thread::hardware_concurrency(), model,
                     gib, name.release);
}

std::string versions() {
  return fmt::format("datastorm {}, librdkafka {}, SQLite {}", DATASTORM_VERSION,
                     kafka::rdkafka_version(), sqlite3_libversion());
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
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
    if (row.goal) fmt::print(to, "    {}: {}\n", row.goal->to_string(), row.verdict());
    fmt::print(to, "    {} runs; {}\n", row.runs, row.conditions);
  }
  std::fflush(to);
}

/// One line a row; a text is in quotes, its own doubled.
void write_csv(const BenchResults& results, std::ostream& to) {
  const auto quoted = [](std::string text) {
    for (std::size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2)
      text.insert(at, 1, '"');
    return fmt::format("\"{}\"", text);
  };
  to << "suite,name,unit,min,median,max,runs,noisy,goal,verdict,conditions,machine,versions,"
        "load_before\n";
  for (const SuiteResult& result : results.suites)
    for (const BenchRow& row : result.rows)
      to << fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{:.1f}\n", result.suite,
                        quoted(row.name), quoted(row.unit), row.min, row.median, row.max, row.runs,
                        row.noisy(), quoted(row.goal ? row.goal->to_string() : ""),
                        quoted(row.verdict()), quoted(row.conditions), quoted(result.machine),
                        quoted(result.versions), result.load_before);
}

/// bench.json, bench.csv and bench.html.
Status write_out(const std::string& folder, const BenchResults& results) {
  if (auto made = make_data_folder(folder); !made) return made;
  const std::filesystem::path out(folder);
  std::ofstream(out / "bench.json") << to_json(results) << "\n";
  std::ofstream csv(out / "bench.csv");
  write_csv(results, csv);
  std::ofstream page(out / "bench.html");
  page << results_page(results);
  if (!page.flush())
    return Error{.code = ErrorCode::kStorage, .message = fmt::format("{} takes no files", folder)};
  return Done{};
}

/// The tables of a document, between its markers.
Status write_tables(const std::string& path, const BenchResults& results) {
  RealFiles files;
  const auto document = read_file(files, path);
  if (!document) return document.error();
  auto text = with_tables(*document, results);
  if (!text) return std::move(text).error().while_trying("write the tables into " + path);
  return replace_file(files, path, *text);
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

/// What the words ask for: suites; none is all but those on request.
std::vector<const Suite*> choose(const std::vector<std::string>& words, Reader& read) {
  std::vector<const Suite*> chosen;
  std::vector<std::string_view> known;
  for (const Suite& suite : all_suites()) {
    known.push_back(suite.name);
    if (words.empty() ? !suite.on_request : std::ranges::find(words, suite.name) != words.end())
      chosen.push_back(&suite);
  }
  for (const std::string& word : words)
    if (std::ranges::find(known, word) == known.end())
      read.wrong(Error{.code = ErrorCode::kUsage,
                       .message = fmt::format("there is no suite '{}'", word),
                       .hint = fmt::format("{}", fmt::join(known, ", "))});
  return chosen;
}

int list_suites(bool json) {
  SuiteList list;
  for (const Suite& suite : all_suites()) {
    list.suites.emplace_back(suite.name);
    if (!json) fmt::print("{:<14}{}\n", suite.name, suite.purpose);
  }
  if (json) fmt::print("{}\n", to_json(list));
  return kDone;
}

/// `bench --compare OLD NEW`: exit 1 when a row is surely worse.
int run_compare(const std::vector<std::string>& files, bool json) {
  if (files.size() != 2)
    return report_error(Error{.code = ErrorCode::kUsage,
                              .message = "--compare takes two results",
                              .hint = "datastorm bench --compare old/bench.json new/bench.json"});
  const auto old = read_results(files[0]), now = read_results(files[1]);
  if (!old) return report_error(old.error());
  if (!now) return report_error(now.error());
  const auto compared = compare(*old, *now);
  if (json)
    fmt::print("{}\n", to_json(ComparedList{compared}));
  else
    fmt::print("{}", compare_text(compared));
  const bool worse = std::ranges::count(compared, Change::kWorse, &Compared::change) > 0;
  return worse ? kGoalFailed : kDone;
}

/// All chosen suites, one after the other; what is told while they run goes to `people`.
Result<BenchResults> run_suites(const std::vector<const Suite*>& chosen,
                                const BenchContext& context, std::FILE* people) {
  BenchResults results{.when = utc_now(), .command = "datastorm bench", .suites = {}};
  const std::string here = machine(), with = versions();
  fmt::print(people, "{}; {}\n", here, with);
  for (const Suite* suite : chosen) {
    const double load = load_average();
    const Nanos begun = context.clock.now();
    auto rows = suite->run(context);
    if (!rows && (chosen.size() == 1 || rows.error().code == ErrorCode::kUsage))
      return std::move(rows).error().while_trying(fmt::format("run the suite {}", suite->name));
    if (!rows) rows = std::vector<BenchRow>{failed_row(rows.error().message)};
    print_rows(fmt::format("{} (load {:.1f})", suite->name, load), *rows, people);
    results.command += fmt::format(" {}", suite->name);
    results.suites.push_back({std::string(suite->name), here, with, load,
                              static_cast<double>(context.clock.now() - begun) / 1e9,
                              std::move(*rows)});
  }
  results.command +=
      fmt::format(" --runs {} --duration {}ms", context.runs, context.duration / kMillisecond);
  return results;
}

int run_bench(const Invocation& invocation) {
  Reader read(invocation.settings);
  const bool json = read.on("json");
  if (std::vector<std::string> both = read.list("compare"); !both.empty()) {
    both.insert(both.end(), invocation.words.begin(), invocation.words.end());
    if (const auto wrong = read.errors()) return report_error(*wrong);
    return run_compare(both, json);
  }
  SystemClock clock;
  ConsoleLog log(read_log_level(read));
  const ScratchFolder scratch;
  const Nanos duration = read.duration("duration") == 0 ? 2 * kSecond : read.duration("duration");
  const std::string out = read.text("out"), tables = read.text("tables"),
                    from = read.text("results"), kafka_script = read.text("kafka-script");
  std::vector<Address> brokers;
  if (read.given("brokers"))
    brokers = read.take("brokers", parse_addresses(read.text("brokers"), 9092));
  KafkaYard yard({kafka_script, scratch.path(), brokers, duration}, clock, log);
  BenchContext context{.clock = clock,
                       .log = log,
                       .runs = read.count_within("runs", 1, 1000),
                       .duration = duration,
                       .folder = scratch.path(),
                       .brokers = brokers,
                       .kafka_script = kafka_script,
                       .yard = yard,
                       .throttles = read.list("throttle")};
  constexpr std::string_view kLimited[] = {"p99"};
  for (const Limit& limit : read_limits(read, kLimited))
    context.limit_p99 = static_cast<Nanos>(limit.bound);
  const auto chosen = choose(invocation.words, read);
  const bool list = read.on("list");
  if (const auto wrong = read.errors()) return report_error(*wrong);
  if (list) return list_suites(json);

  std::FILE* people = json ? stderr : stdout;
  auto results = from.empty() ? run_suites(chosen, context, people) : read_results(from);
  if (!results) return report_error(results.error());
  fmt::print(people, "{}", goals_text(*results));
  if (json && results->suites.size() == 1) fmt::print("{}\n", to_json(results->suites.front()));
  if (json && results->suites.size() != 1) fmt::print("{}\n", to_json(*results));
  if (!out.empty())
    if (Status written = write_out(out, *results); !written) return report_error(written.error());
  if (!tables.empty())
    if (Status written = write_tables(tables, *results); !written)
      return report_error(written.error());
  const bool broken = std::ranges::any_of(results->suites, [](const SuiteResult& suite) {
    return suite.rows.size() == 1 && suite.rows.front().conditions.starts_with("FAILED");
  });
  return broken ? kGoalFailed : kDone;
}

}  // namespace

Command bench_command() {
  return {.name = "bench",
          .purpose = "measure, against physical references in the same run",
          .example = "datastorm bench encode wire --runs 5",
          .settings = {"runs", "list", "out", "tables", "results", "compare", "duration", "brokers",
                       "kafka-script", "limit", "throttle"},
          .words = "suites to run; none is all but soak; with --compare two results",
          .run = run_bench};
}

}  // namespace ds::cli
