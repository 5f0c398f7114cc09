// How the embedded broker is reached, and by whom: listeners, certificates, users, allowances.
#pragma once

#include <string_view>

#include "cli/settings.h"
#include "kafka/broker/broker.h"

namespace ds::cli {

/// `listen` names the setting with the addresses. What is wrong is told to `read`.
void read_broker_security(Reader& read, std::string_view listen,
                          kafka::broker::BrokerSettings& settings);

}  // namespace ds::cli
