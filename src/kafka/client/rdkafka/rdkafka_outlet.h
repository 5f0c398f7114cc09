// The reference engine's outlet: the same record batches, walked and given to librdkafka record by
// record, for comparison and for what the direct engine does not do (any librdkafka property).
#pragma once

#include <memory>

#include "base/log.h"
#include "kafka/client/client_settings.h"
#include "kafka/client/outlet.h"

namespace ds::kafka {

/// "2.0.2".
std::string rdkafka_version();

/// Whether librdkafka knows every property and its value; the first that it does not, in its words.
Status check_rdkafka_properties(const ClientSettings& client, const ProducerSettings& producer);

/// Takes every property of ClientSettings::properties; one that librdkafka does not know is refused
/// in its words. Reaches the cluster first, as the direct engine does.
///
/// What differs from the direct engine: the batches on the wire are librdkafka's own, and records
/// without headers get the time of submit() as their timestamp (rd_kafka_produce_batch has none),
/// unless the batch's records have their own.
/// A batch whose records fared differently is reported kUnknown.
Result<std::unique_ptr<Outlet>> make_rdkafka_outlet(const ClientSettings& client,
                                                    const ProducerSettings& producer,
                                                    DeliveryListener& listener, const Clock& clock,
                                                    Log& log);

}  // namespace ds::kafka
