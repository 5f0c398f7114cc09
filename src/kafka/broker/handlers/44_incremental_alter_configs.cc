// IncrementalAlterConfigs: settings of topics; the broker's own are given at its start.
#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {
namespace {

constexpr std::int8_t kTopic = 2;
constexpr std::int8_t kSet = 0;
constexpr std::int8_t kDelete = 1;

Refusal alter(Core& core, const IncrementalAlterConfigsRequest::Resource& asked,
              bool validate_only) {
  if (asked.resource_type != kTopic)
    return {KafkaError::kInvalidRequest, "only a topic's settings can be changed while it runs"};
  const auto topic = core.topics->find(asked.resource_name);
  if (!topic) return {KafkaError::kUnknownTopicOrPartition, "there is no such topic"};
  TopicConfigs configs = topic->configs;
  for (const auto& [name, operation, value] : asked.configs) {
    if (operation == kDelete)
      configs.erase(name);
    else if (operation == kSet && value)
      configs[name] = *value;
    else
      return {KafkaError::kInvalidConfig, fmt::format("{} can be set and deleted only", name)};
  }
  if (validate_only) return check_topic_configs(configs);
  return core.topics->set_configs(asked.resource_name, configs);
}

}  // namespace

IncrementalAlterConfigsResponse handle_incremental_alter_configs(
    Call& call, IncrementalAlterConfigsRequest& request) {
  IncrementalAlterConfigsResponse response;
  for (const auto& asked : request.resources) {
    const bool allowed = asked.resource_type != kTopic ||
                         call.may(Operation::kAlter, Resource::kTopic, asked.resource_name);
    auto [code, message] =
        allowed ? alter(call.core, asked, request.validate_only)
                : Refusal{KafkaError::kTopicAuthorizationFailed, "you may not change this topic"};
    auto& told = response.responses.emplace_back();
    told.resource_type = asked.resource_type;
    told.resource_name = asked.resource_name;
    told.error_code = code;
    if (code != KafkaError::kNone) told.error_message = std::move(message);
  }
  return response;
}

}  // namespace ds::kafka::broker
