// JoinGroup: answered when the rebalance is complete.
#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {

void handle_join_group(Call& call, JoinGroupRequest& request) {
  constexpr int kNeedsId = 4;  // the version from which a member joins in two steps
  if (const auto refused = call.may_join(request.group_id); refused != KafkaError::kNone)
    return call.answer.send(JoinGroupResponse{.error_code = refused});
  call.core.groups->join(request, {call.client_id(), "/" + call.connection.peer()},
                         call.version() >= kNeedsId, call.core.clock.now(),
                         [answer = call.answer](const auto& response) { answer.send(response); });
}

}  // namespace ds::kafka::broker
