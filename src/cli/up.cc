// `datastorm up`: broker, storm, pipeline and dashboard in one process, put together from the very
// objects that the single commands start.
#include <fmt/format.h>

#include "base/json_writer.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/desk.h"
#include "cli/intake.h"
#include "cli/interrupt.h"
#include "cli/live_balance.h"
#include "cli/storm_options.h"
#include "cli/terminal.h"
#include "ledger/verify.h"
#include "sink/make_sink.h"
#include "sink/sqlite_reader.h"
#include "web/dashboard.h"

namespace ds::cli {
namespace {

constexpr Nanos kCatchUpMax = 60 * kSecond;
constexpr Nanos kGroupWaitMax = 5 * kSecond;

struct UpOptions {
  std::string data_dir;
  bool embedded = true;
  kafka::broker::BrokerSettings broker;
  StormOptions storm;
  IntakeOptions intake;
  Dashboard::Settings dashboard;
  bool json = false, quiet = false;
};

UpOptions read_up(Reader& read) {
  UpOptions options;
  options.data_dir = read.text("data-dir");
  options.embedded = !read.given("brokers");
  options.broker = read_broker(read, "broker-listen", options.data_dir + "/broker");
  options.storm = read_storm(read);
  options.intake = read_intake(read);
  options.dashboard = {.dashboard = read.take("dashboard", parse_listen(read.text("dashboard"))),
                       .control = read.take("control", parse_listen(read.text("control"))),
                       .history_file = options.data_dir + "/history.db",
                       .guard = {.token = read.text("token"), .hosts = read.list("allow-host")}};
  options.json = read.on("json");
  options.quiet = read.on("quiet");
  return options;
}

struct UpAccount {
  std::string command = "up";
  Snapshot snapshot;
  static void fields(auto& self, auto& io) {
    io("command", self.command);
    Snapshot::fields(self.snapshot, io);
  }
};

/// Records in the topic that the store does not hold yet.
Result<std::uint64_t> backlog_of(const UpOptions& options, const Intake& intake, const Clock& clock,
                                 Log& log) {
  kafka::Admin admin(options.storm.client, clock, log);
  auto ends = admin.end_offsets(options.storm.topic.name);
  if (!ends) return std::move(ends).error();
  auto starts = admin.start_offsets(options.storm.topic.name);
  if (!starts) return std::move(starts).error();
  std::uint64_t backlog = 0;
  for (const auto& [partition, end] : *ends) {
    const auto found = intake.positions_at_start().find({options.storm.topic.name, partition});
    const std::int64_t from = found == intake.positions_at_start().end()
                                  ? starts->at(partition)
                                  : std::max(found->second, starts->at(partition));
    backlog += static_cast<std::uint64_t>(std::max<std::int64_t>(0, end - from));
  }
  return backlog;
}

/// A run's claims, as the store has them, against its rows.
Result<Verdict> row_by_row(const std::string& store, const std::string& run) {
  auto reader = SqliteReader::open(store);
  if (!reader) return std::move(reader).error();
  auto book = reader->claims();
  if (!book) return std::move(book).error();
  auto claimed = choose_run(*book, run);
  if (!claimed) return std::move(claimed).error();
  return verify_store(*reader, **claimed);
}

/// Everything that `up` runs, in the order in which it starts; it ends in the reverse order.
class Up {
 public:
  Up(UpOptions options, const Clock& clock, Log& log)
      : options_(std::move(options)), clock_(clock), log_(log) {}

  Status start() {
    if (auto made = make_data_folder(options_.data_dir); !made) return made;
    if (options_.embedded) {
      auto broker = kafka::broker::Broker::start(options_.broker, files_, clock_, log_);
      if (!broker)
        return std::move(broker).error().while_trying("start the broker (--broker-listen)");
      broker_ = std::move(*broker);
      options_.storm.client.brokers = options_.intake.client.brokers = {broker_->address()};
    }
    {
      // The topic first, so that the backlog can be told from what this run adds.
      kafka::Admin admin(options_.storm.client, clock_, log_);
      if (auto topic = admin.ensure_topic(options_.storm.topic); !topic)
        return std::move(topic).error();
    }
    auto intake = Intake::start(options_.intake, clock_, log_);
    if (!intake) return std::move(intake).error().while_trying("start the pipeline");
    intake_ = std::move(*intake);
    wait_for_the_group();
    auto backlog = backlog_of(options_, *intake_, clock_, log_);
    if (!backlog) return std::move(backlog).error();
    balance_.emplace(*backlog);
    auto storm = Storm::start(options_.storm, clock_, log_);
    if (!storm) return std::move(storm).error().while_trying("start the storm");
    storm_ = std::move(*storm);
    desk_.emplace(*storm_, clock_);
    auto dashboard = Dashboard::start(
        options_.dashboard, [this] { return take(); }, desk_->controls(), clock_, log_);
    if (!dashboard) return std::move(dashboard).error();
    dashboard_ = std::move(*dashboard);
    return Done{};
  }

  std::string welcome() const {
    std::string text = fmt::format("dashboard  http://{}\n", dashboard_->address().to_string());
    if (const auto& control = dashboard_->control_address())
      text += fmt::format("control    http://{}/status\n", control->to_string());
    text +=
        fmt::format("broker     {}{}\n", options_.storm.client.brokers.front().to_string(),
                    broker_ ? ", embedded, durability " + broker_->durability().to_string() : "");
    text += fmt::format("store      {}\nCtrl-C drains and prints the account.\n",
                        intake_->pipeline().description());
    return text;
  }

  Snapshot latest() const { return dashboard_->latest(); }
  bool storm_finished() const { return storm_->run().finished(); }
  Status outcome() const { return intake_->pipeline().outcome(); }
  bool failed() const { return intake_->pipeline().finished(); }

  /// The storm ends, the pipeline catches up, and everything is counted once more.
  Snapshot drain(Terminal& terminal) {
    draining_ = true;
    storm_->run().stop();
    const Nanos until = clock_.now() + kCatchUpMax;
    Nanos shown = 0;
    while (!caught_up() && !intake_->pipeline().finished() && clock_.now() < until) {
      if (clock_.now() - shown > kSecond) terminal.show(latest(), shown = clock_.now());
      intake_->pipeline().wait(10 * kMillisecond);
    }
    intake_->stop();
    settled_ = true;
    dashboard_->tick_now();
    Snapshot last = latest();
    dashboard_.reset();
    if (broker_) broker_->stop();
    if (last.balance.doubled > 0) tell_apart(last);
    return last;
  }

 private:
  /// The broker keeps what the group has not read; so the group's place comes before the storm.
  void wait_for_the_group() {
    kafka::Admin admin(options_.storm.client, clock_, log_);
    const Nanos until = clock_.now() + kGroupWaitMax;
    while (clock_.now() < until && !Interrupt::asked()) {
      const auto& consumer = options_.intake.consumer;
      const auto committed = admin.group_committed(consumer.group, consumer.topic);
      const auto topic = admin.describe_topic(consumer.topic);
      if (committed && topic && committed->size() == topic->partitions.size()) return;
      intake_->pipeline().wait(5 * kMillisecond);
    }
    log_.warn("the group {} has not told its place: what it has not read may be dropped",
              options_.intake.consumer.group);
  }

  bool caught_up() const {
    Snapshot now;
    storm_->show(now);
    intake_->show(now);
    return balance_->settle(now).missing == 0 && intake_->pipeline().account().lag == 0;
  }

  /// More is stored than was acknowledged: is it this run's, twice, or did others write meanwhile?
  void tell_apart(Snapshot& last) const {
    const auto path = sqlite_path(options_.intake.sink);
    if (!path) return;
    const auto verdict = row_by_row(*path, last.run);
    if (verdict)
      last.balance = balance_->settle(last, *verdict);
    else
      log_.warn("who wrote what is not known: {}", verdict.error().message);
  }

  /// On the dashboard's lane.
  Snapshot take() {
    desk_->tick();
    Snapshot s;
    s.scenario = "brandpulse";
    storm_->show(s);
    intake_->show(s);
    s.state = settled_ ? "finished" : draining_ ? "draining" : desk_->state();
    s.broker = {.address = options_.storm.client.brokers.front().to_string(),
                .embedded = broker_ != nullptr};
    if (broker_) {
      s.broker.durability = broker_->durability().to_string();
      const auto stats = broker_->stats();
      s.broker.bytes = stats.log_bytes;
      s.broker.held = stats.producers_held > 0;
    }
    s.balance = settled_ ? balance_->settle(s) : balance_->look(s);
    return s;
  }

  UpOptions options_;
  const Clock& clock_;
  Log& log_;
  RealFiles files_;
  std::atomic<bool> draining_{false}, settled_{false};
  std::unique_ptr<kafka::broker::Broker> broker_;
  std::unique_ptr<Intake> intake_;
  std::optional<LiveBalance> balance_;
  std::unique_ptr<Storm> storm_;
  std::optional<Desk> desk_;
  std::unique_ptr<Dashboard> dashboard_;
};

int run_up(const Invocation& invocation) {
  Reader read(invocation.settings);
  UpOptions options = read_up(read);
  const bool json = options.json, quiet = options.quiet;
  ConsoleLog log(
      std::max(read_log_level(read), read.given("log-level") ? LogLevel::kDebug : LogLevel::kWarn));
  if (const auto wrong = read.errors()) return report_error(*wrong);

  const SystemClock clock;
  const Interrupt interrupt;
  const Nanos begun = clock.now();
  Up up(std::move(options), clock, log);
  if (auto started = up.start(); !started) return report_error(started.error());
  Terminal terminal(ScreenTitle::kGeneration, json, quiet);
  terminal.say(up.welcome());
  log.info("live after {:.2f} s", static_cast<double>(clock.now() - begun) / 1e9);

  // A storm with an end keeps the dashboard open: people look at it. Only a script's ends by
  // itself.
  while (!Interrupt::wait(1000) && !up.failed() && !(json && up.storm_finished()))
    terminal.show(up.latest(), clock.now());

  const Snapshot last = up.drain(terminal);
  terminal.finish(last);
  if (json) fmt::print("{}\n", to_json(UpAccount{.snapshot = last}));
  if (const auto outcome = up.outcome(); !outcome) return report_error(outcome.error());
  if (!last.balance.ok) return kGoalFailed;
  return Interrupt::asked() ? kInterruptedCleanly : kDone;
}

}  // namespace

Command up_command() {
  return {.name = "up",
          .purpose = "broker, storm, pipeline, store and dashboard, in one process",
          .example = "datastorm up --rate 100k --dashboard 127.0.0.1:3000",
          .settings =
              join_settings({storm_settings(), intake_settings(), kBrokerSettings,
                             std::vector<std::string_view>{"broker-listen", "dashboard", "control",
                                                           "token", "allow-host", "no-open"}}),
          .defaults = {{"rate", "100k"},
                       {"total", "0"},
                       {"workers", "1"},
                       {"retention-bytes", "1GiB"},
                       {"keep-unread", "true"},
                       {"flush-ms", "5"}},
          .run = run_up};
}

}  // namespace ds::cli
