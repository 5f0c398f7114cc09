// JoinGroup: answered when the rebalance is complete.
#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {

void handle_join_group(Call& call, JoinGroupRequest& request) {
  constexpr int kNeedsId = 4;  // the version from which a member joins in two steps
  call.core.groups->join(request, {call.client_id(), "/" + call.connection.peer()},
                         call.version() >= kNeedsId, call.core.clock.now(),
                         [answer = call.answer](const auto& response) { answer.send(response); });
}

}  // namespace ds::kafka::broker
