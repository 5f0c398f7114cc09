#include "kafka/broker/compactor.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>

namespace ds::kafka::broker {
namespace {

constexpr Nanos kAfterError = 60 * kSecond;
constexpr int kNice = 10;

}  // namespace

Compactor::Compactor(Core& core)
    : core_(core), thread_([this](std::stop_token stop) { run(stop); }) {}

Compactor::~Compactor() {
  thread_.request_stop();
  thread_.join();
}

void Compactor::run(std::stop_token stop) {
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);  // of this thread, on Linux
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    compact_all(stop);
    wake_.wait_for(lock, stop, std::chrono::nanoseconds(core_.settings.compact_every),
                   [] { return false; });
  }
}

void Compactor::compact_all(const std::stop_token& stop) {
  std::map<std::string, Known> still_there;
  for (const auto& topic : core_.topics->all()) {
    if (!topic->compacted()) continue;
    for (const auto& partition : topic->partitions) {
      if (stop.stop_requested()) return;
      if (!partition->online()) continue;
      Known& known = still_there[partition->folder()] = known_[partition->folder()];
      if (core_.clock.now() >= known.not_before) compact_one(*topic, *partition, known, stop);
    }
  }
  known_.swap(still_there);
}

void Compactor::compact_one(const Topic& topic, Partition& partition, Known& known,
                            const std::stop_token& stop) {
  const auto mode = core_.settings.durability.mode;
  const CompactionSettings settings{
      .now_ms = core_.clock.wall_ms(),
      .delete_retention_ms = topic.config("delete.retention.ms", kDeleteRetentionMs),
      .dirty_ratio = topic.dirty_ratio(),
      .only_synced = mode == DurabilityMode::kSync || mode == DurabilityMode::kInterval};
  const auto done =
      compact(core_.files, partition, settings, known.state, [&] { return stop.stop_requested(); });
  if (done && done->bytes_before > 0) {
    ++core_.counters.compactions;
    core_.counters.compacted_away +=
        done->bytes_before - std::min(done->bytes_before, done->bytes_after);
    core_.log.debug("partition {}: compacted from {} to {} bytes", partition.name(),
                    done->bytes_before, done->bytes_after);
  }
  if (done || done.error().code == ErrorCode::kInterrupted) return;
  known.not_before = core_.clock.now() + kAfterError;
  if (core_.topics->find(topic.id))  // a deleted one may well fail
    core_.log.error("partition {} was not compacted: {}", partition.name(), done.error().message);
}

}  // namespace ds::kafka::broker
