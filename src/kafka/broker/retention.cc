#include "kafka/broker/retention.h"

#include <queue>

namespace ds::kafka::broker {
namespace {

bool drop_one(Core& core, Partition& partition) {
  const auto segments = partition.drop_oldest();
  if (segments) core.remove_segments(partition, *segments);
  return segments.has_value();
}

void enforce_on_partition(Core& core, const Topic& topic, Partition& partition) {
  const std::int64_t broker_ms =
      core.settings.retention_time > 0 ? core.settings.retention_time / kMillisecond : -1;
  const std::int64_t ms = topic.config("retention.ms", broker_ms);
  const std::int64_t bytes = topic.config("retention.bytes", -1);
  while (true) {
    const auto oldest = partition.oldest();
    if (oldest.bytes == 0) return;
    const bool too_old = ms >= 0 && oldest.max_timestamp < core.clock.wall_ms() - ms;
    const bool too_much =
        bytes >= 0 && partition.bytes() >= static_cast<std::uint64_t>(bytes) + oldest.bytes;
    if (!(too_old || too_much) || !drop_one(core, partition)) return;
  }
}

}  // namespace

void enforce_retention(Core& core) {
  struct Candidate {
    std::int64_t max_timestamp;
    std::uint64_t bytes;  // of its partition: of equally old ones the largest gives first
    Partition* partition;
    bool operator<(const Candidate& other) const {
      return std::pair(-max_timestamp, bytes) < std::pair(-other.max_timestamp, other.bytes);
    }
  };
  const auto topics = core.topics->all();
  std::priority_queue<Candidate> oldest_first;
  std::uint64_t total = 0;
  for (const auto& topic : topics)
    for (const auto& partition : topic->partitions) {
      if (!topic->compacted()) enforce_on_partition(core, *topic, *partition);
      total += partition->bytes();
      const auto oldest = partition->oldest();
      if (!topic->compacted() && oldest.bytes > 0)
        oldest_first.push({oldest.max_timestamp, partition->bytes(), partition.get()});
    }
  if (core.settings.retention_bytes == 0) return;
  while (total > core.settings.retention_bytes && !oldest_first.empty()) {
    Partition& partition = *oldest_first.top().partition;
    oldest_first.pop();
    const std::uint64_t before = partition.bytes();
    if (!drop_one(core, partition)) continue;
    total -= std::min(total, before - std::min(before, partition.bytes()));
    const auto next = partition.oldest();
    if (next.bytes > 0) oldest_first.push({next.max_timestamp, partition.bytes(), &partition});
  }
}

}  // namespace ds::kafka::broker
