#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {
namespace {

KafkaError remove(Core& core, const std::string& id) {
  if (core.groups->has_members(id)) return KafkaError::kNonEmptyGroup;
  if (!core.groups->describe(id) && core.offsets->of_group(id).empty())
    return KafkaError::kGroupIdNotFound;
  if (const auto removed = core.offsets->remove_group(id); !removed) {
    core.log.error("{}", removed.error().message);
    return KafkaError::kKafkaStorageError;
  }
  core.groups->forget(id);
  return KafkaError::kNone;
}

}  // namespace

DeleteGroupsResponse handle_delete_groups(Call& call, DeleteGroupsRequest& request) {
  DeleteGroupsResponse response;
  for (const std::string& id : request.groups_names)
    response.results.push_back({id, call.may(Operation::kDelete, Resource::kGroup, id)
                                        ? remove(call.core, id)
                                        : KafkaError::kGroupAuthorizationFailed});
  return response;
}

}  // namespace ds::kafka::broker
