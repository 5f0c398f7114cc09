// `datastorm up`: broker, storm, pipeline and dashboard in one process, put together from the very
// objects that the single commands start.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <mutex>

#include "base/json_writer.h"
#include "base/wrong_use.h"
#include "cli/commands.h"
#include "cli/desk.h"
#include "cli/fault_desk.h"
#include "cli/interrupt.h"
#include "cli/junit.h"
#include "cli/live_balance.h"
#include "cli/scenario.h"
#include "cli/terminal.h"
#include "cli/up_options.h"
#include "ledger/verify.h"
#include "sink/make_sink.h"
#include "sink/sqlite_reader.h"

namespace ds::cli {
namespace {

constexpr Nanos kCatchUpMax = 60 * kSecond;
constexpr Nanos kGroupWaitMax = 5 * kSecond;

struct UpAccount {
  std::string command = "up";
  Snapshot snapshot;
  std::vector<FaultShown> faults;
  static void fields(auto& self, auto& io) {
    io("command", self.command);
    Snapshot::fields(self.snapshot, io);
    io("faults", self.faults);
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

bool is_plain(const kafka::broker::Listener& listener) {
  return !listener.tls && !listener.login;
}

/// All that are taken at once, before anything is begun: no storm blows for a page that nobody can
/// open.
Status addresses_are_free(const UpOptions& options) {
  std::vector<std::pair<std::string_view, Address>> wanted;
  if (options.embedded)
    for (const auto& each : options.broker.listeners)
      wanted.emplace_back("--broker-listen", each.address);
  wanted.emplace_back("--dashboard", options.dashboard.dashboard);
  wanted.emplace_back("--control", *options.dashboard.control);
  std::string wrong;
  for (const auto& [option, address] : wanted) {
    if (address.is_unix()) continue;
    if (auto taken = listen_tcp(address); !taken)
      wrong += fmt::format("{}{}: {}", wrong.empty() ? "" : "\n  ", option, taken.error().message);
  }
  if (wrong.empty()) return Done{};
  return wrong_use(
      std::move(wrong),
      "stop what listens there (another `datastorm up`?), or name other addresses; port 0 "
      "takes a free one");
}

/// Everything that `up` runs, in the order in which it starts; it ends in the reverse order.
class Up {
 public:
  Up(UpOptions options, const Clock& clock, Log& log)
      : options_(std::move(options)),
        clock_(clock),
        log_(log),
        faults_(options_.faults, clock, log) {}
  ~Up() {
    faults_.stop();  // it looks at all the others
    if (sensors_) sensors_->stop();
    if (hook_) hook_->stop();  // while there is a server for its answers
  }

  Status start() {
    if (auto made = make_data_folder(options_.data_dir); !made) return made;
    if (auto free = addresses_are_free(options_); !free) return free;
    if (options_.embedded) {
      if (std::ranges::none_of(options_.broker.listeners, is_plain))
        return Error{.code = ErrorCode::kUsage,
                     .message = "up's own producers and consumers need a plain listener",
                     .hint = "--broker-listen PLAINTEXT://127.0.0.1:9092,SASL_SSL://..."};
      listen_for_ourselves();
      auto broker = kafka::broker::Broker::start(options_.broker, files_, clock_, log_);
      if (!broker)
        return as_wrong_use(std::move(broker).error())
            .while_trying("start the broker (--broker-listen)");
      broker_ = std::move(*broker);
      const auto listeners = broker_->listeners();
      if (proxy_door_) proxied_ = listeners.at(*proxy_door_).address;
      shown_ = std::ranges::find_if(listeners, is_plain)->address;
      const Address& own = listeners.back().address;
      options_.storm.client.brokers = options_.intake.client.brokers =
          options_.hook.hook.client.brokers = {own.is_unix() ? own : shown_};
    } else {
      shown_ = options_.storm.client.brokers.front();
    }
    {
      // The topic first, so that the backlog can be told from what this run adds.
      kafka::Admin admin(options_.storm.client, clock_, log_);
      if (auto topic = admin.ensure_topic(options_.storm.topic); !topic)
        return std::move(topic).error();
    }
    options_.intake.trouble = faults_.intake();
    auto intake = Intake::start(options_.intake, clock_, log_);
    if (!intake) return std::move(intake).error().while_trying("start the pipeline");
    intake_ = std::move(*intake);
    wait_for_the_group();
    auto backlog = backlog_of(options_, *intake_, clock_, log_);
    if (!backlog) return std::move(backlog).error();
    balance_.emplace(*backlog);
    if (!options_.sensors) {
      auto options = storm_options();
      if (!options) return std::move(options).error();
      auto storm = Storm::start(*std::move(options), faults_.clock(), log_);
      if (!storm) return std::move(storm).error().while_trying("start the storm");
      storm_ = std::move(*storm);
      desk_.emplace(*storm_, clock_);
      events_.emplace(options_.events, desk_->controls(), log_);
    }
    begun_ = clock_.now();
    auto dashboard = Dashboard::start(
        options_.dashboard, [this] { return take(); }, desk_ ? desk_->controls() : Controls{},
        clock_, log_);
    if (!dashboard) return as_wrong_use(std::move(dashboard).error());
    dashboard_ = std::move(*dashboard);
    if (auto mounted = mount_the_hook(); !mounted) return mounted;
    if (options_.sensors)
      if (auto started = start_sensors(); !started) return started;
    faults_.play([this] { return behind(); });
    return Done{};
  }

  std::string welcome() const {
    std::string text = fmt::format("dashboard  http://{}\n", dashboard_->address().to_string());
    if (const auto& control = dashboard_->control_address())
      text += fmt::format("control    http://{}/status\n", control->to_string());
    text +=
        fmt::format("broker     {}{}\n", shown_.to_string(),
                    broker_ ? ", embedded, durability " + broker_->durability().to_string() : "");
    if (hook_)
      text +=
          fmt::format("webhook    http://{}{}, topics {}{}\n", dashboard_->address().to_string(),
                      options_.hook.path, fmt::join(options_.hook.hook.topics, ", "),
                      options_.drawn_secret
                          ? "; its secret was drawn for the sensors, set HOOK_SECRET for others"
                          : "");
    else
      text += "webhook    none: set HOOK_SECRET to have one\n";
    text += fmt::format("store      {}\nCtrl-C drains and prints the account.\n",
                        intake_->pipeline().description());
    return text;
  }

  Snapshot latest() const { return dashboard_->latest(); }
  bool storm_finished() const { return storm_ ? storm_->run().finished() : sensors_->finished(); }
  /// Now and then: what may have changed outside.
  void look() {
    if (hook_) secret_file_->look(*hook_);
  }
  Status outcome() const { return intake_->pipeline().outcome(); }
  bool failed() const { return intake_->pipeline().finished(); }

  /// The storm ends, the pipeline catches up, and everything is counted once more.
  Snapshot drain(Terminal& terminal) {
    draining_ = true;
    faults_.lift();
    if (storm_) storm_->run().stop();
    if (sensors_) sensors_->stop();
    if (sensor_claims_) sensor_claims_->ledger().close();
    look_at_the_ends();
    const Nanos until = clock_.now() + kCatchUpMax;
    Nanos shown = 0;
    while (!caught_up() && !intake_->pipeline().finished() && clock_.now() < until) {
      if (clock_.now() - shown > kSecond) terminal.show(latest(), shown = clock_.now());
      intake_->pipeline().wait(10 * kMillisecond);
    }
    faults_.stop();
    intake_->stop();
    settled_ = true;
    dashboard_->tick_now();
    Snapshot last = latest();
    if (hook_) hook_->stop();
    dashboard_.reset();
    hook_.reset();
    if (broker_) broker_->stop();
    // Counts alone would set what is there twice against what is lost.
    if (last.balance.doubled > 0 || faults_.has_faults()) tell_apart(last);
    return last;
  }

  /// After drain().
  const std::vector<FaultShown>& faults() const { return faults_.shown(); }

 private:
  /// Where a fault asks for a proxy, the storm connects to that.
  Result<StormOptions> storm_options() {
    StormOptions options = options_.storm;
    if (!proxy_door_) return options;
    auto proxy = faults_.stand_before(proxied_);
    if (!proxy) return std::move(proxy).error();
    options.client.brokers = {*proxy};
    return options;
  }

  /// Records that were due and are on their way.
  std::uint64_t behind() const {
    const Account sent = storm_ ? storm_->run().account() : sensors_->account();
    const PipelineAccount account = intake_->pipeline().account();
    const std::uint64_t done = account.stored + account.dead_lettered + sent.failed + sent.unknown;
    // What is stored may be there twice, or from before the run: then the lag says more.
    return std::max(sent.scheduled - std::min(sent.scheduled, done), account.lag);
  }

  Status mount_the_hook() {
    if (!options_.hook.has_secret()) return Done{};
    secret_file_.emplace(options_.hook.secret_file, log_);
    auto hook = Hook::start(options_.hook.hook, dashboard_->lane(), clock_, log_);
    if (!hook) return std::move(hook).error().while_trying("mount the webhook");
    hook_ = std::move(*hook);
    dashboard_->mount(options_.hook.path, [this](const HttpRequest& request, HttpResponder answer) {
      hook_->serve(request, std::move(answer));
    });
    return Done{};
  }

  Status start_sensors() {
    SensorOptions& sensing = options_.sensing;
    if (sensing.hook && options_.via == "hook") {
      sensing.hook->address = dashboard_->address();
      sensing.hook->path = options_.hook.path;
    }
    sensor_claims_.emplace(options_.storm.client, options_.storm.topic.name,
                           options_.storm.run.claim.run, clock_, log_);
    SensorLedger* const ledger = &sensor_claims_->ledger();
    auto sensors =
        sensing.hook
            ? Sensors::start(sensing.settings, *sensing.hook, clock_, log_, ledger)
            : Sensors::start(sensing.settings,
                             SensorsViaKafka{{.client = options_.storm.client,
                                              .topic = options_.storm.topic,
                                              .give_up = options_.storm.producer.delivery_timeout}},
                             clock_, log_, ledger);
    if (!sensors) return std::move(sensors).error().while_trying("start the sensors");
    const std::lock_guard lock(sensors_mutex_);
    sensors_ = std::move(*sensors);
    return Done{};
  }

  /// The sensors' part of a snapshot.
  void show_sensors(Snapshot& into) const {
    const std::lock_guard lock(sensors_mutex_);  // the page is there before they are
    if (!sensors_) return;
    const Account account = sensors_->account();
    into.counters = {account.scheduled,
                     account.enqueued,
                     account.written,
                     account.acknowledged,
                     account.failed,
                     account.unknown,
                     0};
    into.rate.target = sensors_->settings().rate;
    into.total_wanted = sensors_->settings().total;
    into.acks = "all";
    into.latency_us["acknowledged"] = quantiles_of(sensors_->latency_us());
    into.elapsed_s = static_cast<double>(clock_.now() - sensors_->started()) / 1e9;
  }

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
    if (storm_) storm_->show(now);
    if (sensors_) show_sensors(now);
    intake_->show(now);
    return balance_->settle(now).missing == 0 && intake_->pipeline().account().lag == 0 &&
           read_to_the_ends();
  }

  void look_at_the_ends() {
    kafka::Admin admin(options_.storm.client, clock_, log_);
    if (auto ends = admin.end_offsets(options_.storm.topic.name)) ends_ = std::move(*ends);
  }
  /// By counts alone, what is there twice would stand for what is still to come.
  bool read_to_the_ends() const {
    return std::ranges::all_of(intake_->pipeline().stored_by_all(), [this](const auto& at) {
      const auto end = ends_.find(at.first.partition);
      return end == ends_.end() || at.second >= end->second;
    });
  }

  /// More is stored than was acknowledged: is it this run's, twice, or did others write meanwhile?
  void tell_apart(Snapshot& last) const {
    const auto path = options_.intake.store_file();
    if (!path || last.run.empty()) return;
    const auto verdict = row_by_row(*path, last.run);
    if (verdict)
      last.balance = balance_->settle(last, *verdict);
    else
      log_.warn("who wrote what is not known: {}", verdict.error().message);
  }

  /// On the dashboard's lane.
  Snapshot take() {
    Snapshot s;
    s.scenario = options_.scenario.empty() ? "brandpulse" : options_.scenario;
    if (desk_) {
      events_->turn(clock_.now() - begun_);
      desk_->tick();
      storm_->show(s);
      desk_->show(s);
    } else {
      show_sensors(s);
    }
    intake_->show(s);
    if (draining_) s.state = settled_ ? "finished" : "draining";
    s.broker = {.address = shown_.to_string(), .embedded = broker_ != nullptr};
    if (broker_) {
      s.broker.durability = broker_->durability().to_string();
      const auto stats = broker_->stats();
      s.broker.bytes = stats.log_bytes;
      s.broker.held = stats.producers_held > 0;
      s.broker.held_s = static_cast<double>(stats.held_ns) / 1e9;
      s.broker.unread_bytes = stats.unread_bytes;
      s.broker.live_groups = stats.live_groups;
      s.broker.partitions_offline = stats.partitions_offline;
    }
    s.balance = settled_ ? balance_->settle(s) : balance_->look(s, clock_.now());
    return s;
  }

  /// The parts of this process reach the broker by a socket in the data folder, which costs less
  /// than loopback. librdkafka knows no such addresses, and a long path is none.
  void listen_for_ourselves() {
    if (faults_.wants_proxy()) {
      proxy_door_ = options_.broker.listeners.size();
      options_.broker.listeners.push_back({.address = {"127.0.0.1", 0}});
    }
    const Address own = Address::unix_path(options_.data_dir + "/broker.sock");
    const bool direct = options_.storm.engine == "direct" && options_.intake.engine == "direct";
    // Who listens there has the folder too: the broker says so in better words.
    if (direct && parse_address(own.to_string()) && !connect_tcp(own, kSecond))
      options_.broker.listeners.push_back({.address = own});
  }

  UpOptions options_;
  Address shown_;  // of the broker, as people and their programs reach it
  const Clock& clock_;
  Log& log_;
  RealFiles files_;
  std::map<std::int32_t, std::int64_t> ends_;  // of the topic, when the storm had ended
  std::atomic<bool> draining_{false}, settled_{false};
  std::unique_ptr<kafka::broker::Broker> broker_;
  std::optional<std::size_t> proxy_door_;  // which listener the proxy goes to
  Address proxied_;
  FaultDesk faults_;
  std::unique_ptr<Intake> intake_;
  std::optional<LiveBalance> balance_;
  std::unique_ptr<Storm> storm_;
  std::optional<Desk> desk_;
  Nanos begun_ = 0;
  std::optional<EventPlay> events_;
  std::optional<SensorClaims> sensor_claims_;
  mutable std::mutex sensors_mutex_;
  std::unique_ptr<Sensors> sensors_;
  std::unique_ptr<Hook> hook_;
  std::optional<SecretFile> secret_file_;
  std::unique_ptr<Dashboard> dashboard_;
};

struct ScenarioList {
  std::map<std::string, std::string> scenarios;  // what each is about
  static void fields(auto& self, auto& io) { io("scenarios", self.scenarios); }
};

int list_scenarios(bool json) {
  ScenarioList list;
  for (const BundledScenario& each : bundled_scenarios()) {
    list.scenarios.emplace(each.name, about_scenario(each.text));
    if (!json) fmt::print("{:<12} {}\n", each.name, about_scenario(each.text));
  }
  if (json) fmt::print("{}\n", to_json(list));
  return kDone;
}

std::map<std::string, double> figures_of(const Snapshot& last,
                                         const std::vector<FaultShown>& faults) {
  std::map<std::string, double> figures{{"lost", static_cast<double>(last.balance.missing)},
                                        {"doubled", static_cast<double>(last.balance.doubled)},
                                        {"failed", static_cast<double>(last.counters.failed)},
                                        {"unknown", static_cast<double>(last.counters.unknown)},
                                        {"rate", last.rate.average}};
  if (const auto stored = last.latency_us.find("stored"); stored != last.latency_us.end()) {
    const Quantiles& us = stored->second;
    figures.insert({{"p50", us.p50 * 1e3},
                    {"p90", us.p90 * 1e3},
                    {"p99", us.p99 * 1e3},
                    {"p999", us.p999 * 1e3},
                    {"max", us.max * 1e3}});
  }
  if (faults.empty()) return figures;
  double injected = 0, longest = 0;
  for (const FaultShown& fault : faults) {
    injected += fault.injected > 0;
    longest =
        std::max(longest, fault.recovery_s.value_or(std::numeric_limits<double>::infinity()) * 1e9);
  }
  figures["faults"] = injected;
  figures["recovery"] = longest;
  return figures;
}

int run_up(const Invocation& invocation) {
  Reader read(invocation.settings);
  if (read.text("scenario") == kListScenarios) return list_scenarios(read.on("json"));
  UpOptions options = read_up(read);
  const bool json = options.json, quiet = options.quiet;
  const std::vector<Limit> limits = options.limits;
  JunitReport junit{.file = options.junit,
                    .suite = "datastorm up",
                    .goal = "the ledger balances",
                    .why = "records are missing or there twice"};
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
  while (!Interrupt::wait(1000) && !up.failed() && !(json && up.storm_finished())) {
    terminal.show(up.latest(), clock.now());
    up.look();
  }

  const Snapshot last = up.drain(terminal);
  terminal.finish(last);
  for (const FaultShown& fault : up.faults()) terminal.say("Fault " + sentence_of(fault));
  if (json) fmt::print("{}\n", to_json(UpAccount{.snapshot = last, .faults = up.faults()}));
  if (const auto outcome = up.outcome(); !outcome) return report_error(outcome.error());
  junit.seconds = last.elapsed_s;
  junit.reached = last.balance.ok;
  if (!judge(junit, limits, figures_of(last, up.faults())) || !last.balance.ok) return kGoalFailed;
  return Interrupt::asked() ? kInterruptedCleanly : kDone;
}

}  // namespace

std::optional<Error> check_up(const Settings& settings) {
  Reader read(settings);
  read_up(read);
  read_log_level(read);
  return read.errors();
}

Command up_command() {
  return {
      .name = "up",
      .purpose = "broker, storm, pipeline, store and dashboard, in one process",
      .example = "datastorm up --rate 100k --dashboard 127.0.0.1:3000",
      .settings = join_settings(
          {std::vector<std::string_view>{"scenario", "source", "event", "fault", "dashboard",
                                         "control", "token", "allow-host", "broker-listen",
                                         "no-open", "limit", "junit"},
           storm_settings(), intake_settings(), kBrokerSettings, kSensorSettings, kHookSettings}),
      .defaults = {{"rate", "100k"},
                   {"total", "0"},
                   {"workers", "1"},
                   {"retention-bytes", "1GiB"},
                   {"keep-unread", "true"},
                   {"via", "hook"},
                   {"flush-ms", "5"}},
      .run = run_up};
}

}  // namespace ds::cli
