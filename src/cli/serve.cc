// `datastorm serve`: the dashboard alone, over a store that others fill.
#include <fmt/format.h>

#include "base/json_writer.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/interrupt.h"
#include "cli/onlooker.h"
#include "sink/make_sink.h"
#include "web/dashboard.h"

namespace ds::cli {
namespace {

struct ServeAccount {
  std::string command = "serve";
  std::string dashboard;
  Snapshot snapshot;
  static void fields(auto& self, auto& io) {
    io("command", self.command);
    io("dashboard", self.dashboard);
    Snapshot::fields(self.snapshot, io);
  }
};

std::string read_store(Reader& read, const std::string& data_dir) {
  const auto sinks = read.list("sink");
  if (sinks.empty()) return data_dir + "/datastorm.db";
  if (const auto path = sqlite_path(sinks.front()); path && sinks.size() == 1) return *path;
  read.wrong("sink", Error{.code = ErrorCode::kUsage,
                           .message = fmt::format("'{}' cannot be looked at", sinks.front()),
                           .hint = "serve shows one store: sqlite:PATH"});
  return {};
}

int run_serve(const Invocation& invocation) {
  Reader read(invocation.settings);
  const std::string data_dir = read.text("data-dir");
  // PORT is the dashboard's, as in `up`; --listen is what a command alone is told.
  const std::string_view where = read.given("listen") ? "listen" : "dashboard";
  const Address listen = read.take(where, parse_listen(read.text(where)));
  Onlooker::Settings looked_at{.store = read_store(read, data_dir), .brokers = {}};
  kafka::ClientSettings client = read_kafka(read);
  if (read.given("brokers")) looked_at.brokers = std::move(client);
  GuardSettings guard{.token = read.text("token"), .hosts = read.list("allow-host")};
  const bool json = read.on("json"), quiet = read.on("quiet");
  ConsoleLog log(read_log_level(read));
  if (const auto wrong = read.errors()) return report_error(*wrong);
  if (auto made = make_data_folder(data_dir); !made) return report_error(made.error());

  const SystemClock clock;
  const Interrupt interrupt;
  const Onlooker onlooker(std::move(looked_at), clock, log);
  auto dashboard = Dashboard::start(
      {.dashboard = listen,
       .control = {},
       .history_file = data_dir + "/serve.db",
       .guard = std::move(guard),
       .option = fmt::format("--{}", where)},
      [&onlooker] { return onlooker.snapshot(); }, {}, clock, log);
  if (!dashboard) return report_error(as_wrong_use(std::move(dashboard).error()));
  const std::string address = (*dashboard)->address().to_string();
  if (!quiet) fmt::print(stderr, "dashboard  http://{}\n", address);
  while (!Interrupt::wait(1000)) continue;

  (*dashboard)->tick_now();
  const Snapshot last = (*dashboard)->latest();
  if (json) fmt::print("{}\n", to_json(ServeAccount{.dashboard = address, .snapshot = last}));
  return Interrupt::servers_exit_code();
}

}  // namespace

Command serve_command() {
  return {.name = "serve",
          .purpose = "show a store that others fill on the dashboard",
          .example = "datastorm serve --sink sqlite:tweets.db --brokers 127.0.0.1:9092",
          .settings = join_settings(
              {kKafkaSettings, std::vector<std::string_view>{"listen", "dashboard", "token",
                                                             "allow-host", "sink"}}),
          .defaults = {{"listen", "127.0.0.1:3000"}},
          .run = run_serve};
}

}  // namespace ds::cli
