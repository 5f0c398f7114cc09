#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {

DescribeGroupsResponse handle_describe_groups(Call& call, DescribeGroupsRequest& request) {
  DescribeGroupsResponse response;
  for (const std::string& id : request.groups) {
    if (!call.may(Operation::kDescribe, Resource::kGroup, id)) {
      response.groups.push_back(
          {.error_code = KafkaError::kGroupAuthorizationFailed, .group_id = id});
      continue;
    }
    auto group = call.core.groups->describe(id);
    if (!group) {
      const bool has_offsets = !call.core.offsets->of_group(id).empty();
      group = {.group_id = id, .group_state = has_offsets ? "Empty" : "Dead"};
      if (has_offsets) group->protocol_type = "consumer";
    }
    response.groups.push_back(std::move(*group));
  }
  return response;
}

}  // namespace ds::kafka::broker
