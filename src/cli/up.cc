// `datastorm up`: broker, storm, pipeline and dashboard in one process, put together from the very
// objects that the single commands start.
#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <limits>
#include <mutex>
#include <sstream>

#include "base/json_writer.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/desk.h"
#include "cli/faults.h"
#include "cli/hook_options.h"
#include "cli/intake.h"
#include "cli/interrupt.h"
#include "cli/junit.h"
#include "cli/live_balance.h"
#include "cli/scenario.h"
#include "cli/sensor_options.h"
#include "cli/store_past.h"
#include "cli/storm_options.h"
#include "cli/terminal.h"
#include "ledger/verify.h"
#include "net/fault_proxy.h"
#include "sink/make_sink.h"
#include "sink/sqlite_reader.h"
#include "web/dashboard.h"

namespace ds::cli {
namespace {

constexpr Nanos kCatchUpMax = 60 * kSecond;
constexpr Nanos kGroupWaitMax = 5 * kSecond;
/// With which the broker keeps within 256 MiB (docs/broker.md).
constexpr std::uint64_t kRetentionInMemory = 192 << 20;

struct UpOptions {
  std::string data_dir;
  bool embedded = true;
  kafka::broker::BrokerSettings broker;
  StormOptions storm;
  IntakeOptions intake;
  Dashboard::Settings dashboard;
  std::string scenario;
  bool sensors = false;  // instead of the storm
  SensorOptions sensing;
  std::string via;  // "hook": the one mounted here
  HookOptions hook;
  bool drawn_secret = false;
  struct Event {
    Nanos at;
    std::string what;  // crisis, opportunity, start, stop or rate
    std::optional<double> rate = std::nullopt;
  };
  std::vector<Event> events;  // by time
  std::vector<Fault> faults;
  std::vector<Limit> limits;
  std::string junit;
  bool json = false, quiet = false;
};

/// What --limit may be about.
constexpr std::string_view kFigures[] = {"lost", "doubled", "failed", "unknown",
                                         "rate", "p50",     "p90",    "p99",
                                         "p999", "max",     "faults", "recovery"};

Error usage(std::string message, std::string hint = {}) {
  return Error{.code = ErrorCode::kUsage, .message = std::move(message), .hint = std::move(hint)};
}

/// "30s crisis", "2m rate 50k".
Result<UpOptions::Event> parse_event(const std::string& text) {
  constexpr std::string_view kAllowed =
      "a time, then crisis, opportunity, start, stop or rate N: \"30s crisis\"";
  std::istringstream words(text);
  std::string at, what, rate, more;
  words >> at >> what >> rate >> more;
  auto time = parse_duration(at);
  if (!time) return std::move(time).error();
  UpOptions::Event event{*time, what};
  constexpr std::string_view kPlain[] = {"crisis", "opportunity", "start", "stop"};
  const bool plain = std::ranges::find(kPlain, what) != std::end(kPlain);
  if (what == "rate" && !rate.empty() && more.empty()) {
    auto records = parse_quantity(rate);
    if (!records) return std::move(records).error();
    event.rate = *records;
  } else if (!plain || !rate.empty()) {
    return usage(fmt::format("'{}' is not an event", text), std::string(kAllowed));
  }
  return event;
}

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
      read.wrong("via", usage("the webhook's secret is needed to sign for it", "set HOOK_SECRET"));
  }
}

bool needs_proxy(const Fault& fault) {
  return fault.kind == FaultKind::kLoseAcknowledgements || fault.kind == FaultKind::kDuplicate;
}

void read_faults(Reader& read, UpOptions& options) {
  const auto wrong = [&](std::string message, std::string hint) {
    read.wrong("fault", usage(std::move(message), std::move(hint)));
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
    read.wrong("event", usage("sensors take no orders", "source = \"tweets\""));
  std::ranges::stable_sort(options.events, {}, &UpOptions::Event::at);
  read_faults(read, options);
  options.limits = read_limits(read, kFigures);
  options.junit = read.text("junit");
  options.json = read.on("json");
  options.quiet = read.on("quiet");
  return options;
}

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
  return usage(std::move(wrong),
               "stop what listens there (another `datastorm up`?), or name other addresses; port 0 "
               "takes a free one");
}

/// Everything that `up` runs, in the order in which it starts; it ends in the reverse order.
class Up {
 public:
  Up(UpOptions options, const Clock& clock, Log& log)
      : options_(std::move(options)), clock_(clock), log_(log) {}
  ~Up() {
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
    if (!options_.faults.empty()) options_.intake.trouble = std::make_shared<IntakeTrouble>(clock_);
    auto intake = Intake::start(options_.intake, clock_, log_);
    if (!intake) return std::move(intake).error().while_trying("start the pipeline");
    intake_ = std::move(*intake);
    wait_for_the_group();
    auto backlog = backlog_of(options_, *intake_, clock_, log_);
    if (!backlog) return std::move(backlog).error();
    balance_.emplace(*backlog);
    if (!options_.sensors) {
      if (auto ready = stand_between(); !ready) return ready;
      auto storm = Storm::start(storm_options(), storm_clock_, log_);
      if (!storm) return std::move(storm).error().while_trying("start the storm");
      storm_ = std::move(*storm);
      desk_.emplace(*storm_, clock_);
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
    if (!options_.faults.empty()) {
      play_.emplace(options_.faults, fault_target(), clock_);
      play_->start();
    }
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
    if (play_) play_->lift();
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
    if (play_) faults_ = play_->stop();
    intake_->stop();
    settled_ = true;
    dashboard_->tick_now();
    Snapshot last = latest();
    if (hook_) hook_->stop();
    dashboard_.reset();
    hook_.reset();
    if (broker_) broker_->stop();
    // Counts alone would set what is there twice against what is lost.
    if (last.balance.doubled > 0 || play_) tell_apart(last);
    return last;
  }

  /// After drain().
  const std::vector<FaultShown>& faults() const { return faults_; }

 private:
  /// A proxy between storm and broker, where a fault asks for one.
  Status stand_between() {
    if (!proxy_door_) return Done{};
    auto proxy = FaultProxy::start(proxied_, {proxied_.host, 0}, clock_);
    if (!proxy) return std::move(proxy).error().while_trying("stand before the broker");
    proxy_ = std::move(*proxy);
    proxy_->rename(kafka_name_of(proxied_), kafka_name_of(proxy_->address()));
    return Done{};
  }
  StormOptions storm_options() const {
    StormOptions options = options_.storm;
    if (proxy_) options.client.brokers = {proxy_->address()};
    return options;
  }

  FaultTarget fault_target() {
    return {.turn = [this](const Fault& fault, bool on) { turn_fault(fault, on); },
            .injected = [this](FaultKind kind) { return injected(kind); },
            .behind = [this] { return behind(); }};
  }

  void turn_fault(const Fault& fault, bool on) {
    log_.info("fault {}: {}", fault.text, on ? "begins" : "ends");
    IntakeTrouble& intake = *options_.intake.trouble;
    const auto every = static_cast<int>(fault.amount);
    constexpr int kAll = std::numeric_limits<int>::max();
    switch (fault.kind) {
      case FaultKind::kFreezeSink:
        return intake.freeze(on);
      case FaultKind::kSlowSink:
        return intake.slow(on ? fault.amount : 0);
      case FaultKind::kPausePartition:
        return intake.hold(on ? static_cast<std::int32_t>(fault.amount) : IntakeTrouble::kNone);
      case FaultKind::kLoseAcknowledgements:
        return proxy_->cut_answers(
            {.every = every, .count = on ? kAll : 0, .which = is_kafka_produce});
      case FaultKind::kDuplicate:
        return proxy_->double_requests(
            {.every = every, .count = on ? kAll : 0, .which = is_kafka_produce});
      case FaultKind::kSkewClock:
        return storm_clock_.skew(on ? fault.amount / kMillisecond : 0);
    }
  }

  std::uint64_t injected(FaultKind kind) const {
    switch (kind) {
      case FaultKind::kFreezeSink:
      case FaultKind::kSlowSink:
        return options_.intake.trouble->stores();
      case FaultKind::kPausePartition:
        return options_.intake.trouble->batches();
      case FaultKind::kLoseAcknowledgements:
        return proxy_->stats().cuts;
      case FaultKind::kDuplicate:
        return proxy_->stats().doubled;
      case FaultKind::kSkewClock:
        return storm_clock_.asked();
    }
    return 0;
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

  /// What the scenario wants by now.
  void play_events() {
    const Controls controls = desk_->controls();
    for (; next_event_ < options_.events.size(); ++next_event_) {
      const UpOptions::Event& event = options_.events[next_event_];
      if (clock_.now() - begun_ < event.at) return;
      const Status done = event.what == "crisis"        ? controls.crisis()
                          : event.what == "opportunity" ? controls.opportunity()
                          : event.what == "start"       ? controls.start()
                          : event.what == "stop"        ? controls.stop()
                                                        : controls.rate(event.rate);
      if (!done) log_.warn("the event {}: {}", event.what, done.error().message);
    }
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
      play_events();
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
    if (std::ranges::any_of(options_.faults, needs_proxy)) {
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
  std::unique_ptr<FaultProxy> proxy_;
  SkewedClock storm_clock_{clock_};
  std::unique_ptr<Intake> intake_;
  std::optional<LiveBalance> balance_;
  std::unique_ptr<Storm> storm_;
  std::optional<Desk> desk_;
  Nanos begun_ = 0;
  std::size_t next_event_ = 0;
  std::optional<SensorClaims> sensor_claims_;
  mutable std::mutex sensors_mutex_;
  std::unique_ptr<Sensors> sensors_;
  std::unique_ptr<Hook> hook_;
  std::optional<SecretFile> secret_file_;
  std::unique_ptr<Dashboard> dashboard_;
  std::vector<FaultShown> faults_;
  std::optional<FaultPlay> play_;  // last: ends before what it turns
};

int list_scenarios() {
  for (const BundledScenario& each : bundled_scenarios())
    fmt::print("{:<12} {}\n", each.name, about_scenario(each.text));
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
  if (invocation.settings.at("scenario").text == kListScenarios) return list_scenarios();
  Reader read(invocation.settings);
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
