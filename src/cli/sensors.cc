// `datastorm sensors`: many small producers of readings, through a webhook or into Kafka.
#include "storm/sensors.h"

#include <fmt/format.h>

#include "base/json_writer.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/hook_options.h"
#include "cli/interrupt.h"
#include "cli/junit.h"
#include "cli/sensor_options.h"
#include "cli/storm_options.h"
#include "ledger/clock_watch.h"
#include "observe/process.h"

namespace ds::cli {
namespace {

struct SensorsAccount {
  std::string command = "sensors";
  std::string run;
  std::string via;
  std::string topic;
  std::string distribution;
  std::uint64_t producers = 0;
  Account account;
  std::optional<std::uint64_t> read_back = std::nullopt;  // nobody here reads
  std::uint64_t retries = 0;
  double rate_wanted = 0;
  double rate_avg = 0;
  double elapsed_s = 0;
  Quantiles latency_us;
  double rss_mib = 0;
  double cpu_s = 0;

  static void fields(auto& self, auto& io) {
    io("command", self.command);
    io("run", self.run);
    io("via", self.via);
    io("topic", self.topic);
    io("distribution", self.distribution);
    io("producers", self.producers);
    io("scheduled", self.account.scheduled);
    io("enqueued", self.account.enqueued);
    io("written", self.account.written);
    io("acknowledged", self.account.acknowledged);
    io("failed", self.account.failed);
    io("unknown", self.account.unknown);
    io("read_back", self.read_back);
    io("retries", self.retries);
    io("bytes", self.account.bytes);
    io("rate_wanted", self.rate_wanted);
    io("rate_avg", self.rate_avg);
    io("elapsed_s", self.elapsed_s);
    io("latency_us", self.latency_us);
    io("rss_mib", self.rss_mib);
    io("cpu_s", self.cpu_s);
  }
};

void show_line(const Sensors& sensors, const Clock& clock) {
  const Account now = sensors.account();
  fmt::print(stderr, "{} due {}, acknowledged {}, failed {}, unknown {}, sent again {}\n",
             hours_minutes_seconds(static_cast<double>(clock.now() - sensors.started()) / 1e9),
             with_commas(now.scheduled), with_commas(now.acknowledged), with_commas(now.failed),
             with_commas(now.unknown), with_commas(sensors.retries()));
}

SensorsAccount account_of(const Sensors& sensors) {
  SensorsAccount told{.distribution = sensors.settings().distribution.to_string(),
                      .producers = sensors.settings().producers,
                      .account = sensors.account(),
                      .retries = sensors.retries(),
                      .rate_wanted = sensors.settings().rate,
                      .elapsed_s = static_cast<double>(sensors.ended() - sensors.started()) / 1e9,
                      .latency_us = quantiles_of(sensors.latency_us())};
  // As many readings as there are, each 1 / rate long.
  const Nanos took = told.account.last_delivery - sensors.started();
  if (took > 0)
    told.rate_avg =
        static_cast<double>(told.account.acknowledged) * 1e9 / static_cast<double>(took);
  const ProcessCost cost = process_cost();
  told.rss_mib = static_cast<double>(cost.rss_bytes) / (1 << 20);
  told.cpu_s = cost.cpu_seconds;
  return told;
}

/// What --limit may be about.
constexpr std::string_view kFigures[] = {"p50",  "p90",  "p99",    "p999",   "max",
                                         "rate", "lost", "failed", "unknown"};

int run_sensors(const Invocation& invocation) {
  Reader read(invocation.settings);
  const std::string topic = read.text("topic"), via = read.text("via");
  SensorOptions options = read_sensors(read, read.given("rate") ? read.quantity("rate") : 0);
  options.settings.total = read.count("total");
  options.settings.duration = read.duration("duration");
  const HookOptions hook = read_hook(read, topic);
  if (options.hook && !hook.has_secret())
    read.wrong(Error{.code = ErrorCode::kUsage,
                     .message = "the webhook's secret is needed to sign for it",
                     .hint = "set HOOK_SECRET, or name a file of secrets with --hook-secret-file"});
  kafka::TopicFeed::Settings feed{
      .client = read_kafka(read),
      .topic = {.name = topic,
                .partitions = static_cast<std::int32_t>(read.count("partitions")),
                .replication = static_cast<std::int16_t>(read.count("replication"))},
      .give_up = read.duration("delivery-timeout")};
  constexpr std::string_view kKeys[] = {"none", "sensor"};
  feed.keyed = read.choice("keys", kKeys) == "sensor";
  if (feed.keyed && options.hook)
    read.wrong("keys", Error{.code = ErrorCode::kUsage,
                             .message = "through a webhook readings have no keys",
                             .hint = "--via kafka"});
  if (options.hook && options.hook->address.port == 0)
    read.wrong("via", Error{.code = ErrorCode::kUsage,
                            .message = "only `datastorm up` has a hook of its own",
                            .hint = "kafka, or http://HOST:PORT/PATH"});
  if (options.hook) {
    options.hook->topic = topic;
    options.hook->give_up = feed.give_up;
    options.hook->connections = read.count("connections");
    if (hook.has_secret()) options.hook->secret = hook.hook.secrets.front();
  }
  const std::vector<Limit> limits = read_limits(read, kFigures);
  const std::string junit = read.text("junit");
  const std::uint64_t run = read_run_id(read);
  // Those who send through a webhook may know of no broker at all.
  const bool claiming = !options.hook || read.given("brokers");
  const bool json = read.on("json"), quiet = read.on("quiet");
  ConsoleLog log(read_log_level(read));
  if (const auto wrong = read.errors()) return report_error(*wrong);

  const SystemClock clock;
  const Interrupt interrupt;
  std::optional<SensorClaims> claims;
  if (claiming) claims.emplace(feed.client, topic, run, clock, log);
  NoLog quiet_log;
  std::optional<ClockTeller> teller;
  if (claiming)
    teller.emplace(
        [&clock, &quiet_log, client = for_clocks(feed.client)] {
          return make_keeper("direct", client, clock, quiet_log);
        },
        ClockOwner{.run = run, .topic = topic}, clock);
  SensorLedger* const ledger = claims ? &claims->ledger() : nullptr;
  auto started = options.hook
                     ? Sensors::start(options.settings, *options.hook, clock, log, ledger)
                     : Sensors::start(options.settings, SensorsViaKafka{feed}, clock, log, ledger);
  if (!started) return report_error(started.error());
  Sensors& sensors = **started;
  for (Nanos next = clock.now() + 5 * kSecond; !sensors.finished() && !Interrupt::wait(20);)
    if (!quiet && clock.now() >= next) {
      show_line(sensors, clock);
      next += 5 * kSecond;
    }
  sensors.stop();
  if (ledger != nullptr) ledger->close();

  SensorsAccount told = account_of(sensors);
  if (ledger != nullptr) told.run = run_name(run);
  told.via = via;
  told.topic = topic;
  if (!quiet) {
    show_line(sensors, clock);
    fmt::print(stderr, "{:.0f} readings/s of {:.0f}, latency p50 {:.1f} ms, p99 {:.1f} ms\n",
               told.rate_avg, told.rate_wanted, told.latency_us.p50 / 1e3,
               told.latency_us.p99 / 1e3);
    if (!sensors.first_failure().empty()) log.warn("first failure: {}", sensors.first_failure());
  }
  if (json) fmt::print("{}\n", to_json(told));
  const Account& account = told.account;
  const std::uint64_t lost = account.scheduled - std::min(account.acknowledged, account.scheduled);
  const bool held = judge({.file = junit,
                           .suite = "datastorm sensors",
                           .seconds = told.elapsed_s,
                           .goal = "every reading is acknowledged",
                           .reached = lost == 0,
                           .why = fmt::format("{} of {} are not", lost, account.scheduled)},
                          limits,
                          {{"p50", told.latency_us.p50 * 1e3},
                           {"p90", told.latency_us.p90 * 1e3},
                           {"p99", told.latency_us.p99 * 1e3},
                           {"p999", told.latency_us.p999 * 1e3},
                           {"max", told.latency_us.max * 1e3},
                           {"rate", told.rate_avg},
                           {"lost", static_cast<double>(lost)},
                           {"failed", static_cast<double>(account.failed)},
                           {"unknown", static_cast<double>(account.unknown)}});
  if (Interrupt::asked()) return kInterruptedCleanly;
  return lost == 0 && held ? kDone : kGoalFailed;
}

}  // namespace

Command sensors_command() {
  return {
      .name = "sensors",
      .purpose = "send readings of many sensors, through a webhook or straight into Kafka",
      .example = "HOOK_SECRET=… datastorm sensors --producers 100 --via http://127.0.0.1:3000/hook",
      .settings = join_settings(
          {kKafkaSettings, kSensorSettings, kHookSettings,
           std::vector<std::string_view>{"topic", "run", "partitions", "replication", "rate",
                                         "total", "duration", "connections", "delivery-timeout",
                                         "keys", "limit", "junit"}}),
      .defaults = {{"topic", "readings"},
                   {"partitions", "3"},
                   {"total", "0"},
                   {"connections", "16"},
                   {"rate", ""},
                   {"delivery-timeout", "30s"}},
      .run = run_sensors};
}

}  // namespace ds::cli
