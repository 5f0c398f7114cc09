#include "kafka/broker/retention.h"

#include <limits>
#include <queue>

#include "kafka/broker/unread.h"

namespace ds::kafka::broker {
namespace {

constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t kSlackOfLimit = 8;  // room left free for producers: one part in this many
constexpr std::uint64_t kReserveOfLimit = 16;  // what dead letters and claims may keep of it

/// A partition, and up to where it may be dropped.
struct Kept {
  const Topic* topic;
  Partition* partition;
  std::int64_t needed_from;
};

bool drop_one(Core& core, const Kept& kept) {
  const auto segments = kept.partition->drop_oldest(kept.needed_from);
  if (segments) core.remove_segments(*kept.partition, *segments);
  return segments.has_value();
}

void enforce_on_partition(Core& core, const Kept& kept) {
  const std::int64_t broker_ms =
      core.settings.retention_time > 0 ? core.settings.retention_time / kMillisecond : -1;
  const std::int64_t ms = kept.topic->config("retention.ms", broker_ms);
  const std::int64_t bytes = kept.topic->config("retention.bytes", -1);
  while (true) {
    const auto oldest = kept.partition->oldest();
    if (oldest.bytes == 0) return;
    const bool too_old = ms >= 0 && oldest.max_timestamp < core.clock.wall_ms() - ms;
    const bool too_much =
        bytes >= 0 && kept.partition->bytes() >= static_cast<std::uint64_t>(bytes) + oldest.bytes;
    if (!(too_old || too_much) || !drop_one(core, kept)) return;
  }
}

/// Oldest first over all partitions until at most `aim` bytes are kept; what is kept then. Topics
/// that have a reserve give only while they have more than that, all together.
std::uint64_t enforce_on_all(Core& core, const std::vector<Kept>& all, std::uint64_t total,
                             std::uint64_t aim, std::uint64_t reserve) {
  struct Candidate {
    std::int64_t max_timestamp;
    std::uint64_t bytes;  // of its partition: of equally old ones the largest gives first
    Kept kept;
    bool operator<(const Candidate& other) const {
      return std::pair(-max_timestamp, bytes) < std::pair(-other.max_timestamp, other.bytes);
    }
  };
  std::priority_queue<Candidate> oldest_first;
  const auto add = [&](const Kept& kept) {
    const auto oldest = kept.partition->oldest();
    if (oldest.bytes > 0) oldest_first.push({oldest.max_timestamp, kept.partition->bytes(), kept});
  };
  if (total <= aim) return total;
  std::uint64_t reserved = 0;
  for (const Kept& each : all)
    if (each.topic->deletes() && has_reserve(each.topic->name)) reserved += each.partition->bytes();
  for (const Kept& each : all)
    if (each.topic->deletes() && (!has_reserve(each.topic->name) || reserved > reserve)) add(each);
  while (total > aim && !oldest_first.empty()) {
    const Kept kept = oldest_first.top().kept;
    oldest_first.pop();
    const bool is_reserved = has_reserve(kept.topic->name);
    if (is_reserved && reserved <= reserve) continue;
    const std::uint64_t before = kept.partition->bytes();
    if (!drop_one(core, kept)) continue;
    const std::uint64_t gone = before - std::min(before, kept.partition->bytes());
    total -= std::min(total, gone);
    if (is_reserved) reserved -= std::min(reserved, gone);
    add(kept);
  }
  return total;
}

/// Gives up what was kept to be recycled: little, but one a partition.
std::uint64_t drop_spares(Core& core, const std::vector<Kept>& all, std::uint64_t total,
                          std::uint64_t aim) {
  for (const Kept& each : all) {
    if (total <= aim) break;
    if (const auto spare = each.partition->drop_spare()) {
      total -= std::min(total, spare->end());
      core.remove_segments(*each.partition, {spare});
    }
  }
  return total;
}

}  // namespace

void enforce_retention(Core& core) {
  const bool keep_unread = core.settings.keep_unread;
  const std::uint64_t limit = core.settings.retention_bytes;
  core.pressure.pass_begins();
  const auto topics = core.topics->all();  // keeps the partitions alive
  const auto [floors, groups] = keep_unread ? unread_from(core) : Unread{};
  std::vector<Kept> all;
  std::uint64_t total = 0, unread = 0;
  for (const auto& topic : topics)
    for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
      const auto floor = floors.find({topic->name, static_cast<std::int32_t>(i)});
      const Kept& kept = all.emplace_back(Kept{topic.get(), topic->partitions[i].get(),
                                               floor == floors.end() ? kAll : floor->second});
      if (topic->deletes()) enforce_on_partition(core, kept);
      if (topic->deletes() || !keep_unread) total += kept.partition->bytes();
      if (kept.needed_from != kAll) unread += kept.partition->bytes_from(kept.needed_from);
    }
  core.pressure.unread_bytes = unread;
  core.pressure.live_groups = groups;
  if (limit == 0) return;
  const std::uint64_t slack = keep_unread ? limit / kSlackOfLimit : 0;
  total = enforce_on_all(core, all, total, limit - slack, limit / kReserveOfLimit);
  if (keep_unread) total = drop_spares(core, all, total, limit - slack);
  core.pressure.pass_ends(static_cast<std::int64_t>(limit) - static_cast<std::int64_t>(total),
                          static_cast<std::int64_t>(slack));
}

}  // namespace ds::kafka::broker
