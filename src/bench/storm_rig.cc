#include "bench/storm_rig.h"

#include <time.h>

#include <algorithm>
#include <charconv>
#include <thread>

#include "base/units.h"
#include "bench/child.h"
#include "bench/row.h"
#include "kafka/client/admin.h"
#include "kafka/client/direct_producer.h"
#include "kafka/client/one_by_one.h"
#include "kafka/client/rdkafka/rdkafka_outlet.h"
#include "record/payload/payload.h"
#include "storm/pooled_filler.h"

namespace ds {
namespace {

constexpr std::size_t kVariants = 1024;

Numbering numbering_of(const StormRigSettings& settings) {
  return {settings.batch_size, default_streams(settings.partitions)};
}

TweetSettings tweets_of(const StormRigSettings& settings) {
  TweetSettings tweets{.pool = settings.pool, .numbering = numbering_of(settings)};
  tweets.brands.clear();
  for (int brand = 0; brand < settings.brands; ++brand)
    tweets.brands.push_back({brand == 0 ? "SuperCoffee" : fmt::format("Brand{:05}x", brand), 1});
  return tweets;
}

Nanos thread_cpu() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return spent.tv_sec * kSecond + spent.tv_nsec;
}

class TimedFiller final : public Filler {
 public:
  TimedFiller(std::unique_ptr<Filler> filler, std::atomic<Nanos>& spent)
      : filler_(std::move(filler)), spent_(spent) {}
  Filled fill(const FillRequest& request, ByteSpan into) override {
    const Nanos begun = thread_cpu();
    const Filled filled = filler_->fill(request, into);
    spent_.fetch_add(thread_cpu() - begun, std::memory_order_relaxed);
    return filled;
  }

 private:
  std::unique_ptr<Filler> filler_;
  std::atomic<Nanos>& spent_;
};

int number_of(std::string_view text, int otherwise) {
  std::from_chars(text.data(), text.data() + text.size(), otherwise);
  return otherwise;
}

}  // namespace

Mix usual_mix() {
  return *Mix::fixed({50 * Percent::kOne}, {30 * Percent::kOne}, {20 * Percent::kOne});
}

StormRigSettings rig_of(const Preset& preset) {
  StormRigSettings rig;
  rig.engine = preset.at("engine") == "direct" ? Engine::kDirect : Engine::kRdkafka;
  rig.partitions = number_of(preset.at("partitions"), 32);
  rig.pool = static_cast<std::size_t>(number_of(preset.at("pool"), 1024));
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const int workers = number_of(preset.at("workers"), std::max(4, cores));
  rig.threads = std::min(workers, cores);  // as `produce` maps them
  rig.batch_size = static_cast<std::uint64_t>(number_of(preset.at("batch-size"), 8000));
  rig.in_flight = number_of(preset.at("in-flight"), 5);
  rig.one_by_one = preset.at("one-by-one") == "true";
  if (const auto text = preset.at("compression"); !text.empty()) rig.compression = text;
  if (const auto text = preset.at("linger"); !text.empty()) rig.linger = *parse_duration(text);
  if (const auto text = preset.at("batch-bytes"); !text.empty())
    rig.batch_bytes = *parse_size(text);
  if (const auto text = preset.at("buffer-memory"); !text.empty())
    rig.buffer_memory = *parse_size(text);
  if (const auto text = preset.at("property"); !text.empty()) {
    const auto equals = text.find('=');
    rig.properties[std::string(text.substr(0, equals))] = text.substr(equals + 1);
  }
  return rig;
}

double Stormed::instability() const {
  if (window_rates.empty()) return 0;
  const auto [least, most] = std::ranges::minmax(window_rates);
  const double middle = median_of(window_rates);
  return middle == 0 ? 0 : (most - least) / middle;
}

int StormRig::threads() {
  return static_cast<int>(std::clamp(std::thread::hardware_concurrency() / 2, 1u, 4u));
}

StormRig::StormRig(const StormRigSettings& settings, const Clock& clock)
    : clock_(clock), generator_(tweets_of(settings)), mixes_(usual_mix()) {
  client_.brokers = settings.brokers;
  client_.properties = settings.properties;
  producer_.topic = settings.topic;
  producer_.acks = settings.acks;
  producer_.compression = settings.compression;
  producer_.connections_per_broker = settings.connections;
  producer_.in_flight_max = settings.in_flight;
  producer_.linger = settings.linger;
  producer_.batch_bytes_max = settings.batch_bytes;
  const int threads_used = settings.threads == 0 ? threads() : settings.threads;
  producer_.buffer_memory = settings.buffer_memory / static_cast<std::size_t>(threads_used);
}

Result<std::unique_ptr<StormRig>> StormRig::start(const StormRigSettings& settings,
                                                  const Clock& clock, Log& log) {
  auto rig = std::unique_ptr<StormRig>(new StormRig(settings, clock));
  StormRig& self = *rig;
  RunSettings run{.schedule = settings.schedule,
                  .total = settings.total,
                  .duration = settings.duration,
                  .threads = settings.threads == 0 ? threads() : settings.threads,
                  .batch_bytes_max = settings.batch_bytes,
                  .acks = settings.acks};
  if (settings.one_by_one) run.piece_records_max = 1;
  const Numbering numbering = numbering_of(settings);
  run.claim = {.run = 1,
               .topic = settings.topic,
               .partitions = settings.partitions,
               .streams = numbering.streams,
               .batch_size = numbering.batch_size};
  std::shared_ptr<const ImagePool> values;
  if (!settings.payload.empty()) {
    auto payload = open_payload(settings.payload, {});
    if (!payload) return std::move(payload).error();
    values = make_pool(std::move(*payload), {}, kVariants);
  }
  if (Status ready = self.ready_topic(settings, clock, log); !ready)
    return std::move(ready).error();
  RunParts parts;
  parts.make_filler = [&self, values, numbering, settings]() -> std::unique_ptr<Filler> {
    std::unique_ptr<Filler> filler;
    if (values)
      filler = std::make_unique<PooledFiller>(
          PooledFillerSettings{1, 1, numbering.batch_size, numbering.streams}, values);
    else
      filler = std::make_unique<TweetFiller>(TweetFillerSettings{.run = 1}, self.generator_,
                                             self.mixes_);
    if (settings.time_filling)
      filler = std::make_unique<TimedFiller>(std::move(filler), self.filling_);
    return settings.wrap_filler ? settings.wrap_filler(std::move(filler)) : std::move(filler);
  };
  const auto make =
      settings.engine == Engine::kDirect ? &kafka::make_direct_outlet : &kafka::make_rdkafka_outlet;
  parts.make_outlet =
      [&self, &clock, &log, make,
       settings](kafka::DeliveryListener& listener) -> Result<std::unique_ptr<kafka::Outlet>> {
    auto made = make(self.client_, self.producer_, listener, clock, log);
    if (!made) return made;
    std::unique_ptr<kafka::Outlet> outlet = std::move(*made);
    if (settings.one_by_one) outlet = std::make_unique<kafka::OneByOneOutlet>(std::move(outlet));
    if (settings.wrap_outlet) outlet = settings.wrap_outlet(std::move(outlet));
    return outlet;
  };
  parts.publish = [](const RunClaim&, const ClaimChanges&) -> Status { return Done{}; };
  self.cpu_before_ = own_cpu_seconds();
  auto started = Run::start(run, std::move(parts), clock, log);
  if (!started) return std::move(started).error();
  self.run_ = std::move(*started);
  return rig;
}

/// Outlets wait for their topic and create none.
Status StormRig::ready_topic(const StormRigSettings& settings, const Clock& clock, Log& log) {
  kafka::ClientSettings client;
  client.brokers = settings.brokers;
  kafka::TopicSpec topic{.name = settings.topic, .partitions = settings.partitions};
  constexpr std::size_t kUsualLimit = 1 << 20, kAround = 12;
  if (settings.batch_bytes > kUsualLimit)
    topic.configs["max.message.bytes"] = std::to_string(settings.batch_bytes + kAround);
  auto made = kafka::Admin(client, clock, log).ensure_topic(topic);
  if (!made) return std::move(made).error();
  return Done{};
}

Account StormRig::finish() {
  while (!run_->finished()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  run_->stop();
  return run_->account();
}

Result<Stormed> StormRig::measure(Nanos window) {
  Stormed stormed;
  Nanos begun = clock_.now();
  std::uint64_t before = 0;
  while (!run_->finished()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const Nanos now = clock_.now();
    if (window == 0 || now - begun < window) continue;
    const std::uint64_t acknowledged = run_->account().acknowledged;
    stormed.window_rates.push_back(static_cast<double>(acknowledged - before) * 1e9 /
                                   static_cast<double>(now - begun));
    before = acknowledged;
    begun = now;
  }
  stormed.account = finish();
  const Account& account = stormed.account;
  stormed.cpu_seconds = own_cpu_seconds() - cpu_before_;
  stormed.fill_seconds = static_cast<double>(filling_.load()) / 1e9;
  if (account.acknowledged == 0 || account.acknowledged != account.enqueued)
    return Error{.message = fmt::format("{} records were sent and {} acknowledged",
                                        account.enqueued, account.acknowledged)};
  const auto records = static_cast<double>(account.acknowledged);
  stormed.seconds = static_cast<double>(account.last_delivery - account.first_intended) / 1e9;
  stormed.records_per_second = records / stormed.seconds;
  stormed.bytes_per_second = static_cast<double>(account.bytes) / stormed.seconds;
  stormed.record_bytes = static_cast<double>(account.bytes) / records;
  stormed.latency_us = run_->latency_us();
  return stormed;
}

Result<Stormed> storm(const StormRigSettings& settings, const Clock& clock, Log& log,
                      Nanos window) {
  auto rig = StormRig::start(settings, clock, log);
  if (!rig) return std::move(rig).error();
  return (*rig)->measure(window);
}

}  // namespace ds
