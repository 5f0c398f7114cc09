// FindCoordinator: always this broker; there is none for transactions.
#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {

FindCoordinatorResponse handle_find_coordinator(Call& call, FindCoordinatorRequest& request) {
  constexpr std::int8_t kGroup = 0;
  if (request.key_type != kGroup)  // as final as an error can be: librdkafka asks on after others
    return {.error_code = KafkaError::kTransactionalIdAuthorizationFailed,
            .error_message = "this broker has no transactions",
            .node_id = -1,
            .port = -1};
  if (!call.may(Operation::kDescribe, Resource::kGroup, request.key))
    return {.error_code = KafkaError::kGroupAuthorizationFailed,
            .error_message = "Group authorization failed",
            .node_id = -1,
            .port = -1};
  return {.error_message = "NONE",
          .node_id = Core::kNodeId,
          .host = call.connection.local().host,
          .port = call.connection.local().port};
}

}  // namespace ds::kafka::broker
