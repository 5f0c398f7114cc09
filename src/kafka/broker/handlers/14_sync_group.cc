// SyncGroup: answered when the leader has assigned.
#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {

void handle_sync_group(Call& call, SyncGroupRequest& request) {
  call.core.groups->sync(request, call.core.clock.now(),
                         [answer = call.answer](const auto& response) { answer.send(response); });
}

}  // namespace ds::kafka::broker
