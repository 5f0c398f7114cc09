#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {
namespace {

DeleteRecordsResponse::Partition drop(Core& core, const Topic* topic,
                                      const DeleteRecordsRequest::Partition& asked) {
  DeleteRecordsResponse::Partition told{.partition_index = asked.partition_index,
                                        .low_watermark = -1};
  if (!topic || !topic->partition(asked.partition_index)) {
    told.error_code = KafkaError::kUnknownTopicOrPartition;
    return told;
  }
  if (!topic->deletes()) {  // what is kept by key cannot be given up by offset
    told.error_code = KafkaError::kPolicyViolation;
    return told;
  }
  const auto& partition = topic->partitions[static_cast<std::size_t>(asked.partition_index)];
  const auto ends = partition->ends();
  told.error_code = ends.error;
  if (ends.error != KafkaError::kNone) return told;
  const std::int64_t offset = asked.offset == -1 ? ends.high_watermark : asked.offset;
  if (offset < 0 || offset > ends.high_watermark) {
    told.error_code = KafkaError::kOffsetOutOfRange;
    return told;
  }
  auto segments = partition->drop_before(offset);
  told.low_watermark = std::max(offset, ends.start);
  core.syncer->soon([&core, partition, segments = std::move(segments)] {
    core.remove_segments(*partition, segments);
  });
  return told;
}

}  // namespace

DeleteRecordsResponse handle_delete_records(Call& call, DeleteRecordsRequest& request) {
  DeleteRecordsResponse response;
  for (const auto& [name, partitions] : request.topics) {
    const auto topic = call.core.topics->find(name);
    auto& told = response.topics.emplace_back();
    told.name = name;
    const bool allowed = call.may(Operation::kDelete, Resource::kTopic, name);
    for (const auto& asked : partitions)
      told.partitions.push_back(allowed ? drop(call.core, topic.get(), asked)
                                        : DeleteRecordsResponse::Partition{
                                              .partition_index = asked.partition_index,
                                              .low_watermark = -1,
                                              .error_code = KafkaError::kTopicAuthorizationFailed});
  }
  return response;
}

}  // namespace ds::kafka::broker
