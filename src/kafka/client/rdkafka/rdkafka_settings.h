// Our settings in librdkafka's names.
#pragma once

#include <map>
#include <string>

#include "kafka/client/client_settings.h"
#include "kafka/client/outlet.h"
#include "kafka/client/source.h"

namespace ds::kafka {

/// Pure: what a test can read. -X properties come last and win.
std::map<std::string, std::string> rdkafka_properties(const ClientSettings& client,
                                                      const ProducerSettings& producer);
std::map<std::string, std::string> rdkafka_properties(const ClientSettings& client,
                                                      const ConsumerSettings& consumer);

/// librdkafka before 2.6.1 makes nonces that Kafka 4.x refuses; then a sentence that says so, else
/// nothing. `version`: as rd_kafka_version() gives it, 0xMMmmrrpp.
std::string scram_warning(int version, std::string_view version_text, SaslMechanism mechanism);

}  // namespace ds::kafka
