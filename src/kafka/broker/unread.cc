#include "kafka/broker/unread.h"

#include <algorithm>
#include <set>
#include <string>

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

Unread unread_from(Core& core) {
  // Members first: one that leaves meanwhile has committed before, and counts by that.
  const auto members = core.groups->subscriptions();
  for (const auto& [group, topics] : members)
    if (!topics.empty())  // else a protocol that we do not know
      if (const auto noted = core.offsets->note_topics(group, topics); !noted)
        core.log_refusal("retention", noted.error().message);

  const std::int64_t fresh = core.clock.wall_ms() - core.settings.group_lives / kMillisecond;
  const bool may_return = core.clock.now() < core.started + core.settings.group_returns;
  const auto readers = core.offsets->readers();
  std::set<std::string> groups;
  for (const auto& [group, topics] : members) groups.insert(group);
  for (const auto& [group, topics] : readers) groups.insert(group);
  for (const std::string& group : core.offsets->groups()) groups.insert(group);

  Unread unread;
  Floors& floors = unread.from;
  for (const std::string& group : groups) {
    const auto offsets = core.offsets->of_group(group);
    const auto read = readers.find(group);
    const bool committed = std::any_of(offsets.begin(), offsets.end(), [&](const auto& each) {
      return each.second.time_ms >= fresh;
    });
    const bool returns = may_return && read != readers.end();
    if (!committed && !returns && !members.contains(group)) {
      if (read != readers.end()) core.offsets->note_topics(group, {}).ok();
      continue;
    }
    ++unread.groups;
    add_commits(floors, offsets);
    if (read == readers.end()) continue;
    for (const std::string& name : read->second)
      if (const auto topic = core.topics->find(name)) add_topic(floors, *topic, offsets);
  }
  return unread;
}

}  // namespace ds::kafka::broker
