// OffsetCommit: by a member of the group, or from outside while it has no members.
#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {
namespace {

constexpr std::size_t kMetadataMax = 4096;

void set_all(OffsetCommitResponse& response, KafkaError error) {
  for (auto& topic : response.topics)
    for (auto& partition : topic.partitions)
      if (partition.error_code == KafkaError::kNone) partition.error_code = error;
}

}  // namespace

void handle_offset_commit(Call& call, OffsetCommitRequest& request) {
  Core& core = call.core;
  const auto refused = call.may_join(request.group_id);
  const auto verdict =
      request.group_id.empty() ? KafkaError::kInvalidGroupId
      : refused != KafkaError::kNone
          ? refused
          : core.groups->may_commit(request.group_id, request.generation_id_or_member_epoch,
                                    request.member_id, request.group_instance_id, core.clock.now());
  OffsetCommitResponse response;
  GroupOffsets::Offsets offsets;
  for (auto& [name, partitions] : request.topics) {
    const auto topic = core.topics->find(name);
    auto& told = response.topics.emplace_back();
    told.name = name;
    for (auto& asked : partitions) {
      auto& answer = told.partitions.emplace_back();
      answer.partition_index = asked.partition_index;
      std::string metadata = std::move(asked.committed_metadata).value_or("");
      if (verdict != KafkaError::kNone)
        answer.error_code = verdict;
      else if (!call.may(Operation::kRead, Resource::kTopic, name))
        answer.error_code = KafkaError::kTopicAuthorizationFailed;
      else if (!topic || !topic->partition(asked.partition_index))
        answer.error_code = KafkaError::kUnknownTopicOrPartition;
      else if (metadata.size() > kMetadataMax)
        answer.error_code = KafkaError::kOffsetMetadataTooLarge;
      else
        offsets[{name, asked.partition_index}] = {asked.committed_offset,
                                                  asked.committed_leader_epoch, std::move(metadata),
                                                  core.clock.wall_ms()};
    }
  }
  if (offsets.empty()) return call.answer.send(response);
  if (const auto stored = core.offsets->commit(request.group_id, offsets); !stored) {
    core.log.error("{}", stored.error().message);
    set_all(response, KafkaError::kKafkaStorageError);
    return call.answer.send(response);
  }
  if (!core.wait_for_sync()) return call.answer.send(response);
  core.syncer->soon([&core, answer = call.answer, response]() mutable {
    if (const auto synced = core.offsets->sync(); !synced) {
      core.log.error("{}", synced.error().message);
      set_all(response, KafkaError::kKafkaStorageError);
    }
    answer.send(response);
  });
}

}  // namespace ds::kafka::broker
