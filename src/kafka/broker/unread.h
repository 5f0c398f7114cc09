// How far live groups have read, partition by partition: what keep_unread must not drop.
#pragma once

#include <cstdint>
#include <map>

#include "kafka/broker/core.h"

namespace ds::kafka::broker {

struct Unread {
  std::map<PartitionName, std::int64_t> from;
  std::size_t groups = 0;  // live ones
};

/// The lowest offset that some live group has still to read. A group is live while it has members,
/// for settings.group_lives after its last commit, and for settings.group_returns after the
/// broker's start if it had members at its end. What its members read, or its last ones did, counts
/// from their commit on, without one from the log's start (0 here): nothing is dropped between a
/// join and the first commit, so that is the start at the join.
///
/// Notes what members read, so that it is known before anything is dropped that they need. Threads:
/// the syncer's. Cost: a copy of all live groups' offsets.
Unread unread_from(Core& core);

}  // namespace ds::kafka::broker
