#include "bench/storm_rig.h"

#include <algorithm>
#include <thread>

#include "kafka/client/direct_producer.h"
#include "kafka/client/rdkafka/rdkafka_outlet.h"

namespace ds {
namespace {

constexpr std::uint64_t kBatchSize = 8000;
constexpr std::size_t kBufferMemory = 64u << 20;

Numbering numbering_of(const StormRigSettings& settings) {
  return {kBatchSize, default_streams(settings.partitions)};
}

}  // namespace

int StormRig::threads() {
  return static_cast<int>(std::clamp(std::thread::hardware_concurrency() / 2, 1u, 4u));
}

StormRig::StormRig(const StormRigSettings& settings)
    : generator_({.numbering = numbering_of(settings)}),
      mixes_(*Mix::fixed({50 * Percent::kOne}, {30 * Percent::kOne}, {20 * Percent::kOne})) {
  client_.brokers = settings.brokers;
  producer_.topic = settings.topic;
  producer_.acks = settings.acks;
  producer_.connections_per_broker = settings.connections;
  producer_.in_flight_max = settings.in_flight;
  producer_.linger = 5 * kMillisecond;  // librdkafka's best; the direct engine never waits
  const int threads_used = settings.threads == 0 ? threads() : settings.threads;
  producer_.buffer_memory = kBufferMemory / static_cast<std::size_t>(threads_used);
}

Result<std::unique_ptr<StormRig>> StormRig::start(const StormRigSettings& settings,
                                                  const Clock& clock, Log& log) {
  auto rig = std::unique_ptr<StormRig>(new StormRig(settings));
  StormRig& self = *rig;
  RunSettings run{.schedule = settings.schedule,
                  .total = settings.total,
                  .duration = settings.duration,
                  .threads = settings.threads == 0 ? threads() : settings.threads,
                  .acks = settings.acks};
  const Numbering numbering = numbering_of(settings);
  run.claim = {.run = 1,
               .topic = settings.topic,
               .partitions = settings.partitions,
               .streams = numbering.streams,
               .batch_size = numbering.batch_size};
  RunParts parts;
  parts.make_filler = [&self] {
    return std::make_unique<TweetFiller>(TweetFillerSettings{.run = 1}, self.generator_,
                                         self.mixes_);
  };
  const auto make =
      settings.engine == Engine::kDirect ? &kafka::make_direct_outlet : &kafka::make_rdkafka_outlet;
  parts.make_outlet = [&self, &clock, &log, make](kafka::DeliveryListener& listener) {
    return make(self.client_, self.producer_, listener, clock, log);
  };
  parts.publish = [](const RunClaim&, const ClaimChanges&) -> Status { return Done{}; };
  auto started = Run::start(run, std::move(parts), clock, log);
  if (!started) return std::move(started).error();
  self.run_ = std::move(*started);
  return rig;
}

Account StormRig::finish() {
  while (!run_->finished()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  run_->stop();
  return run_->account();
}

}  // namespace ds
