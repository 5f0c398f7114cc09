// What AlterConfigs and IncrementalAlterConfigs share: who may change what, and the answers.
#pragma once

#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {

/// `change` turns the settings that a topic has into those that it is to have, or says why not.
template <typename Response, typename Request>
Response alter_configs(Call& call, const Request& request,
                       Refusal (*change)(const typename Request::Resource& asked,
                                         TopicConfigs& configs)) {
  constexpr std::int8_t kTopic = 2;
  const auto alter = [&](const typename Request::Resource& asked) -> Refusal {
    if (asked.resource_type != kTopic)
      return {KafkaError::kInvalidRequest, "only a topic's settings can be changed while it runs"};
    if (!call.may(Operation::kAlter, Resource::kTopic, asked.resource_name))
      return {KafkaError::kTopicAuthorizationFailed, "you may not change this topic"};
    const auto topic = call.core.topics->find(asked.resource_name);
    if (!topic) return {KafkaError::kUnknownTopicOrPartition, "there is no such topic"};
    TopicConfigs configs = topic->configs;
    if (auto refusal = change(asked, configs); refusal.refused()) return refusal;
    if (request.validate_only) return check_topic_configs(configs);
    return call.core.topics->set_configs(asked.resource_name, configs);
  };
  Response response;
  for (const auto& asked : request.resources) {
    auto [code, message] = alter(asked);
    auto& told = response.responses.emplace_back();
    told.resource_type = asked.resource_type;
    told.resource_name = asked.resource_name;
    told.error_code = code;
    if (code != KafkaError::kNone) told.error_message = std::move(message);
  }
  return response;
}

}  // namespace ds::kafka::broker
