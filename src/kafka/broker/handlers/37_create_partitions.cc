#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {
namespace {

Refusal grow(Core& core, const CreatePartitionsRequest::Topic& asked, bool validate_only) {
  if (!validate_only) return core.topics->add_partitions(asked.name, asked.count);
  const auto topic = core.topics->find(asked.name);
  if (!topic) return {KafkaError::kUnknownTopicOrPartition, "there is no such topic"};
  if (asked.count <= static_cast<std::int32_t>(topic->partitions.size()))
    return {KafkaError::kInvalidPartitions, "a topic can only get more partitions"};
  return {};
}

}  // namespace

CreatePartitionsResponse handle_create_partitions(Call& call, CreatePartitionsRequest& request) {
  CreatePartitionsResponse response;
  for (const auto& asked : request.topics) {
    auto [code, message] =
        call.may(Operation::kAlter, Resource::kTopic, asked.name)
            ? grow(call.core, asked, request.validate_only)
            : Refusal{KafkaError::kTopicAuthorizationFailed, "you may not change this topic"};
    auto& told = response.results.emplace_back();
    told.name = asked.name;
    told.error_code = code;
    if (code != KafkaError::kNone) told.error_message = std::move(message);
  }
  return response;
}

}  // namespace ds::kafka::broker
