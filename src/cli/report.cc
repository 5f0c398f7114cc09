// `datastorm report`: what a store tells of a run, as a page, plots and tables.
#include "report/report.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/json_writer.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/junit.h"
#include "kafka/client/admin.h"
#include "ledger/exchange.h"
#include "report/compare.h"
#include "report/gather.h"
#include "report/write.h"
#include "sink/stored_rows.h"

namespace ds::cli {
namespace {

constexpr std::size_t kProducersPrinted = 100;

struct ReportOptions {
  std::string from;
  std::vector<std::string> compare;  // none or two
  std::string out;
  std::string mongo_url;
  std::optional<kafka::ClientSettings> cluster;  // to ask for its claims
  ReportSettings settings;
  std::vector<Limit> limits;
  std::string junit;
  bool json = false, quiet = false;
};

ReportOptions read_options(Reader& read, const std::vector<std::string>& words) {
  ReportOptions options{.from = read.text("from"),
                        .compare = read.list("compare"),
                        .out = read.text("out"),
                        .mongo_url = read.text("mongo-url"),
                        .limits = read_limits(read),
                        .junit = read.text("junit"),
                        .json = read.on("json"),
                        .quiet = read.on("quiet")};
  if (options.from.empty()) options.from = "sqlite:" + read.text("data-dir") + "/datastorm.db";
  options.compare.insert(options.compare.end(), words.begin(), words.end());
  if (!options.compare.empty() && options.compare.size() != 2)
    read.wrong("compare",
               Error{.code = ErrorCode::kUsage,
                     .message = fmt::format("it takes two reports, not {}", options.compare.size()),
                     .hint = "datastorm report --compare monday tuesday --out both"});
  const kafka::ClientSettings client = read_kafka(read);
  refuse_properties(read, client);
  if (read.given("brokers")) options.cluster = client;
  options.settings.topic = read.text("topic");
  if (!options.settings.topic.empty())
    if (auto fine = check_topic_name(options.settings.topic); !fine)
      read.wrong("topic", fine.error());
  if (read.given("run")) options.settings.run = read.text("run");
  options.settings.interval = read.duration("interval");
  if (options.settings.interval < kMillisecond)
    read.wrong("interval", Error{.code = ErrorCode::kUsage,
                                 .message = "shorter than a millisecond",
                                 .hint = "100ms, 1s, 1m"});
  if (const std::string text = read.text("distribution"); !text.empty())
    options.settings.distribution = read.take("distribution", parse_distribution(text));
  return options;
}

Result<ClaimBook> claims_for(RowReader& rows, const ReportOptions& options, const Clock& clock,
                             Log& log) {
  if (!options.cluster) return rows.claims();
  kafka::Admin admin(*options.cluster, clock, log);
  return read_claims(admin);
}

Result<Report> report_on(const std::string& store, const ReportOptions& options, const Clock& clock,
                         Log& log) {
  auto rows = open_rows(store, options.mongo_url);
  if (!rows) return as_wrong_use(std::move(rows).error());
  auto claims = claims_for(**rows, options, clock, log);
  if (!claims) return std::move(claims).error();
  ReportSettings settings = options.settings;
  settings.version = DATASTORM_VERSION;
  settings.now_ms = clock.wall_ms();
  return make_report(**rows, *claims, settings);
}

/// Durations in nanoseconds, as limits are read.
double as_limit(const Figure& figure) {
  return figure.unit == Figure::Unit::kMs ? figure.value * static_cast<double>(kMillisecond)
                                          : figure.value;
}

void print_report(std::FILE* to, const Report& report) {
  fmt::print(to, "{}, topic {}{}: sent {} (by {}), stored {}, loss {} packet(s)\n", report.source,
             report.topic, report.run.empty() ? "" : ", run " + report.run,
             with_commas(report.sent), report.sent_known_by, with_commas(report.stored),
             with_commas(report.loss));
  for (const StageRate& rate : report.rates)
    fmt::print(to, "  {:<13} mean {:.1f}/s, sd {:.1f}, min {:.0f}, median {:.0f}, max {:.0f}\n",
               rate.stage, rate.per_second.mean, rate.per_second.sd, rate.per_second.min,
               rate.per_second.median, rate.per_second.max);
  if (report.curves)
    fmt::print(to, "  offered {}, achieved {} ({:+.3f} %), at most {} behind\n",
               with_commas(report.curves->offered), with_commas(report.curves->achieved),
               report.curves->off_percent(report.curves->achieved),
               with_commas(report.curves->behind_max));
  if (report.spacing && report.spacing->near)
    fmt::print(to, "  a batch every {:.3f} ms: {:.1f} % within a tenth of it, p99 {:.3f} ms\n",
               report.spacing->wanted_us / 1000, 100 * *report.spacing->near,
               report.spacing->p99_us / 1000);
  for (const StageDelay& delay : report.delays)
    fmt::print(to, "  {:<15} mean {:.1f} ms, sd {:.1f}, p50 {:.1f}, p99 {:.1f}, max {:.1f}\n",
               delay.name, delay.mean_ms, delay.sd_ms, delay.p50_ms, delay.p99_ms, delay.max_ms);
  if (report.fit) fmt::print(to, "  values: {}\n", report.fit->words);
  std::size_t left = kProducersPrinted;
  for (const ProducerRow& row : report.producers) {
    if (report.producers.size() > kProducersPrinted && row.loss == 0) continue;
    if (left-- == 0) break;
    fmt::print(to, "{}\n", sentence_of(row));
  }
  if (report.producers.size() > kProducersPrinted)
    fmt::print(to, "… {} producers in all: producers.csv has them\n",
               with_commas(report.producers.size()));
  for (const std::string& note : report.notes) fmt::print(to, "note: {}\n", note);
}

void print_files(std::FILE* to, const std::string& folder, const std::vector<std::string>& names) {
  fmt::print(to, "written into {}: {}\n", folder, fmt::join(names, ", "));
}

int settle(const ReportOptions& options, const std::map<std::string, double>& figures) {
  const JunitReport junit{.file = options.junit, .suite = "datastorm report"};
  return judge(junit, options.limits, figures) ? kDone : kGoalFailed;
}

int report_one(const ReportOptions& options, Files& files, const Clock& clock, Log& log) {
  auto report = report_on(options.from, options, clock, log);
  if (!report) return report_error(report.error());
  auto names = write_report(files, options.out, *report);
  if (!names) return report_error(as_wrong_use(std::move(names).error()));
  std::FILE* const to = options.json ? stderr : stdout;
  if (!options.quiet) {
    print_report(to, *report);
    print_files(to, options.out, *names);
  }
  if (options.json) fmt::print("{}\n", to_json(*report));
  std::map<std::string, double> figures;
  for (const Figure& each : figures_of(*report)) figures[each.name] = as_limit(each);
  figures["lost"] = figures["loss"];
  return settle(options, figures);
}

int compare_two(const ReportOptions& options, Files& files, const Clock& clock, Log& log) {
  std::vector<ReportSide> sides;
  for (const std::string& name : options.compare) {
    if (name.starts_with("sqlite:") || name.starts_with("mongo:")) {
      auto report = report_on(name, options, clock, log);
      if (!report) return report_error(report.error());
      sides.push_back(side_of(report->source, *report));
    } else {
      auto side = read_report(files, name);
      if (!side) return report_error(side.error());
      sides.push_back(std::move(*side));
    }
  }
  auto names = write_comparison(files, options.out, sides[0], sides[1]);
  if (!names) return report_error(as_wrong_use(std::move(names).error()));
  const auto compared = compare(sides[0], sides[1]);
  std::FILE* const to = options.json ? stderr : stdout;
  if (!options.quiet) {
    fmt::print(to, "{:<12} {:>16} {:>16} {:>8}\n", "", "A", "B", "B/A");
    for (const ComparedFigure& each : compared)
      fmt::print(to, "{:<12} {:>16.6g} {:>16.6g} {:>8} {} {}\n", each.name, each.a, each.b,
                 each.ratio ? fmt::format("{:.3g}", *each.ratio) : "-", each.unit, each.verdict);
    print_files(to, options.out, *names);
  }
  if (options.json) fmt::print("{}\n", to_json(Comparison{sides[0].name, sides[1].name, compared}));
  std::map<std::string, double> figures;  // of B, and how it stands to A
  for (const Figure& each : sides[1].figures) figures[each.name] = as_limit(each);
  figures["lost"] = figures["loss"];
  for (const ComparedFigure& each : compared)
    if (each.ratio) figures[each.name + "_ratio"] = *each.ratio;
  return settle(options, figures);
}

int run_report(const Invocation& invocation) {
  Reader read(invocation.settings);
  const ReportOptions options = read_options(read, invocation.words);
  ConsoleLog log(read_log_level(read));
  if (const auto wrong = read.errors()) return report_error(*wrong);
  const SystemClock clock;
  RealFiles files;
  return options.compare.empty() ? report_one(options, files, clock, log)
                                 : compare_two(options, files, clock, log);
}

}  // namespace

Command report_command() {
  return {.name = "report",
          .purpose = "say what a store tells of a run: rates, values, delays and losses",
          .example = "datastorm report --from sqlite:readings.db --out report",
          .settings = join_settings(
              {kKafkaSettings,
               std::vector<std::string_view>{"from", "out", "compare", "topic", "run", "interval",
                                             "distribution", "mongo-url", "limit", "junit"}}),
          .defaults = {{"topic", ""}, {"distribution", ""}, {"out", "datastorm-report"}},
          .words = "the second report of --compare",
          .run = run_report};
}

}  // namespace ds::cli
