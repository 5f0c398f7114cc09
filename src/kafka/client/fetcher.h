// The direct engine's source: whole record batches, as the broker sent them, without a copy.
//
//   auto source = make_direct_source(client, consumer, assignment, clock, log);
//   while (source->poll(100 * kMillisecond, fetched)) …      // see source.h
#pragma once

#include <memory>

#include "base/log.h"
#include "kafka/client/client_settings.h"
#include "kafka/client/source.h"

namespace ds::kafka {

/// Reaches the cluster first, so that a wrong address or password is told here. A topic that does
/// not exist yet is waited for, not created. An offset that retention has overtaken is said in the
/// log, and reading goes on at the log's start.
///
/// With ConsumerSettings::join it is a member of the group, on a thread of its own (group_lane.h).
/// Without, it reads all partitions of the topic, new ones included; offsets are
/// committed for the group (when one is named) without being its member, so no second reader of the
/// group may run at the same time.
Result<std::unique_ptr<Source>> make_direct_source(const ClientSettings& client,
                                                   const ConsumerSettings& consumer,
                                                   AssignmentListener& listener, const Clock& clock,
                                                   Log& log);

}  // namespace ds::kafka
