#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {

HeartbeatResponse handle_heartbeat(Call& call, HeartbeatRequest& request) {
  return {.error_code = call.core.groups->heartbeat(request, call.core.clock.now())};
}

}  // namespace ds::kafka::broker
