// What may be forgotten: by time, by a partition's size, by the size of the whole broker.
#pragma once

#include "kafka/broker/core.h"

namespace ds::kafka::broker {

/// Drops segments until the limits hold, oldest first. Topics that are compacted and no more
/// are left alone: their records are kept by key, not by age. With keep_unread nothing is dropped
/// that a live group has still to read, and producers are told how much room there is. Threads: the
/// syncer's. Cost: one lock of each partition, then one a segment.
void enforce_retention(Core& core);

}  // namespace ds::kafka::broker
