// `datastorm consume`: the pipeline alone, from any Kafka into a store.
#include <fmt/format.h>

#include <algorithm>

#include "base/json_writer.h"
#include "cli/commands.h"
#include "cli/intake.h"
#include "cli/interrupt.h"
#include "cli/junit.h"
#include "cli/storm_options.h"
#include "cli/terminal.h"
#include "observe/observer.h"

namespace ds::cli {
namespace {

/// S9.6: the fields that other people's scripts read.
struct SinkTold {
  const SinkAccount& account;
  static void fields(auto& self, auto& io) {
    io("sink", self.account.sink);
    io("stored", self.account.sum.stored);
    io("lag", self.account.lag);
    io("errors", self.account.errors);
    io("last_error", self.account.last_error);
    io("uniqueness_not_shown", self.account.sum.uniqueness_not_shown);
  }
};

struct ConsumeAccount {
  std::string command = "consume";
  std::string group;
  PipelineAccount account;
  double elapsed_s = 0;
  double rate_avg = 0;
  Quantiles latency_us;
  std::map<std::string, Quantiles> stages;
  ClockShown clock;
  double rss_mib = 0;
  double cpu_s = 0;
  std::string sink;

  static void fields(auto& self, auto& io) {
    io("command", self.command);
    io("group", self.group);
    io("read", self.account.read);
    io("stored", self.account.stored);
    io("duplicates_suppressed", self.account.duplicates_suppressed);
    io("dead_lettered", self.account.dead_lettered);
    io("committed", self.account.committed);
    io("lag", self.account.lag);
    io("elapsed_s", self.elapsed_s);
    io("rate_avg", self.rate_avg);
    io("latency_us", self.latency_us);
    io("stages", self.stages);
    io("clock", self.clock);
    io("rss_mib", self.rss_mib);
    io("cpu_s", self.cpu_s);
    io("sink", self.sink);
    io("errors", self.account.errors);
    std::vector<SinkTold> sinks;
    for (const SinkAccount& each : self.account.sinks) sinks.push_back({each});
    io("sinks", sinks);
  }
};

/// What --limit may be about; latencies are of records that were stored.
constexpr std::string_view kFigures[] = {"p50",  "p90", "p99",           "p999",  "max",
                                         "rate", "lag", "dead_lettered", "stored"};

int run_consume(const Invocation& invocation) {
  Reader read(invocation.settings);
  IntakeOptions options = read_intake(read);
  options.pipeline.total = read.count("total");
  if (read.on("from-dlq")) options.replay_dead_letters();
  const bool json = read.on("json"), quiet = read.on("quiet");
  const std::vector<Limit> limits = read_limits(read, kFigures);
  const std::string junit = read.text("junit");
  ConsoleLog log(read_log_level(read));
  if (const auto wrong = read.errors()) return report_error(*wrong);
  if (std::ranges::any_of(options.sinks, [&](const std::string& sink) {
        return sink.starts_with("sqlite:" + read.text("data-dir") + "/");
      }))
    if (auto made = make_data_folder(read.text("data-dir")); !made)
      return report_error(made.error());

  const SystemClock clock;
  const Interrupt interrupt;
  const std::uint64_t total = options.pipeline.total;
  auto intake = Intake::start(std::move(options), clock, log);
  if (!intake) return report_error(intake.error());
  Pipeline& pipeline = (*intake)->pipeline();

  // The records go to standard output when that is the sink; then people's text does not.
  Terminal terminal(ScreenTitle::kIngestion, json || (*intake)->options().prints(), quiet);
  Observer observer;
  Snapshot last;
  const auto look = [&] {
    Snapshot raw;
    raw.total_wanted = total;
    (*intake)->show(raw);
    last = observer.observe(std::move(raw), clock.now(), process_cost());
  };
  const Nanos begun = clock.now();
  for (Nanos next = begun; !pipeline.finished() && !Interrupt::asked();) {
    if (clock.now() >= next) {
      look();
      terminal.show(last, clock.now());
      next += kSecond;
    }
    if (!pipeline.wait(20 * kMillisecond)) Interrupt::wait(0);
  }
  (*intake)->stop();
  look();

  ConsumeAccount told{.group = (*intake)->options().consumer.group,
                      .account = pipeline.account(),
                      .elapsed_s = static_cast<double>(clock.now() - begun) / 1e9,
                      .sink = pipeline.description()};
  const Nanos took = told.account.last_store - told.account.first_fetch;
  if (took > 0)
    told.rate_avg = static_cast<double>(told.account.stored) * 1e9 / static_cast<double>(took);
  told.latency_us = quantiles_of(told.account.stored_us);
  told.stages = last.latency_us;
  told.clock = last.clock;
  const ProcessCost cost = process_cost();
  told.rss_mib = static_cast<double>(cost.rss_bytes) / (1 << 20);
  told.cpu_s = cost.cpu_seconds;
  last.rate.average = told.rate_avg;
  terminal.finish(last);
  if (json) fmt::print("{}\n", to_json(told));
  if (const auto outcome = pipeline.outcome(); !outcome) return report_error(outcome.error());
  const bool whole = total == 0 || told.account.stored >= total;
  const bool held = judge({.file = junit,
                           .suite = "datastorm consume",
                           .seconds = told.elapsed_s,
                           .goal = "every record asked for is stored",
                           .reached = whole,
                           .why = fmt::format("{} of {}", told.account.stored, total)},
                          limits,
                          {{"p50", told.latency_us.p50 * 1e3},
                           {"p90", told.latency_us.p90 * 1e3},
                           {"p99", told.latency_us.p99 * 1e3},
                           {"p999", told.latency_us.p999 * 1e3},
                           {"max", told.latency_us.max * 1e3},
                           {"rate", told.rate_avg},
                           {"lag", static_cast<double>(told.account.lag)},
                           {"dead_lettered", static_cast<double>(told.account.dead_lettered)},
                           {"stored", static_cast<double>(told.account.stored)}});
  if (Interrupt::asked()) return kInterruptedCleanly;
  return whole && held ? kDone : kGoalFailed;
}

}  // namespace

Command consume_command() {
  return {.name = "consume",
          .purpose = "read a topic and store every record, once",
          .example = "datastorm consume --topic tweets --sink sqlite:tweets.db --until-end",
          .settings =
              join_settings({intake_settings(),
                             std::vector<std::string_view>{"total", "from-dlq", "limit", "junit"}}),
          .defaults = {{"total", "0"}, {"raw-rows-for", "0"}, {"raw-bytes", "0"}},
          .run = run_consume};
}

}  // namespace ds::cli
