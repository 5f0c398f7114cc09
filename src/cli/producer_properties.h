// The librdkafka properties that the direct engine honours (-X, --command-config).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "kafka/client/client_settings.h"
#include "kafka/client/outlet.h"

namespace ds::cli {

/// Moves what the direct engine implements out of `client.properties` into the settings; what is
/// left there it does not know. Everything that is wrong, in the order of the names.
std::vector<Error> take_producer_properties(kafka::ClientSettings& client,
                                            kafka::ProducerSettings& producer);

/// The names that it takes.
std::vector<std::string_view> producer_property_names();

}  // namespace ds::cli
