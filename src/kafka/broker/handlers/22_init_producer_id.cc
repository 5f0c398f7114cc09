// InitProducerId: for idempotence; transactions are refused.
#include <limits>

#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {

InitProducerIdResponse handle_init_producer_id(Call& call, InitProducerIdRequest& request) {
  if (request.transactional_id)
    return {.error_code = KafkaError::kTransactionalIdAuthorizationFailed,
            .producer_id = -1,
            .producer_epoch = -1};
  const Access& access = call.core.settings.access;
  if (!access.may_somewhere(call.connection.session().who, Operation::kWrite, Resource::kTopic))
    return {.error_code = KafkaError::kClusterAuthorizationFailed,
            .producer_id = -1,
            .producer_epoch = -1};
  const bool may_bump = request.producer_id >= 0 && request.producer_epoch >= 0 &&
                        request.producer_epoch < std::numeric_limits<std::int16_t>::max();
  if (may_bump)
    return {.producer_id = request.producer_id,
            .producer_epoch = static_cast<std::int16_t>(request.producer_epoch + 1)};
  const auto id = call.core.producer_ids->next();
  if (id) return {.producer_id = *id, .producer_epoch = 0};
  call.core.log.error("{}", id.error().message);
  return {.error_code = KafkaError::kKafkaStorageError, .producer_id = -1, .producer_epoch = -1};
}

}  // namespace ds::kafka::broker
