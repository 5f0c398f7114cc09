// The knee of the whole chain on this machine: storm, embedded broker (or --brokers), pipeline and
// rollups in SQLite, in one process. `--throttle STAGE=RATE` makes a stage slow on purpose.
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <charconv>
#include <filesystem>

#include "base/units.h"
#include "bench/counting_files.h"
#include "bench/knee.h"
#include "bench/pipeline_rig.h"
#include "bench/storm_rig.h"
#include "bench/suite.h"
#include "bench/throttle.h"
#include "kafka/broker/broker.h"
#include "kafka/client/admin.h"
#include "sink/sqlite_sink.h"

namespace ds {
namespace {

constexpr Nanos kSampleEvery = 2 * kMillisecond;
constexpr Nanos kCatchUpMax = 60 * kSecond;
// Seconds. A quarter of what `produce` takes: where a connection is slow on purpose, a batch alone
// must not take a twentieth of the trial.
constexpr double kBatchSpan = 0.005;

/// The storm's outlet, watched: how long its worker waited because there was no room.
class WatchedOutlet final : public kafka::Outlet {
 public:
  WatchedOutlet(std::unique_ptr<kafka::Outlet> outlet, const Clock& clock,
                std::atomic<Nanos>& blocked)
      : outlet_(std::move(outlet)), clock_(clock), blocked_(blocked) {}

  std::optional<Slot> reserve(std::int32_t partition, std::size_t bytes_max) override {
    auto slot = outlet_->reserve(partition, bytes_max);
    refused_ = !slot;
    return slot;
  }
  void submit(const Slot& slot, const kafka::OutBatch& batch) override {
    outlet_->submit(slot, batch);
  }
  void turn(Nanos timeout) override {
    const Nanos begun = clock_.now();
    outlet_->turn(timeout);
    if (timeout > 0 && refused_)
      blocked_.fetch_add(clock_.now() - begun, std::memory_order_relaxed);
  }
  void wake() override { outlet_->wake(); }
  std::size_t pending() const override { return outlet_->pending(); }
  void close(Nanos deadline) override { outlet_->close(deadline); }

 private:
  std::unique_ptr<kafka::Outlet> outlet_;
  const Clock& clock_;
  std::atomic<Nanos>& blocked_;
  bool refused_ = false;
};

/// This process's connections to any of `brokers`.
template <typename Each>
void for_each_connection(const std::vector<Address>& brokers, Each&& each) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored)) {
    const std::string name = entry.path().filename();
    int fd = -1;
    std::from_chars(name.data(), name.data() + name.size(), fd);
    const auto peer = peer_address(fd);
    if (peer && std::ranges::find(brokers, *peer) != brokers.end()) each(fd);
  }
}

/// Bytes handed to the kernel that the brokers' machines have not got yet.
double bytes_in_kernel(const std::vector<Address>& brokers) {
  double bytes = 0;
  for_each_connection(brokers, [&](int fd) {
    int queued = 0;
    if (::ioctl(fd, SIOCOUTQ, &queued) == 0) bytes += queued;
  });
  return bytes;
}

struct Throttles {
  std::unique_ptr<Throttle> generator, sink, broker;
  double broker_rate = 0, client_rate = 0;
};

Result<Throttles> throttles_of(const BenchContext& context) {
  Throttles throttles;
  for (const std::string& text : context.throttles) {
    const auto equals = text.find('=');
    const std::string stage = text.substr(0, equals);
    const auto rate = parse_quantity(equals == std::string::npos ? "" : text.substr(equals + 1));
    const bool known =
        stage == "generator" || stage == "client" || stage == "broker" || stage == "sink";
    if (!known || !rate || *rate <= 0)
      return Error{.code = ErrorCode::kUsage,
                   .message = fmt::format("--throttle: '{}' is no throttle", text),
                   .hint = "generator=RATE, client=RATE, broker=RATE or sink=RATE"};
    if (stage == "generator")
      throttles.generator = std::make_unique<Throttle>(*rate, context.clock);
    if (stage == "sink") throttles.sink = std::make_unique<Throttle>(*rate, context.clock);
    if (stage == "broker") throttles.broker_rate = *rate;
    if (stage == "client") throttles.client_rate = *rate;
  }
  return throttles;
}

/// What the trials share: the broker, and what is slow on purpose.
class Chain {
 public:
  static Result<std::unique_ptr<Chain>> open(const BenchContext& context);
  ~Chain() {
    broker_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Result<Trial> trial(double rate);
  double record_bytes() const { return record_bytes_; }

 private:
  explicit Chain(const BenchContext& context)
      : context_(context), folder_(context.folder + "/knee") {}
  void watch(StormRig& rig, Pipeline& pipeline, const Schedule& schedule, Nanos length,
             Trial& trial);

  const BenchContext& context_;
  const std::string folder_;
  CountingFiles files_;
  std::unique_ptr<kafka::broker::Broker> broker_;
  std::vector<Address> brokers_;
  Throttles throttles_;
  double record_bytes_ = 0;
  std::atomic<Nanos> blocked_{0};
  int trials_ = 0;
};

Result<std::unique_ptr<Chain>> Chain::open(const BenchContext& context) {
  auto chain = std::unique_ptr<Chain>(new Chain(context));
  auto throttles = throttles_of(context);
  if (!throttles) return std::move(throttles).error();
  std::error_code ignored;
  std::filesystem::create_directories(chain->folder_, ignored);
  chain->brokers_ = context.brokers;
  if (chain->brokers_.empty()) {
    auto broker =
        kafka::broker::Broker::start({.listen = {"127.0.0.1", 0},
                                      .data_dir = chain->folder_ + "/broker",
                                      .durability = {.mode = kafka::broker::DurabilityMode::kCache},
                                      .retention_bytes = 1u << 30,
                                      .keep_unread = true},
                                     chain->files_, context.clock, context.log);
    if (!broker) return std::move(broker).error();
    chain->broker_ = std::move(*broker);
    chain->brokers_ = {chain->broker_->address()};
  }
  // A first turn without throttles, which also tells what a record weighs.
  if (auto first = chain->trial(20e3); !first) return std::move(first).error();
  chain->throttles_ = std::move(*throttles);
  Throttles& slow = chain->throttles_;
  if (slow.broker_rate > 0) {
    if (!chain->broker_)
      return Error{.code = ErrorCode::kUsage,
                   .message = "--throttle broker= needs the embedded broker, not --brokers"};
    slow.broker =
        std::make_unique<Throttle>(slow.broker_rate * chain->record_bytes_, context.clock);
    chain->files_.counts().slow = [&throttle = *slow.broker](std::size_t bytes) {
      throttle.take(static_cast<double>(bytes));
    };
  }
  return chain;
}

Result<Trial> Chain::trial(double rate) {
  const Clock& clock = context_.clock;
  kafka::ClientSettings client;
  client.brokers = brokers_;
  kafka::Admin admin(client, clock, context_.log);
  const std::string topic = fmt::format("datastorm-knee-{}", clock.now());
  if (auto made = admin.ensure_topic({.name = topic}); !made) return std::move(made).error();
  const std::string path = fmt::format("{}/trial-{}.db", folder_, trials_++);
  auto opened = SqliteSink::open(path, {.store = StoreAs::kRollup}, clock, context_.log);
  if (!opened) return std::move(opened).error();
  std::unique_ptr<Sink> sink = std::move(*opened);
  if (throttles_.sink) sink = std::make_unique<ThrottledSink>(std::move(sink), *throttles_.sink);
  auto pipeline = start_pipeline({.brokers = brokers_, .topic = topic, .group = topic},
                                 std::move(sink), clock, context_.log);
  if (!pipeline) return std::move(pipeline).error();

  const Nanos length = context_.duration / 2;
  const auto records = static_cast<std::uint64_t>(rate * static_cast<double>(length) / 1e9);
  blocked_ = 0;
  const Schedule schedule = Schedule::steady(rate);
  StormRigSettings settings{
      .brokers = brokers_,
      .topic = topic,
      .total = records,
      .schedule = schedule,
      .batch_size = static_cast<std::uint64_t>(std::clamp(rate * kBatchSpan, 1.0, 8000.0)),
      .wrap_outlet = [&](std::unique_ptr<kafka::Outlet> outlet) {
        return std::make_unique<WatchedOutlet>(std::move(outlet), clock, blocked_);
      }};
  if (throttles_.generator)
    settings.wrap_filler = [&](std::unique_ptr<Filler> filler) {
      return std::make_unique<ThrottledFiller>(std::move(filler), *throttles_.generator);
    };
  auto rig = StormRig::start(settings, clock, context_.log);
  if (!rig) return std::move(rig).error();
  Trial trial{.offered = rate, .records = static_cast<double>(records)};
  watch(**rig, **pipeline, schedule, length, trial);
  auto sent = (*rig)->measure();
  if (!sent) return std::move(sent).error();
  auto stored = finish_pipeline(**pipeline, sent->account.acknowledged, kCatchUpMax, clock);
  if (!stored) return std::move(stored).error();
  trial.achieved = static_cast<double>(stored->stored) * 1e9 /
                   static_cast<double>(stored->last_store - sent->account.first_intended);
  trial.p99 = stored->stored_us.quantile(0.99) * 1000;
  record_bytes_ = sent->record_bytes;
  pipeline->reset();
  if (Status gone = admin.delete_topic(topic); !gone) return std::move(gone).error();
  std::error_code ignored;
  for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(path + end, ignored);
  return trial;
}

/// Looks at the queues until the schedule has ended.
void Chain::watch(StormRig& rig, Pipeline& pipeline, const Schedule& schedule, Nanos length,
                  Trial& trial) {
  const Clock& clock = context_.clock;
  double generator = 0, client = 0, broker = 0, sink = 0, below = 0, under_way = 0;
  double samples = 0;
  const Nanos started = rig.run().started();
  const auto all = trial.records;
  for (Nanos now = clock.now(); now < started + length && !rig.run().finished();
       now = clock.now()) {
    if (throttles_.client_rate > 0) {
      // The kernel paces what leaves, as a slow network does.
      std::vector<int> fds;
      for_each_connection(brokers_, [&](int fd) { fds.push_back(fd); });
      const auto each =
          static_cast<std::uint64_t>(throttles_.client_rate * record_bytes_ /
                                     std::max<double>(1, StormRigSettings{}.connections));
      for (const int fd : fds) ::setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &each, sizeof each);
    }
    const double in_kernel = record_bytes_ == 0 ? 0 : bytes_in_kernel(brokers_) / record_bytes_;
    const PipelineAccount stored = pipeline.account();
    const Account sent = rig.run().account();
    const auto count = [](std::uint64_t more, std::uint64_t less) {
      return static_cast<double>(more - std::min(more, less));
    };
    const double due = std::min(all, schedule.due(now - started));
    const double unsent = count(sent.enqueued, sent.written);
    const double unanswered = count(sent.written, sent.acknowledged);
    const double on_the_way = std::min(in_kernel, unsent + unanswered);
    trial.unmade = std::max(0.0, due - static_cast<double>(sent.enqueued));
    trial.under_way = unsent + unanswered;
    generator += trial.unmade;
    client += unsent + std::min(in_kernel, unanswered);
    broker += std::max(0.0, unanswered - in_kernel);
    sink += count(sent.acknowledged, stored.stored);
    below += std::max(on_the_way, unsent);
    under_way += trial.under_way;
    trial.in_log = count(sent.acknowledged, stored.stored);
    ++samples;
    std::this_thread::sleep_for(std::chrono::nanoseconds(kSampleEvery));
  }
  const auto ms = [&](double queued) {  // Little's law
    return samples == 0 ? 0 : queued / samples / trial.offered * 1000;
  };
  trial.blocked =
      static_cast<double>(blocked_.load()) / static_cast<double>(length * StormRig::threads());
  trial.below_broker = under_way == 0 ? 0 : below / under_way;
  trial.generator_ms = ms(generator);
  trial.client_ms = ms(client);
  trial.broker_ms = ms(broker);
  trial.sink_ms = ms(sink);
}

}  // namespace

Rows bench_knee(const BenchContext& context) {
  auto chain = Chain::open(context);
  if (!chain) return std::move(chain).error();
  KneeSearch search{.from = context.throttles.empty() ? 200e3 : 20e3,
                    .limits = {.p99 = context.limit_p99}};
  std::vector<double> rates;
  std::map<std::string, int> stages;
  Trial last;
  for (int run = 0; run < context.runs; ++run) {
    auto knee = find_knee(search, [&](double rate) { return (*chain)->trial(rate); });
    if (!knee) return std::move(knee).error();
    rates.push_back(knee->rate / 1e6);
    ++stages[std::string(name_of(knee->stage))];
    for (const Trial& trial : knee->trials)
      if (!search.limits.met_by(trial)) last = trial;
    if (knee->rate > 0) search.from = knee->rate / 2;  // the next search need not begin so low
  }
  std::string saturates;
  for (const auto& [stage, count] : stages)
    saturates += fmt::format("{}{} ({} of {} runs)", saturates.empty() ? "" : ", ", stage, count,
                             context.runs);
  std::string slowed;
  for (const std::string& each : context.throttles) slowed += "; slowed on purpose: " + each;
  return std::vector<BenchRow>{row_of(
      "knee", "M records/s", rates,
      Conditions{.record_bytes = (*chain)->record_bytes(),
                 .acks = "1",
                 .codec = "none",
                 .durability = context.brokers.empty() ? "cache" : "the broker's",
                 .engine = "direct",
                 .more = fmt::format(
                     "saturates: {}; limits p99 <= {} ms from the record's time to the row, {:.0f} "
                     "% of the "
                     "rate kept up with; trials of {:.1f} s, open loop; storm, broker, pipeline "
                     "and rollups "
                     "in SQLite in one process; the last failing trial offered {:.3f} M/s, carried "
                     "{:.3f}, "
                     "had no room for {:.0f} % of the time{}",
                     saturates, context.limit_p99 / kMillisecond, 100 * search.limits.keep_up,
                     static_cast<double>(context.duration) / 2e9, last.offered / 1e6,
                     last.achieved / 1e6, 100 * last.blocked, slowed)})};
}

}  // namespace ds
