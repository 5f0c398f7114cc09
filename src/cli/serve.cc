// `datastorm serve`: the dashboard alone, over a store that others fill.
#include <fmt/format.h>

#include <filesystem>

#include "base/json_writer.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/intake.h"
#include "cli/interrupt.h"
#include "cli/onlooker.h"
#include "cli/store_past.h"
#include "sink/influx_watch.h"
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

/// The store that is shown: its name, and how it is looked at.
void read_store(Reader& read, const std::string& data_dir, const Clock& clock,
                Onlooker::Settings& looked_at, Dashboard::PastOfStore& past) {
  const auto sinks = read.list("sink");
  const SinkSettings access = read_store_access(read);
  std::string path = data_dir + "/datastorm.db";
  if (!sinks.empty()) {
    const std::string& sink = sinks.front();
    if (auto server = flux_server(sink, access); server && sinks.size() == 1) {
      looked_at.store = {.kind = "influx",
                         .path = fmt::format("{}, bucket {}", without_password(server->url),
                                             access.influx_bucket)};
      looked_at.was_there = true;
      looked_at.open = [server = *server, bucket = access.influx_bucket,
                        &clock]() -> Result<std::unique_ptr<Watch>> {
        return std::unique_ptr<Watch>(std::make_unique<InfluxWatch>(server, bucket, clock));
      };
      past = past_of(sink, access);
      return;
    }
    const auto file = sqlite_path(sink);
    if (!file || sinks.size() != 1)
      return read.wrong("sink",
                        Error{.code = ErrorCode::kUsage,
                              .message = fmt::format(
                                  "'{}' cannot be looked at",
                                  without_password(fmt::format("{}", fmt::join(sinks, " and ")))),
                              .hint = "serve shows one store: sqlite:PATH, or influx:URL (2.x)"});
    path = *file;
  }
  looked_at.store = {.kind = "sqlite", .path = path};
  looked_at.was_there = std::filesystem::exists(path);
  looked_at.open = [path]() -> Result<std::unique_ptr<Watch>> {
    if (!std::filesystem::exists(path))
      return Error{.code = ErrorCode::kStorage,
                   .message = fmt::format("waiting for {}, which `datastorm consume` makes", path)};
    auto opened = StoreWatch::open(path);
    if (!opened) return std::move(opened).error();
    return std::unique_ptr<Watch>(std::make_unique<StoreWatch>(std::move(*opened)));
  };
}

int run_serve(const Invocation& invocation) {
  Reader read(invocation.settings);
  const std::string data_dir = read.text("data-dir");
  // PORT is the dashboard's, as in `up`; --listen is what a command alone is told.
  const std::string_view where = read.given("listen") ? "listen" : "dashboard";
  const Address listen = read.take(where, parse_listen(read.text(where)));
  const SystemClock clock;
  Onlooker::Settings looked_at{.group = read.text("group"), .topic = read_topic(read)};
  Dashboard::PastOfStore past;
  read_store(read, data_dir, clock, looked_at, past);
  kafka::ClientSettings client = read_kafka(read);
  if (read.given("brokers")) looked_at.brokers = std::move(client);
  const GuardSettings guard{.token = read.text("token"), .hosts = read.list("allow-host")};
  if (auto allowed = Guard::allows(listen, guard); !allowed && !listen.host.empty())
    read.wrong(allowed.error());
  const bool json = read.on("json"), quiet = read.on("quiet");
  ConsoleLog log(read_log_level(read));
  if (const auto wrong = read.errors()) return report_error(*wrong);
  if (auto made = make_data_folder(data_dir); !made) return report_error(made.error());

  const Interrupt interrupt;
  const Onlooker onlooker(std::move(looked_at), clock, log);
  auto dashboard = Dashboard::start(
      {.dashboard = listen,
       .control = {},
       .history_file = data_dir + "/serve.db",
       .past_of_store = std::move(past),
       .guard = guard,
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
              {std::vector<std::string_view>{"listen", "dashboard", "token", "allow-host", "sink"},
               kStoreAccess, kKafkaSettings, std::vector<std::string_view>{"topic", "group"}}),
          .defaults = {{"listen", "127.0.0.1:3000"}},
          .run = run_serve};
}

}  // namespace ds::cli
