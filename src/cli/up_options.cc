#include "cli/up_options.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <array>

#include "base/units.h"
#include "base/wrong_use.h"
#include "cli/fault_desk.h"
#include "cli/store_past.h"

namespace ds::cli {
namespace {

/// With which the broker keeps within 256 MiB (docs/broker.md).
constexpr std::uint64_t kRetentionInMemory = 192 << 20;

/// What --limit may be about.
constexpr std::string_view kFigures[] = {"lost", "doubled", "failed", "unknown",
                                         "rate", "p50",     "p90",    "p99",
                                         "p999", "max",     "faults", "recovery"};

void read_source(Reader& read, UpOptions& options) {
  constexpr std::string_view kSources[] = {"tweets", "sensors"};
  options.sensors = read.choice("source", kSources) == "sensors";
  options.hook = read_hook(read, options.storm.topic.name);
  options.via = read.text("via");
  options.hook.hook.client = options.storm.client;
  options.hook.hook.partitions = options.storm.topic.partitions;
  options.hook.hook.replication = options.storm.topic.replication;
  if (!options.sensors) return;
  options.sensing = read_sensors(read, read.given("rate") ? read.quantity("rate") : 0);
  options.sensing.settings.duration = read.duration("duration");
  options.sensing.settings.total = read.count("total");
  if (options.via == "hook" && !options.hook.has_secret()) {
    std::array<std::uint8_t, 32> bytes;  // known to this process alone
    check(getrandom(bytes.data(), bytes.size(), 0) == 32, "getrandom failed");
    options.hook.hook.secrets = {to_hex(bytes)};
    options.drawn_secret = true;
  }
  if (options.sensing.hook) {
    options.sensing.hook->topic = options.storm.topic.name;
    if (options.hook.has_secret()) options.sensing.hook->secret = options.hook.hook.secrets.front();
    if (!options.hook.has_secret())
      read.wrong("via",
                 wrong_use("the webhook's secret is needed to sign for it", "set HOOK_SECRET"));
  }
}

void read_faults(Reader& read, UpOptions& options) {
  const auto wrong = [&](std::string message, std::string hint) {
    read.wrong("fault", wrong_use(std::move(message), std::move(hint)));
  };
  for (const std::string& text : read.list("fault"))
    if (auto fault = parse_fault(text))
      options.faults.push_back(std::move(*fault));
    else
      read.wrong("fault", fault.error());
  const std::int32_t partitions = options.storm.topic.partitions;
  for (const Fault& fault : options.faults) {
    if (needs_proxy(fault) && !options.embedded)
      wrong(fmt::format("'{}' is played before the broker inside", fault.text),
            "leave --brokers out");
    if (needs_proxy(fault) && options.storm.run.acks == kafka::Acks::kNone)
      wrong(fmt::format("'{}' needs acknowledgements", fault.text), "--acks 1 or all");
    if ((needs_proxy(fault) || fault.kind == FaultKind::kSkewClock) && options.sensors)
      wrong(fmt::format("'{}' is played on the storm", fault.text), "source = \"tweets\"");
    if (fault.kind == FaultKind::kPausePartition && fault.amount >= partitions)
      wrong(fmt::format("'{}': the topic has {} partitions", fault.text, partitions),
            fmt::format("0 to {}", partitions - 1));
    for (const Fault* other = options.faults.data(); other != &fault; ++other)
      if (other->kind == fault.kind && other->at < fault.at + fault.length &&
          fault.at < other->at + other->length)
        wrong(fmt::format("'{}' begins before '{}' has ended", fault.text, other->text),
              "one of a kind at a time");
  }
}

}  // namespace

UpOptions read_up(Reader& read) {
  UpOptions options;
  options.data_dir = read.text("data-dir");
  options.embedded = !read.given("brokers");
  options.broker = read_broker(read, "broker-listen", options.data_dir + "/broker");
  if (options.broker.durability.mode == kafka::broker::DurabilityMode::kMemory &&
      !read.given("retention-bytes"))
    options.broker.retention_bytes = kRetentionInMemory;
  options.storm = read_storm(read);
  options.intake = read_intake(read);
  // The storm's engine has judged them: what it took is not the source's to refuse.
  options.intake.client.properties = options.storm.client.properties;
  options.dashboard = {.dashboard = read.take("dashboard", parse_listen(read.text("dashboard"))),
                       .control = read.take("control", parse_listen(read.text("control"))),
                       .history_file = options.data_dir + "/history.db",
                       .guard = {.token = read.text("token"), .hosts = read.list("allow-host")}};
  for (const Address& each : {options.dashboard.dashboard, *options.dashboard.control})
    if (auto allowed = Guard::allows(each, options.dashboard.guard);
        !allowed && !each.host.empty())  // one that could not be read has been told
      read.wrong(allowed.error());
  if (auto past = past_of(options.intake.sink(), options.intake.store))
    options.dashboard.past_of_store = std::move(past);
  options.scenario = read.text("scenario");
  read_source(read, options);
  for (const std::string& text : read.list("event"))
    if (auto event = parse_event(text))
      options.events.push_back(*event);
    else
      read.wrong("event", event.error());
  if (options.sensors && !options.events.empty())
    read.wrong("event", wrong_use("sensors take no orders", "source = \"tweets\""));
  read_faults(read, options);
  options.limits = read_limits(read, kFigures);
  options.junit = read.text("junit");
  options.json = read.on("json");
  options.quiet = read.on("quiet");
  return options;
}

}  // namespace ds::cli
