// ListGroups: those with members, and those that have only left offsets behind.
#include <algorithm>

#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {

ListGroupsResponse handle_list_groups(Call& call, ListGroupsRequest& request) {
  ListGroupsResponse response{.groups = call.core.groups->list()};
  for (const std::string& id : call.core.offsets->groups())
    if (std::none_of(response.groups.begin(), response.groups.end(),
                     [&](const auto& each) { return each.group_id == id; }))
      response.groups.push_back({id, "consumer", "Empty"});
  if (!call.may(Operation::kDescribe, Resource::kCluster))
    std::erase_if(response.groups, [&](const auto& each) {
      return !call.may(Operation::kDescribe, Resource::kGroup, each.group_id);
    });
  if (!request.states_filter.empty())
    std::erase_if(response.groups, [&](const auto& each) {
      return std::find(request.states_filter.begin(), request.states_filter.end(),
                       each.group_state) == request.states_filter.end();
    });
  return response;
}

}  // namespace ds::kafka::broker
