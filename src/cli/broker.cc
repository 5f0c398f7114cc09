// `datastorm broker`: the embedded broker alone.
#include "kafka/broker/broker.h"

#include <fmt/format.h>

#include "base/json_writer.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/interrupt.h"

namespace ds::cli {
namespace {

struct BrokerAccount {
  std::string command = "broker";
  std::string address;  // the first of them
  std::vector<std::string> listeners;
  std::string cluster_id;
  std::string durability;
  kafka::broker::BrokerStats stats;

  static void fields(auto& self, auto& io) {
    io("command", self.command);
    io("address", self.address);
    io("listeners", self.listeners);
    io("cluster_id", self.cluster_id);
    io("durability", self.durability);
    io("stats", self.stats);
  }
};

int run_broker(const Invocation& invocation) {
  Reader read(invocation.settings);
  const kafka::broker::BrokerSettings settings = read_broker(read, "listen", read.text("data-dir"));
  const bool json = read.on("json"), quiet = read.on("quiet");
  ConsoleLog log(read_log_level(read));
  if (const auto wrong = read.errors()) return report_error(*wrong);

  const Interrupt interrupt;
  SystemClock clock;
  RealFiles files;
  auto broker = kafka::broker::Broker::start(settings, files, clock, log);
  if (!broker) return report_error(as_wrong_use(std::move(broker).error()));
  std::vector<std::string> listeners;
  for (const auto& each : (*broker)->listeners()) listeners.push_back(each.to_string());
  const BrokerAccount begun{.address = (*broker)->address().to_string(),
                            .listeners = listeners,
                            .cluster_id = (*broker)->cluster_id(),
                            .durability = (*broker)->durability().to_string(),
                            .stats = {}};
  if (!quiet)
    fmt::print(stderr, "broker ready at {}, durability {}, data in {}\n",
               fmt::join(begun.listeners, " "), begun.durability, settings.data_dir);
  while (!Interrupt::wait(1000)) continue;

  BrokerAccount account = begun;
  account.stats = (*broker)->stats();
  (*broker)->stop();
  if (!quiet)
    fmt::print(stderr, "broker stopped: {} records ({}) came in, {} went out\n",
               with_commas(account.stats.records_in),
               human_bytes(static_cast<double>(account.stats.bytes_in)),
               human_bytes(static_cast<double>(account.stats.bytes_out)));
  if (json) fmt::print("{}\n", to_json(account));
  return Interrupt::servers_exit_code();
}

}  // namespace

Command broker_command() {
  return {.name = "broker",
          .purpose = "run the embedded Kafka broker alone",
          .example = "datastorm broker --listen 127.0.0.1:9092 --durability cache",
          .settings = join_settings({kBrokerSettings, std::vector<std::string_view>{"listen"}}),
          .defaults = {{"data-dir", "datastorm-data/broker"}},  // the folder that `up` keeps its in
          .run = run_broker};
}

}  // namespace ds::cli
