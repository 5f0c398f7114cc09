// Topics and claims through librdkafka, for whoever logs in as only librdkafka can.
#pragma once

#include <memory>

#include "base/log.h"
#include "kafka/client/client_settings.h"
#include "kafka/client/topic_keeper.h"

namespace ds::kafka {

/// Takes every property of ClientSettings::properties, as make_rdkafka_outlet() does, but for
/// those about which records are kept back (linger) or given up early (acks).
Result<std::unique_ptr<TopicKeeper>> make_rdkafka_keeper(const ClientSettings& client,
                                                         const Clock& clock, Log& log);

}  // namespace ds::kafka
