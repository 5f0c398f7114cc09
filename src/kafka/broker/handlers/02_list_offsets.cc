// ListOffsets: the ends of a log, or the first record at or after a time.
#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {
namespace {

ListOffsetsResponse::Partition look(const Topic* topic,
                                    const ListOffsetsRequest::Partition& asked) {
  ListOffsetsResponse::Partition told{.partition_index = asked.partition_index};
  Partition* partition = topic ? topic->partition(asked.partition_index) : nullptr;
  if (!partition) {
    told.error_code = KafkaError::kUnknownTopicOrPartition;
    return told;
  }
  const auto ends = partition->ends();
  told.error_code = ends.error;
  if (ends.error != KafkaError::kNone) return told;
  told.leader_epoch = 0;
  if (asked.timestamp == ListOffsetsRequest::kLatest) {
    told.offset = ends.high_watermark;
  } else if (asked.timestamp == ListOffsetsRequest::kEarliest) {
    told.offset = ends.start;
  } else if (asked.timestamp < 0) {  // kinds of later versions
    told.error_code = KafkaError::kUnsupportedVersion;
  } else if (const auto found = partition->find_time(asked.timestamp); !found) {
    told.error_code = KafkaError::kKafkaStorageError;
  } else if (found->offset < ends.high_watermark) {
    told.offset = found->offset;
    told.timestamp = found->timestamp;
  }
  return told;
}

}  // namespace

ListOffsetsResponse handle_list_offsets(Call& call, ListOffsetsRequest& request) {
  ListOffsetsResponse response;
  for (const auto& [name, partitions] : request.topics) {
    const auto topic = call.core.topics->find(name);
    auto& told = response.topics.emplace_back();
    told.name = name;
    const bool allowed = call.may(Operation::kDescribe, Resource::kTopic, name);
    for (const auto& asked : partitions)
      told.partitions.push_back(allowed ? look(topic.get(), asked)
                                        : ListOffsetsResponse::Partition{
                                              .partition_index = asked.partition_index,
                                              .error_code = KafkaError::kTopicAuthorizationFailed});
  }
  return response;
}

}  // namespace ds::kafka::broker
