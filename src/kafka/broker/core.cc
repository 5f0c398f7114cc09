#include "kafka/broker/core.h"

namespace ds::kafka::broker {

Refusal Core::find_or_create(const std::string& name, bool create,
                             std::shared_ptr<const Topic>& topic) {
  topic = topics->find(name);
  if (topic) return {};
  if (auto refusal = check_topic_name(name); refusal.refused()) return refusal;
  if (!create) return {KafkaError::kUnknownTopicOrPartition, "there is no such topic"};
  auto refusal = topics->create(name, settings.default_partitions, {});
  topic = topics->find(name);  // by us, or by somebody at the same moment
  if (topic) return {};
  return refusal.refused() ? refusal
                           : Refusal{KafkaError::kUnknownTopicOrPartition, "just deleted"};
}

void Core::remove_segments(Partition& partition,
                           const std::vector<std::shared_ptr<Segment>>& segments) {
  if (segments.empty()) return;
  if (settings.durability.mode != DurabilityMode::kMemory)
    if (const auto saved = partition.save_silent_producers(files); !saved)
      log.error("{}", saved.error().message);
  // After a power loss older marks would have these records missed, and taken for damage. Where
  // nothing is promised then, nothing is believed then.
  const bool survives_power = settings.durability.mode == DurabilityMode::kSync ||
                              settings.durability.mode == DurabilityMode::kInterval;
  if (const auto synced = survives_power ? partition.sync_marks() : Status(Done{}); !synced) {
    log.error("{}", synced.error().message);
    return;
  }
  for (const auto& segment : segments)
    if (const auto removed = files.remove(segment->file().path()); !removed)
      log.error("{}", removed.error().message);
}

void Core::expire_producers() {
  for (const auto& topic : topics->all())
    for (const auto& partition : topic->partitions)
      partition->expire_producers(clock.wall_ms(), settings.producer_lives / kMillisecond);
}

void Core::sync_all() {
  for (const auto& topic : topics->all())
    for (const auto& partition : topic->partitions)
      if (partition->has_unsynced() && !partition->sync())
        log.error("partition {} could not be synced", partition->name());
  if (const auto synced = offsets->sync(); !synced) log.error("{}", synced.error().message);
}

void Core::log_refusal(const std::string& peer, const std::string& why) {
  constexpr std::uint64_t kAll = 100;  // the first ones are all shown, then one in a hundred
  const std::uint64_t count = ++counters.refusals;
  if (count <= kAll || count % kAll == 0) log.warn("{}: connection ended: {}", peer, why);
}

}  // namespace ds::kafka::broker
