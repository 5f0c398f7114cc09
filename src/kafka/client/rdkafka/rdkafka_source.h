// librdkafka as a Source: its consumer is the group's member, its queue the buffer.
#pragma once

#include <memory>

#include "base/log.h"
#include "kafka/client/client_settings.h"
#include "kafka/client/source.h"

namespace ds::kafka {

/// Reaches the cluster first. librdkafka hides where record batches begin and end: what comes in
/// one poll is put into batches anew, one for each partition and run of offsets. What needs the
/// batches as they were sent (rollups) must not be stored from here.
Result<std::unique_ptr<Source>> make_rdkafka_source(const ClientSettings& client,
                                                    const ConsumerSettings& consumer,
                                                    AssignmentListener& listener,
                                                    const Clock& clock, Log& log);

}  // namespace ds::kafka
