// Our settings in librdkafka's names.
#pragma once

#include <librdkafka/rdkafka.h>

#include <map>
#include <string>

#include "base/result.h"
#include "kafka/client/client_settings.h"
#include "kafka/client/outlet.h"
#include "kafka/client/source.h"

namespace ds::kafka {

/// Pure: what a test can read. -X properties come last and win.
std::map<std::string, std::string> rdkafka_properties(const ClientSettings& client,
                                                      const ProducerSettings& producer);
std::map<std::string, std::string> rdkafka_properties(const ClientSettings& client,
                                                      const ConsumerSettings& consumer);

/// The caller's, until rd_kafka_new() takes it. Refuses what librdkafka does not know, in its
/// words.
Result<rd_kafka_conf_t*> rdkafka_conf(const std::map<std::string, std::string>& properties);

/// For a login whose tokens librdkafka makes (OAUTHBEARER); harmless for the others.
void make_tokens_in_background(rd_kafka_t* rk);

/// librdkafka before 2.6.1 makes nonces that Kafka 4.x refuses; then a sentence that says so, else
/// nothing. `version`: as rd_kafka_version() gives it, 0xMMmmrrpp.
std::string scram_warning(int version, std::string_view version_text, SaslMechanism mechanism);

}  // namespace ds::kafka
