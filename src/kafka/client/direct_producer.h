// The direct engine's outlet: own requests over own connections.
//
//   auto outlet = make_direct_outlet(client, producer, deliveries, clock, log);
//   while (auto slot = (*outlet)->reserve(partition, bytes_max)) …      // see outlet.h
#pragma once

#include <memory>

#include "base/log.h"
#include "kafka/client/client_settings.h"
#include "kafka/client/outlet.h"

namespace ds::kafka {

/// Reaches the cluster first (and for idempotence gets a producer id), so that a wrong address or
/// password is told here. A topic that does not exist yet is waited for, up to each batch's
/// delivery_timeout. The settings are copied; listener, clock and log are borrowed for the outlet's
/// life.
Result<std::unique_ptr<Outlet>> make_direct_outlet(const ClientSettings& client,
                                                   const ProducerSettings& producer,
                                                   DeliveryListener& listener, const Clock& clock,
                                                   Log& log);

}  // namespace ds::kafka
