#include "kafka/broker/unread.h"

#include <algorithm>

namespace ds::kafka::broker {
namespace {

using Floors = std::map<PartitionName, std::int64_t>;

void lower(Floors& floors, const PartitionName& partition, std::int64_t offset) {
  const auto [entry, first] = floors.try_emplace(partition, offset);
  if (!first) entry->second = std::min(entry->second, offset);
}

void add_commits(Floors& floors, const GroupOffsets::Offsets& offsets) {
  for (const auto& [partition, committed] : offsets) lower(floors, partition, committed.offset);
}

void add_topic(Floors& floors, const Topic& topic, const GroupOffsets::Offsets& offsets) {
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
    const PartitionName name{topic.name, static_cast<std::int32_t>(i)};
    const auto committed = offsets.find(name);
    lower(floors, name, committed == offsets.end() ? 0 : committed->second.offset);
  }
}

}  // namespace

std::map<PartitionName, std::int64_t> unread_from(const Core& core) {
  Floors floors;
  // Members first: one that leaves meanwhile has committed before, and counts by that.
  for (const auto& [group, topics] : core.groups->subscriptions()) {
    const auto offsets = core.offsets->of_group(group);
    for (const std::string& name : topics)
      if (const auto topic = core.topics->find(name)) add_topic(floors, *topic, offsets);
    if (topics.empty()) add_commits(floors, offsets);  // members whose protocol we do not know
  }
  const std::int64_t fresh = core.clock.wall_ms() - core.settings.group_lives / kMillisecond;
  for (const std::string& group : core.offsets->groups()) {
    const auto offsets = core.offsets->of_group(group);
    const bool live = std::any_of(offsets.begin(), offsets.end(),
                                  [&](const auto& each) { return each.second.time_ms >= fresh; });
    if (live) add_commits(floors, offsets);
  }
  return floors;
}

}  // namespace ds::kafka::broker
