#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {

LeaveGroupResponse handle_leave_group(Call& call, LeaveGroupRequest& request) {
  constexpr int kSeveral = 3;  // the version from which one request names several members
  Core& core = call.core;
  if (const auto refused = call.may_join(request.group_id); refused != KafkaError::kNone)
    return {.error_code = refused};
  if (call.version() < kSeveral)
    return {.error_code = core.groups->leave(request.group_id, {.member_id = request.member_id},
                                             core.clock.now())};
  LeaveGroupResponse response;
  for (const auto& member : request.members) {
    auto& told = response.members.emplace_back();
    told.member_id = member.member_id;
    told.group_instance_id = member.group_instance_id;
    told.error_code = core.groups->leave(request.group_id, told, core.clock.now());
  }
  return response;
}

}  // namespace ds::kafka::broker
