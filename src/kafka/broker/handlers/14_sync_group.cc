// SyncGroup: answered when the leader has assigned.
#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {

void handle_sync_group(Call& call, SyncGroupRequest& request) {
  if (const auto refused = call.may_join(request.group_id); refused != KafkaError::kNone)
    return call.answer.send(SyncGroupResponse{.error_code = refused});
  call.core.groups->sync(request, call.core.clock.now(),
                         [answer = call.answer](const auto& response) { answer.send(response); });
}

}  // namespace ds::kafka::broker
