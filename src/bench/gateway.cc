// The webhook: signed requests of one event, and of many lines, each acknowledged by the broker
// before it is answered. Gateway and broker are processes of their own; events are counted by the
// log's end offsets. Beside it a bare loop that only answers, under the same load.
#include <algorithm>
#include <filesystem>

#include "bench/bare_hook.h"
#include "bench/hook_load.h"
#include "bench/own_program.h"
#include "bench/suite.h"
#include "kafka/client/admin.h"

namespace ds {
namespace {

constexpr char kSecret[] = "bench-secret-of-this-run";
constexpr std::uint64_t kSingles = 100'000;  // in runs of two seconds
constexpr std::uint64_t kLines = 4'000'000;
constexpr std::uint64_t kLinesARequest = 5000;

std::string event(std::uint64_t producer, std::uint64_t sequence, std::int64_t wall_ms) {
  return fmt::format(R"({{"data":{}.{},"timestamp_producer":{},"producer_id":{},"sequence":{}}})",
                     15 + sequence % 10, sequence % 100, wall_ms, producer, sequence);
}

struct Load {
  std::vector<std::string> requests;
  std::uint64_t events = 0;
  double event_bytes = 0;
};

/// Every body differs, or the gateway would know it for a copy.
Load singles(std::uint64_t count, std::uint64_t& sequence, std::int64_t wall_ms) {
  Load load;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string body = event(i % 100, sequence++, wall_ms);
    load.event_bytes = static_cast<double>(body.size());
    load.requests.push_back(hook_request(kSecret, body, false));
  }
  load.events = count;
  return load;
}

Load lines(std::uint64_t count, std::uint64_t& sequence, std::int64_t wall_ms) {
  Load load;
  std::string body;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string one = event(load.requests.size() % 100, sequence++, wall_ms);
    load.event_bytes = static_cast<double>(one.size());
    body += one + "\n";
    if ((i + 1) % kLinesARequest != 0 && i + 1 != count) continue;
    load.requests.push_back(hook_request(kSecret, body, true));
    body.clear();
  }
  load.events = count;
  return load;
}

Result<std::uint64_t> stored(kafka::Admin& admin) {
  const auto ends = admin.end_offsets("readings");
  if (!ends) return ends.error();
  std::uint64_t sum = 0;
  for (const auto& [partition, end] : *ends) sum += static_cast<std::uint64_t>(end);
  return sum;
}

/// What one kind of load came to, run by run.
struct Pressed {
  std::vector<double> rates;                    // events a second
  std::vector<double> gateway, broker, sender;  // µs of processor time an event
};

/// Sends it, and finds all of it in the log.
Status press(kafka::Admin& admin, Part& gateway, Part& broker, const HookLoadSettings& settings,
             const Load& load, const Clock& clock, Pressed& into) {
  const auto before = stored(admin);
  if (!before) return before.error();
  const double cpu[] = {gateway.cpu_seconds(), broker.cpu_seconds(), own_cpu_seconds()};
  auto sent = send_hooks(settings, load.requests, clock);
  if (!sent) return std::move(sent).error();
  const auto events = static_cast<double>(load.events);
  into.rates.push_back(events / sent->seconds);
  into.gateway.push_back((gateway.cpu_seconds() - cpu[0]) * 1e6 / events);
  into.broker.push_back((broker.cpu_seconds() - cpu[1]) * 1e6 / events);
  into.sender.push_back((own_cpu_seconds() - cpu[2]) * 1e6 / events);
  const auto after = stored(admin);
  if (!after) return after.error();
  if (*after - *before != load.events)
    return Error{.message = fmt::format("{} events were answered 202, but the log grew by {}",
                                        load.events, *after - *before)};
  return Done{};
}

std::vector<double> by(double unit, std::vector<double> values) {
  for (double& value : values) value /= unit;
  return values;
}

}  // namespace

Rows bench_gateway(const BenchContext& context) {
  auto broker = ServedBroker::start(context.folder + "/gateway",
                                    {"--durability", "cache", "--retention-bytes", "1GiB"});
  if (!broker) return std::move(broker).error();
  auto gateway =
      Part::start({.arguments = {"gateway", "--listen", "127.0.0.1:0", "--brokers",
                                 joined((*broker)->brokers()), "--allow-topic", "readings"},
                   .environment = {fmt::format("HOOK_SECRET={}", kSecret)}});
  if (!gateway) return std::move(gateway).error();
  auto told = (*gateway)->told("gateway ready at http://");
  if (!told) return std::move(told).error().while_trying("start the gateway");
  auto address = parse_address(told->substr(0, told->find('/')));
  if (!address) return std::move(address).error();
  kafka::ClientSettings client;
  client.brokers = (*broker)->brokers();
  kafka::Admin admin(client, context.clock, context.log);
  if (auto topic = admin.ensure_topic({.name = "readings", .partitions = 3}); !topic)
    return std::move(topic).error();

  auto bare = BareHook::start();
  if (!bare) return std::move(bare).error();
  Pressed one, pipelined, many;
  std::vector<double> bare_rates;
  std::uint64_t sequence = 1;
  double event_bytes = 0;
  const HookLoadSettings plain{.server = *address, .connections = 64, .pipelined = 1},
      deep{.server = *address, .connections = 64, .pipelined = 16},
      bulk{.server = *address, .connections = 8, .pipelined = 1},
      to_bare{.server = (*bare)->address(), .connections = 64, .pipelined = 1};
  for (int run = 0; run < context.runs; ++run) {
    const std::int64_t now = context.clock.wall_ms();
    const auto send = [&](const HookLoadSettings& settings, const Load& load, Pressed& into) {
      return press(admin, **gateway, (*broker)->part(), settings, load, context.clock, into);
    };
    for (const auto& [settings, into] : {std::pair{&plain, &one}, {&deep, &pipelined}}) {
      const Load load = singles(context.scaled(kSingles), sequence, now);
      event_bytes = load.event_bytes;
      if (auto sent = send(*settings, load, *into); !sent)
        return std::move(sent).error().while_trying("send webhooks");
      if (settings != &plain) continue;
      auto answered = send_hooks(to_bare, load.requests, context.clock);
      if (!answered) return std::move(answered).error().while_trying("send to a bare loop");
      bare_rates.push_back(static_cast<double>(load.events) / answered->seconds);
    }
    const Load load = lines(context.scaled(kLines), sequence, now);
    if (auto sent = send(bulk, load, many); !sent)
      return std::move(sent).error().while_trying("send lines");
  }
  bare->reset();
  const double gateway_mib = (*gateway)->rss_mib();
  (*gateway)->stop();
  gateway->reset();
  broker->reset();
  std::error_code ignored;
  std::filesystem::remove_all(context.folder + "/gateway", ignored);

  const auto conditions = [&](std::string more) {
    return Conditions{.record_bytes = event_bytes,
                      .acks = "all, idempotent",
                      .codec = "none",
                      .durability = "cache",
                      .engine = "direct",
                      .more = std::move(more)};
  };
  std::vector<BenchRow> rows{
      row_of("one event a request", "K events/s", by(1e3, one.rates),
             conditions("64 keep-alive connections, one request under way on each, signed "
                        "(HMAC-SHA256), one sending thread; 202 after the broker's word"))
          .with_goal("P10", true, 100),
      row_of(
          "a bare loop", "K requests/s", by(1e3, bare_rates),
          conditions("reference: the same requests and sender, each answered at once and unread")),
      row_of("one event a request / bare loop", "ratio", ratios(one.rates, bare_rates),
             conditions("both in the same turn")),
      row_of("one event a request, pipelined", "K events/s", by(1e3, pipelined.rates),
             conditions("the same with 16 requests under way on each")),
      row_of("NDJSON", "M events/s", by(1e6, many.rates),
             conditions(fmt::format("{} lines a request, 8 connections", kLinesARequest)))
          .with_goal("P11", true, 3),
      row_of("the gateway's memory", "MiB", {gateway_mib},
             conditions("anonymous memory of the process, the most seen under this load"))
          .with_goal("P12", false, 256)};
  for (const auto& [name, load] : {std::pair{"one event a request", &one}, {"NDJSON", &many}})
    for (const auto& [whose, cpu] : {std::pair{"gateway", &load->gateway},
                                     {"broker", &load->broker},
                                     {"sender", &load->sender}})
      rows.push_back(row_of(fmt::format("{}, CPU of the {}", name, whose), "µs/event", *cpu,
                            conditions("of the whole process")));
  return rows;
}

}  // namespace ds
