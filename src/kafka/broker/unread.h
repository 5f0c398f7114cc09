// How far live groups have read, partition by partition: what keep_unread must not drop.
#pragma once

#include <cstdint>
#include <map>

#include "kafka/broker/core.h"

namespace ds::kafka::broker {

/// The lowest offset that some live group has still to read. A group is live while it has members,
/// or for settings.group_lives after its last commit. A member's topics count from its last commit
/// on, without one from the log's start (0 here): nothing is dropped between its join and its first
/// commit, so that is the start at its join. A group without members counts where it has committed.
/// Threads: any. Cost: a copy of all live groups' offsets.
std::map<PartitionName, std::int64_t> unread_from(const Core& core);

}  // namespace ds::kafka::broker
