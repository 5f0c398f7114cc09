// OffsetFetch: what a group has committed; -1 where it has not.
#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {
namespace {

OffsetFetchResponse::Partition tell(std::int32_t index, const GroupOffset& offset) {
  return {.partition_index = index,
          .committed_offset = offset.offset,
          .committed_leader_epoch = offset.leader_epoch,
          .metadata = offset.metadata};
}

}  // namespace

OffsetFetchResponse handle_offset_fetch(Call& call, OffsetFetchRequest& request) {
  OffsetFetchResponse response;
  const bool sees_group = call.may(Operation::kDescribe, Resource::kGroup, request.group_id);
  const auto sees_topic = [&](const std::string& name) {
    return call.may(Operation::kDescribe, Resource::kTopic, name);
  };
  if (!sees_group) response.error_code = KafkaError::kGroupAuthorizationFailed;
  if (!sees_group && !request.topics) return response;
  const auto offsets = call.core.offsets->of_group(request.group_id);
  if (!request.topics) {
    for (const auto& [partition, offset] : offsets) {
      if (!sees_topic(partition.first)) continue;
      if (response.topics.empty() || response.topics.back().name != partition.first)
        response.topics.push_back({.name = partition.first});
      response.topics.back().partitions.push_back(tell(partition.second, offset));
    }
    return response;
  }
  for (const auto& [name, indexes] : *request.topics) {
    auto& told = response.topics.emplace_back();
    told.name = name;
    const KafkaError error = !sees_group         ? KafkaError::kGroupAuthorizationFailed
                             : !sees_topic(name) ? KafkaError::kTopicAuthorizationFailed
                                                 : KafkaError::kNone;
    for (const std::int32_t index : indexes) {
      if (error != KafkaError::kNone) {
        told.partitions.push_back({.partition_index = index, .error_code = error});
        continue;
      }
      const auto found = offsets.find({name, index});
      told.partitions.push_back(
          tell(index, found == offsets.end() ? GroupOffset{} : found->second));
    }
  }
  return response;
}

}  // namespace ds::kafka::broker
