// `datastorm gateway`: the webhook alone, in front of any Kafka.
#include "web/gateway.h"

#include <fmt/format.h>

#include "base/json_writer.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/hook_options.h"
#include "cli/interrupt.h"
#include "cli/storm_options.h"
#include "observe/process.h"

namespace ds::cli {
namespace {

constexpr Nanos kGrace = kSecond;
constexpr Nanos kDrain = 6 * kSecond;

struct GatewayAccount {
  std::string command = "gateway";
  std::string address;
  HookCounters hook;
  HttpCounters http;
  std::uint64_t unanswered = 0;
  Quantiles latency_us;
  double elapsed_s = 0;
  double rss_mib = 0;
  double cpu_s = 0;

  static void fields(auto& self, auto& io) {
    io("command", self.command);
    io("address", self.address);
    io("connections", self.http.accepted);
    io("requests", self.hook.requests);
    io("answers", self.answers());
    io("acknowledged", self.hook.events);
    io("failed", self.hook.not_stored);
    io("bytes", self.hook.bytes);
    io("copies", self.hook.copies);
    io("refused_by_framing", self.http.refused);
    io("unanswered", self.unanswered);
    io("latency_us", self.latency_us);
    io("elapsed_s", self.elapsed_s);
    io("rss_mib", self.rss_mib);
    io("cpu_s", self.cpu_s);
  }
  std::map<std::string, std::uint64_t> answers() const {
    std::map<std::string, std::uint64_t> by_status;
    for (const auto& [status, count] : hook.answers) by_status[std::to_string(status)] = count;
    return by_status;
  }
};

GatewaySettings read_gateway(Reader& read, HookOptions options) {
  GatewaySettings settings;
  const bool by_port = !read.given("listen") && read.given("port");
  settings.listen = by_port ? read.take("port", parse_listen(read.text("port")))
                            : read.take("listen", parse_listen(read.text("listen")));
  settings.path = options.path;
  settings.limits.body_bytes = read.size("body-bytes");
  settings.limits.write_time = settings.limits.header_time;
  settings.hook = std::move(options.hook);
  settings.hook.client = read_kafka(read);
  settings.hook.client.client_id = "datastorm-gateway";
  settings.hook.partitions = static_cast<std::int32_t>(read.count("partitions"));
  settings.hook.replication = static_cast<std::int16_t>(read.count("replication"));
  return settings;
}

int run_gateway(const Invocation& invocation) {
  Reader read(invocation.settings);
  HookOptions options = read_hook(read, read.text("topic"));
  if (!options.has_secret())
    read.wrong(Error{.code = ErrorCode::kUsage,
                     .message = "the webhook needs a secret, and there is none",
                     .hint = "set HOOK_SECRET, or name a file of secrets with --hook-secret-file"});
  const std::string secret_file = options.secret_file;
  const GatewaySettings settings = read_gateway(read, std::move(options));
  const bool json = read.on("json"), quiet = read.on("quiet");
  ConsoleLog log(read_log_level(read));
  if (const auto wrong = read.errors()) return report_error(*wrong);

  const Interrupt interrupt;
  const SystemClock clock;
  const Nanos begun = clock.now();
  auto started = Gateway::start(settings, clock, log);
  if (!started) return report_error(started.error());
  Gateway& gateway = **started;
  GatewayAccount account{.address = gateway.address().to_string()};
  if (!quiet)
    fmt::print(stderr, "gateway ready at http://{}{}, {} secret{}, topics {}\n", account.address,
               settings.path, settings.hook.secrets.size(),
               settings.hook.secrets.size() == 1 ? "" : "s", fmt::join(settings.hook.topics, ", "));
  if (gateway.hook().away())
    log.warn("{} does not answer: senders hear 503 until it does",
             settings.hook.client.brokers.front().to_string());
  SecretFile secrets(secret_file, log);
  while (!Interrupt::wait(1000)) secrets.look(gateway.hook());

  account.unanswered = gateway.drain(kGrace, kDrain);
  gateway.hook().stop();
  account.hook = gateway.hook().counters();
  account.http = gateway.http();
  account.latency_us = quantiles_of(account.hook.latency_us);
  account.elapsed_s = static_cast<double>(clock.now() - begun) / 1e9;
  const ProcessCost cost = process_cost();
  account.rss_mib = static_cast<double>(cost.rss_bytes) / (1 << 20);
  account.cpu_s = cost.cpu_seconds;
  if (!quiet)
    fmt::print(stderr, "gateway stopped: {} requests, {} events acknowledged, {} not stored\n",
               with_commas(account.hook.requests), with_commas(account.hook.events),
               with_commas(account.hook.not_stored));
  if (json) fmt::print("{}\n", to_json(account));
  return Interrupt::servers_exit_code();
}

}  // namespace

Command gateway_command() {
  return {.name = "gateway",
          .purpose = "take signed webhooks and store their events in Kafka",
          .example = "HOOK_SECRET=… datastorm gateway --brokers kafka:9092 --allow-topic readings",
          .settings =
              join_settings({kKafkaSettings, kHookSettings,
                             std::vector<std::string_view>{"listen", "port", "topic", "partitions",
                                                           "replication", "body-bytes"}}),
          .defaults = {{"listen", "127.0.0.1:3000"}, {"topic", "readings"}, {"partitions", "3"}},
          .run = run_gateway};
}

}  // namespace ds::cli
