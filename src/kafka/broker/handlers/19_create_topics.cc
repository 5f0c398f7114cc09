#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {
namespace {

Refusal create(Core& core, const CreateTopicsRequest::Topic& asked, bool validate_only) {
  constexpr std::int32_t kDefault = -1;
  TopicConfigs configs;
  for (const auto& [name, value] : asked.configs)
    if (value) configs[name] = *value;
  if (!asked.assignments.empty() && asked.num_partitions != kDefault)
    return {KafkaError::kInvalidRequest, "give a number of partitions or an assignment, not both"};
  if (asked.assignments.empty() && asked.replication_factor != 1 &&
      asked.replication_factor != kDefault)
    return {KafkaError::kInvalidReplicationFactor, "this is one broker: the factor is 1"};
  for (const auto& assignment : asked.assignments)
    if (assignment.broker_ids != std::vector{Core::kNodeId})
      return {KafkaError::kInvalidReplicaAssignment, "this is one broker, number 1"};
  std::int32_t partitions = asked.num_partitions;
  if (!asked.assignments.empty())
    partitions = static_cast<std::int32_t>(asked.assignments.size());
  else if (partitions == kDefault)
    partitions = core.settings.default_partitions;
  if (!validate_only) return core.topics->create(asked.name, partitions, configs);
  if (auto refusal = check_topic_name(asked.name); refusal.refused()) return refusal;
  if (core.topics->find(asked.name)) return {KafkaError::kTopicAlreadyExists, "it exists"};
  if (partitions < 1) return {KafkaError::kInvalidPartitions, "a topic has one partition or more"};
  return check_topic_configs(configs);
}

}  // namespace

CreateTopicsResponse handle_create_topics(Call& call, CreateTopicsRequest& request) {
  CreateTopicsResponse response;
  for (const auto& asked : request.topics) {
    auto [code, message] =
        call.may_create(asked.name)
            ? create(call.core, asked, request.validate_only)
            : Refusal{KafkaError::kTopicAuthorizationFailed, "you may not create this topic"};
    auto& told = response.topics.emplace_back();
    told.name = asked.name;
    told.error_code = code;
    if (code != KafkaError::kNone) told.error_message = std::move(message);
  }
  return response;
}

}  // namespace ds::kafka::broker
