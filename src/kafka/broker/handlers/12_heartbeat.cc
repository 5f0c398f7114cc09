#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {

HeartbeatResponse handle_heartbeat(Call& call, HeartbeatRequest& request) {
  if (const auto refused = call.may_join(request.group_id); refused != KafkaError::kNone)
    return {.error_code = refused};
  return {.error_code = call.core.groups->heartbeat(request, call.core.clock.now())};
}

}  // namespace ds::kafka::broker
