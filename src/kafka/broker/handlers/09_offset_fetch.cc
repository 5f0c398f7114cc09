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
  const auto offsets = call.core.offsets->of_group(request.group_id);
  if (!request.topics) {
    for (const auto& [partition, offset] : offsets) {
      if (response.topics.empty() || response.topics.back().name != partition.first)
        response.topics.push_back({.name = partition.first});
      response.topics.back().partitions.push_back(tell(partition.second, offset));
    }
    return response;
  }
  for (const auto& [name, indexes] : *request.topics) {
    auto& told = response.topics.emplace_back();
    told.name = name;
    for (const std::int32_t index : indexes) {
      const auto found = offsets.find({name, index});
      told.partitions.push_back(
          tell(index, found == offsets.end() ? GroupOffset{} : found->second));
    }
  }
  return response;
}

}  // namespace ds::kafka::broker
