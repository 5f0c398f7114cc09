// `datastorm produce`: the storm alone, into any Kafka.
#include <fmt/format.h>

#include <algorithm>

#include "base/json_writer.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/dry_run.h"
#include "cli/interrupt.h"
#include "cli/junit.h"
#include "cli/storm_options.h"
#include "cli/terminal.h"
#include "ledger/clock_watch.h"
#include "observe/observer.h"

namespace ds::cli {
namespace {

/// S9.6: the fields that other people's scripts read.
struct ProduceAccount {
  std::string command = "produce";
  std::string run;
  Account account;
  std::int64_t log_end_delta = 0;
  double elapsed_s = 0;
  double rate_avg = 0;
  double rate_peak = 0;
  Quantiles latency_us;
  std::map<std::string, Quantiles> stages;
  Quantiles spacing_us;          // from one batch's begin to the next one's
  double spacing_wanted_us = 0;  // of an even rate; 0: none is wanted
  double rss_mib = 0;
  double cpu_s = 0;
  std::string acks;
  std::string codec;
  std::string engine;
  std::string durability;
  double bytes_per_record = 0;

  static void fields(auto& self, auto& io) {
    io("command", self.command);
    io("run", self.run);
    io("scheduled", self.account.scheduled);
    io("enqueued", self.account.enqueued);
    io("written", self.account.written);
    io("acknowledged", self.account.acknowledged);
    io("failed", self.account.failed);
    io("unknown", self.account.unknown);
    io("taken_up", self.account.earlier.enqueued());
    io("aborted", self.account.aborted);
    io("log_end_delta", self.log_end_delta);
    io("bytes", self.account.bytes);
    io("bytes_per_record", self.bytes_per_record);
    io("elapsed_s", self.elapsed_s);
    io("rate_avg", self.rate_avg);
    io("rate_peak", self.rate_peak);
    io("latency_us", self.latency_us);
    io("stages", self.stages);
    io("spacing_us", self.spacing_us);
    io("spacing_wanted_us", self.spacing_wanted_us);
    io("rss_mib", self.rss_mib);
    io("cpu_s", self.cpu_s);
    io("acks", self.acks);
    io("codec", self.codec);
    io("engine", self.engine);
    io("durability", self.durability);
  }
};

/// What --limit may be about.
constexpr std::string_view kFigures[] = {"p50",  "p90",  "p99",    "p999",   "max",
                                         "rate", "lost", "failed", "unknown"};

std::int64_t records_in(const kafka::Offsets& ends) {
  std::int64_t sum = 0;
  for (const auto& [partition, end] : ends) sum += end;
  return sum;
}

/// Acknowledged (acks=0: written) from the first intended instant to the last delivery.
double average_rate(const Account& account, bool unconfirmed) {
  const Nanos took = account.last_delivery - account.first_intended;
  if (took <= 0) return 0;
  const auto done = unconfirmed ? account.written - account.earlier.written
                                : account.acknowledged - account.earlier.acknowledged;
  return static_cast<double>(done) * 1e9 / static_cast<double>(took);
}

/// Shows the run each second until it is finished or somebody asks to stop. Returns the peak rate.
double watch(Storm& storm, Nanos warmup, const Clock& clock, Terminal& terminal, Snapshot& last) {
  Run& run = storm.run();
  Observer observer;
  double peak = 0;
  bool warm = warmup == 0;
  for (;;) {
    Snapshot raw;
    storm.show(raw);
    last = observer.observe(std::move(raw), clock.now(), process_cost());
    if (warm) peak = std::max(peak, last.rate.achieved);
    terminal.show(last, clock.now());
    if (!warm && clock.now() - run.started() >= warmup) {
      run.clear_latencies();
      warm = true;
    }
    const Nanos next = clock.now() + kSecond;
    while (!run.finished() && clock.now() < next)
      if (Interrupt::wait(20)) return peak;
    if (run.finished()) return peak;
  }
}

/// Of nanoseconds.
Quantiles in_us(Quantiles of) {
  for (double* each : {&of.p50, &of.p90, &of.p99, &of.p999, &of.p9999, &of.max, &of.min})
    *each /= 1000;
  return of;
}

int run_produce(const Invocation& invocation) {
  Reader read(invocation.settings);
  StormOptions options = read_storm(read);
  const Nanos warmup = read.duration("warmup");
  const std::uint64_t dry_run = read.count("dry-run");
  const std::vector<Limit> limits = read_limits(read, kFigures);
  const bool json = read.on("json"), quiet = read.on("quiet");
  const std::string junit = read.text("junit");
  ConsoleLog log(read_log_level(read));
  const Schedule& schedule = options.run.schedule;
  if (!read.given("schedule") && !schedule.is_flat_out() && schedule.rate(0) <= 0)
    read.wrong("rate", Error{.code = ErrorCode::kUsage,
                             .message = "at this rate nothing is ever sent",
                             .hint = "a number above 0, or max"});
  if (const auto wrong = read.errors()) return report_error(*wrong);
  if (dry_run > 0) return run_dry(std::move(options), dry_run, json);

  SystemClock clock;
  const Interrupt interrupt;
  auto keeper = make_keeper(options.engine, options.client, clock, log);
  if (!keeper) return report_error(keeper.error());
  if (auto topic = (*keeper)->ready_partitions(options.topic); !topic)
    return report_error(topic.error());
  const auto before = (*keeper)->end_offsets(options.topic.name);
  if (!before) return report_error(before.error());
  NoLog quiet_log;  // what keeps it from measuring is nobody's trouble
  const ClockTeller teller(
      [&clock, &quiet_log, engine = options.engine, client = for_clocks(options.client)] {
        return make_keeper(engine, client, clock, quiet_log);
      },
      {.run = options.run.claim.run, .shard = options.run.shard, .topic = options.topic.name},
      clock);
  auto started = Storm::start(std::move(options), clock, log);
  if (!started) return report_error(started.error());
  Storm& storm = **started;
  Run& run = storm.run();

  Terminal terminal(ScreenTitle::kGeneration, json, quiet);
  Snapshot last;
  const double peak = watch(storm, warmup, clock, terminal, last);
  run.stop();

  const Account account = run.account();
  const bool unconfirmed = storm.options().run.acks == kafka::Acks::kNone;
  ProduceAccount told{.run = run_name(run.claim().run),
                      .account = account,
                      .elapsed_s = static_cast<double>(run.ended() - run.started()) / 1e9,
                      .rate_avg = average_rate(account, unconfirmed),
                      .latency_us = quantiles_of(run.latency_us()),
                      .acks = storm.options().run.claim.acks,
                      .codec = storm.options().producer.compression,
                      .engine = storm.options().engine,
                      .durability = "the broker's"};
  told.stages = {{"wait", quantiles_of(run.wait_us())}, {"acknowledged", told.latency_us}};
  told.spacing_us = in_us(quantiles_of(run.spacing_ns()));
  told.spacing_wanted_us = run.spacing_wanted_us();
  told.rate_peak = std::max(peak, told.rate_avg);
  if (const auto sent = account.written - account.earlier.written; sent > 0)
    told.bytes_per_record = static_cast<double>(account.bytes) / static_cast<double>(sent);
  const auto after = (*keeper)->end_offsets(run.claim().topic);
  if (after)
    told.log_end_delta = records_in(*after) - records_in(*before);
  else
    log.warn("the log's end could not be read: {}", after.error().message);
  const ProcessCost cost = process_cost();
  told.rss_mib = static_cast<double>(cost.rss_bytes) / (1 << 20);
  told.cpu_s = cost.cpu_seconds;

  storm.show(last);
  last.rate.average = told.rate_avg;
  terminal.finish(last);
  if (json) fmt::print("{}\n", to_json(told));

  const std::uint64_t goal = unconfirmed ? account.written : account.acknowledged;
  const bool whole =
      goal + account.aborted == account.scheduled && account.failed == 0 && account.unknown == 0;
  const std::map<std::string, double> figures{
      {"p50", told.latency_us.p50 * 1e3},
      {"p90", told.latency_us.p90 * 1e3},
      {"p99", told.latency_us.p99 * 1e3},
      {"p999", told.latency_us.p999 * 1e3},
      {"max", told.latency_us.max * 1e3},
      {"rate", told.rate_avg},
      {"lost", static_cast<double>(account.scheduled -
                                   std::min(goal + account.aborted, account.scheduled))},
      {"failed", static_cast<double>(account.failed)},
      {"unknown", static_cast<double>(account.unknown)}};
  const bool held =
      judge({.file = junit,
             .suite = "datastorm produce",
             .seconds = told.elapsed_s,
             .goal = unconfirmed ? "every record is written" : "every record is acknowledged",
             .reached = whole,
             .why = fmt::format("{} of {}", goal, account.scheduled)},
            limits, figures);
  if (Interrupt::asked()) return kInterruptedCleanly;
  return whole && held ? kDone : kGoalFailed;
}

}  // namespace

Command produce_command() {
  return {
      .name = "produce",
      .purpose = "make a storm of labelled records and drive it into Kafka",
      .example = "datastorm produce --brokers kafka:9092 --topic tweets --total 50M --acks all",
      .settings = join_settings(
          {storm_settings(), std::vector<std::string_view>{"warmup", "limit", "junit", "dry-run"}}),
      .run = run_produce};
}

}  // namespace ds::cli
