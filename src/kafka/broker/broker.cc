#include "kafka/broker/broker.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/wrong_use.h"
#include "kafka/broker/compactor.h"
#include "kafka/broker/core.h"
#include "kafka/broker/data_folder.h"
#include "kafka/broker/lane_server.h"
#include "kafka/broker/memory_files.h"
#include "kafka/broker/retention.h"
#include "kafka/broker/session.h"

namespace ds::kafka::broker {
namespace {

constexpr Nanos kGroupTick = 20 * kMillisecond;
constexpr Nanos kRetentionTick = 100 * kMillisecond;
constexpr Nanos kProducersTick = 60 * kSecond;
constexpr Nanos kAcceptPause = 100 * kMillisecond;
constexpr int kSocketBytes = 4 << 20;
constexpr std::uint64_t kSegmentsOfRetention = 128;

/// A partition holds two files open, so the usual soft limit of 1,024 is soon reached.
void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);  // where it may not be raised, opening files will say so
}

bool is_number(const std::string& host) {
  return host.find_first_not_of("0123456789.") == host.npos || host.find(':') != host.npos;
}

std::vector<Listener> listeners_of(const BrokerSettings& settings) {
  return settings.listeners.empty() ? std::vector{Listener{.address = settings.listen}}
                                    : settings.listeners;
}

/// Whether everybody who can reach the listener gets in, and may be from another machine.
Status judge(const Listener& listener, const BrokerSettings& settings) {
  const std::string name = listener.to_string();
  if (listener.tls && settings.tls.certificate_file.empty())
    return wrong_use(fmt::format("{} needs a certificate", name),
                     "name it with --tls-certificate and its key with --tls-key");
  if (listener.login && settings.users.empty())
    return wrong_use(
        fmt::format("{} asks for a login, and there are no users", name),
        "make some with `datastorm user add NAME --users FILE`, and give --users FILE");
  const bool knows_them = listener.login || (listener.tls && !settings.tls.client_ca_file.empty());
  if (listener.address.is_loopback() || knows_them || settings.allow_anonymous) return Done{};
  return wrong_use(
      fmt::format("{} can be reached by others, and everybody would get in", name),
      "ask for a login (--users FILE) or a certificate (--tls-certificate, --tls-key, "
      "--tls-client-ca), listen on 127.0.0.1, or let everybody in with --allow-anonymous");
}

Status judge(const BrokerSettings& settings) {
  for (const Listener& listener : listeners_of(settings))
    if (auto fine = judge(listener, settings); !fine) return fine;
  if (settings.lanes < 1 || settings.lanes > 256) return wrong_use("lanes must be 1 to 256");
  if (settings.default_partitions < 1) return wrong_use("a topic has one partition or more");
  if (settings.data_dir.empty() && settings.durability.mode != DurabilityMode::kMemory)
    return wrong_use("the broker needs a data folder", "name one, or use --durability memory");
  return Done{};
}

std::string new_member_id(const std::string& client_id) {
  return fmt::format("{}-{}", client_id.empty() ? "member" : client_id, uuid_text(random_uuid()));
}

}  // namespace

Result<Listener> Listener::parse(std::string_view text, const Listener& otherwise) {
  Listener listener = otherwise;
  if (const auto colon = text.find("://"); colon != text.npos && !text.starts_with("unix:")) {
    const std::string_view protocol = text.substr(0, colon);
    listener.tls = protocol == "SSL" || protocol == "SASL_SSL";
    listener.login = protocol == "SASL_PLAINTEXT" || protocol == "SASL_SSL";
    if (!listener.tls && !listener.login && protocol != "PLAINTEXT")
      return wrong_use(fmt::format("{} is no way to listen", protocol),
                       "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL");
    text.remove_prefix(colon + 3);
  }
  auto address = parse_address(text);
  if (!address) return std::move(address).error();
  listener.address = std::move(*address);
  return listener;
}

std::string Listener::to_string() const {
  const std::string where = address.to_string();
  if (!tls && !login) return where;
  return fmt::format("{}{}://{}", login ? "SASL_" : "", tls ? "SSL" : "PLAINTEXT", where);
}

/// Members in the order in which they are made; they go in the opposite one.
struct Broker::Running {
  /// A door, and who stands at it: on the first lane.
  struct Doorkeeper final : Watcher {
    Doorkeeper(Running& to, const Listener& as) : running(to), listener(as) {}
    void on_ready(std::uint32_t) override { running.accept(*this); }

    Running& running;
    Listener listener;
    Door door;
    Fd fd;
  };

  Running(const BrokerSettings& settings, Files& files, const Clock& clock, Log& log)
      : core{.settings = settings, .clock = clock, .log = log, .files = files} {}

  Status open_folder(Files& files);
  Status open_stores(Files& files);
  Status open_doors();
  void start_lanes();
  void start_housekeeping();
  void stop();

  void accept(Doorkeeper& keeper);
  void tick_groups();
  BrokerStats stats() const;

  std::unique_ptr<MemoryFiles> memory;
  std::optional<DataFolder> folder;
  Core core;
  std::unique_ptr<Compactor> compactor;
  std::vector<std::unique_ptr<Doorkeeper>> doors;
  std::vector<std::unique_ptr<LaneServer>> lanes;
  std::size_t next_lane = 0;
  bool stopped = false;
};

Broker::Broker(std::unique_ptr<Running> running) : running_(std::move(running)) {}
Broker::~Broker() {
  stop();
}

Result<std::unique_ptr<Broker>> Broker::start(const BrokerSettings& settings, Files& files,
                                              const Clock& clock, Log& log) {
  if (auto fine = judge(settings); !fine) return std::move(fine).error();
  raise_file_limit();
  const bool in_memory = settings.durability.mode == DurabilityMode::kMemory;
  auto memory = in_memory ? std::make_unique<MemoryFiles>() : nullptr;
  Files& store = in_memory ? static_cast<Files&>(*memory) : files;
  auto running = std::make_unique<Running>(settings, store, clock, log);
  running->memory = std::move(memory);

  if (auto opened = running->open_doors(); !opened) return std::move(opened).error();
  if (auto opened = running->open_folder(store); !opened) return std::move(opened).error();
  if (auto opened = running->open_stores(store); !opened) return std::move(opened).error();
  running->start_housekeeping();
  running->start_lanes();
  return std::unique_ptr<Broker>(new Broker(std::move(running)));
}

Status Broker::Running::open_doors() {
  const BrokerSettings& settings = core.settings;
  std::optional<TlsContext> tls;
  for (const Listener& listener : listeners_of(settings)) {
    auto keeper = std::make_unique<Doorkeeper>(*this, listener);
    if (listener.tls && !tls) {
      auto read = TlsContext::server(settings.tls);
      if (!read) return std::move(read).error();
      tls = std::move(*read);
    }
    if (listener.tls) keeper->door.tls = tls;
    keeper->door.login = listener.login;
    auto fd = listen_tcp(listener.address);
    if (!fd) return std::move(fd).error();
    keeper->fd = std::move(*fd);
    auto address = local_address(keeper->fd.get());
    if (!address) return std::move(address).error();
    keeper->listener.address = keeper->door.address = *address;
    if (listener.tls && !is_number(listener.address.host))
      keeper->door.told = Address{listener.address.host, address->port};  // as its certificate says
    if (!settings.advertise.empty() && !address->is_loopback())
      keeper->door.told = Address{settings.advertise, address->port};
    if (listener.login && !listener.tls && !address->is_loopback())
      core.log.warn("{}: passwords of PLAIN logins can be read on the way; SCRAM's cannot",
                    keeper->listener.to_string());
    doors.push_back(std::move(keeper));
  }
  return Done{};
}

Status Broker::Running::open_folder(Files& files) {
  auto opened = DataFolder::open(
      files, memory ? "/memory" : core.settings.data_dir,
      "a datastorm broker on " + doors.front()->listener.address.to_string(), memory == nullptr);
  if (!opened) return std::move(opened).error();
  folder = std::move(*opened);
  core.cluster_id = folder->cluster_id;
  return Done{};
}

Status Broker::Running::open_stores(Files& files) {
  const BrokerSettings& settings = core.settings;
  std::uint64_t segment_bytes = settings.segment_bytes;
  if (settings.retention_bytes > 0)  // so that what is dropped is a small part of what is kept
    segment_bytes =
        std::clamp<std::uint64_t>(settings.retention_bytes / kSegmentsOfRetention,
                                  std::min<std::uint64_t>(1 << 20, segment_bytes), segment_bytes);
  auto topics =
      Topics::open(files,
                   {.data_dir = folder->path,
                    .log = {.segment_bytes = segment_bytes,
                            // In memory the files' chunks are used again whoever had them.
                            .recycle = settings.durability.mode == DurabilityMode::kCache,
                            .repair = settings.repair,
                            .boot_id = read_boot_id()},
                    .wait_for_sync = core.wait_for_sync()},
                   core.log);
  if (!topics) return std::move(topics).error();
  core.topics = std::move(*topics);
  auto offsets = GroupOffsets::open(files, folder->path, core.log);
  if (!offsets) return std::move(offsets).error();
  core.offsets = std::move(*offsets);
  auto ids = ProducerIds::open(files, folder->path);
  if (!ids) return std::move(ids).error();
  core.producer_ids = std::move(*ids);
  core.started = core.clock.now();
  core.groups = std::make_unique<Groups>(GroupSettings{}, new_member_id, core.log);
  return Done{};
}

void Broker::Running::start_housekeeping() {
  core.syncer = std::make_unique<Syncer>(core.clock);
  core.passwords = std::make_unique<PasswordDesk>(core.settings.users);
  core.syncer->every(kRetentionTick, [this] { enforce_retention(core); });
  core.syncer->every(kProducersTick, [this] { core.expire_producers(); });
  core.expire_producers();
  compactor = std::make_unique<Compactor>(core);
  if (core.settings.keep_unread && core.settings.retention_bytes > 0)
    core.pressure.start(core.settings.retention_bytes,
                        [this] { core.syncer->soon([this] { enforce_retention(core); }); });
  if (core.settings.durability.mode == DurabilityMode::kInterval)
    core.syncer->every(core.settings.durability.interval, [this] { core.sync_all(); });
}

void Broker::Running::start_lanes() {
  for (int i = 0; i < core.settings.lanes; ++i)
    lanes.push_back(
        std::make_unique<LaneServer>(fmt::format("broker-{}", i), core.clock, core.log, core));
  lanes.front()->lane().call([this] {
    for (auto& keeper : doors) lanes.front()->poller().watch(keeper->fd.get(), EPOLLIN, *keeper);
    tick_groups();
  });
}

void Broker::Running::accept(Doorkeeper& keeper) {
  while (true) {
    auto socket = accept_connection(keeper.fd.get());
    if (!socket) {  // out of descriptors, most likely: some clients must go first
      core.log.error("{}", socket.error().message);
      Lane& lane = lanes.front()->lane();
      lane.poller().unwatch(keeper.fd.get(), keeper);
      lane.after(kAcceptPause, [&keeper, &lane] {
        if (keeper.fd) lane.poller().watch(keeper.fd.get(), EPOLLIN, keeper);
      });
      return;
    }
    if (!*socket) return;
    if (stats().connections >= core.settings.connections_max) {
      core.log_refusal("a new client", "there are as many connections as are allowed");
      continue;
    }
    set_buffer_sizes(socket->get(), kSocketBytes);
    lanes[next_lane++ % lanes.size()]->adopt(std::move(*socket), keeper.door);
  }
}

void Broker::Running::tick_groups() {
  core.groups->tick(core.clock.now());
  lanes.front()->lane().after(kGroupTick, [this] { tick_groups(); });
}

void Broker::Running::stop() {
  if (std::exchange(stopped, true)) return;
  if (!lanes.empty())
    lanes.front()->lane().call([this] {
      for (auto& keeper : doors) {
        lanes.front()->poller().unwatch(keeper->fd.get(), *keeper);
        keeper->fd.close();
        if (keeper->listener.address.is_unix()) unlink(keeper->listener.address.path().c_str());
      }
    });
  for (auto& lane : lanes) lane->close_all();
  compactor.reset();
  core.passwords.reset();
  core.syncer.reset();  // answers what still waits for it; nobody is there to hear
  const auto mode = core.settings.durability.mode;
  if (mode == DurabilityMode::kSync || mode == DurabilityMode::kInterval) core.sync_all();
  lanes.clear();
  core.groups.reset();
  core.topics.reset();
  core.offsets.reset();
  folder.reset();
}

BrokerStats Broker::Running::stats() const {
  BrokerStats stats{.requests = core.counters.requests,
                    .records_in = core.counters.records_in,
                    .bytes_in = core.counters.bytes_in,
                    .bytes_out = core.counters.bytes_out,
                    .producers_held = core.pressure.producers_held,
                    .held_ns = core.pressure.held_ns,
                    .unread_bytes = core.pressure.unread_bytes,
                    .live_groups = core.pressure.live_groups,
                    .compactions = core.counters.compactions,
                    .compacted_away = core.counters.compacted_away};
  for (const auto& lane : lanes) stats.connections += lane->connections();
  return stats;
}

Address Broker::address() const {
  return running_->doors.front()->listener.address;
}
std::vector<Listener> Broker::listeners() const {
  std::vector<Listener> listeners;
  for (const auto& keeper : running_->doors) listeners.push_back(keeper->listener);
  return listeners;
}
std::string Broker::cluster_id() const {
  return running_->core.cluster_id;
}
Durability Broker::durability() const {
  return running_->core.settings.durability;
}
void Broker::stop() {
  running_->stop();
}

BrokerStats Broker::stats() const {
  BrokerStats stats = running_->stats();
  if (!running_->core.topics) return stats;
  for (const auto& topic : running_->core.topics->all()) {
    ++stats.topics;
    for (const auto& partition : topic->partitions) {
      ++stats.partitions;
      if (!partition->online()) ++stats.partitions_offline;
      stats.log_bytes += partition->bytes();
    }
  }
  return stats;
}

}  // namespace ds::kafka::broker
