// Metadata: this broker leads everything; topics are made on first use.
#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {
namespace {

MetadataResponse::Topic tell(const Topic& topic) {
  MetadataResponse::Topic told{.name = topic.name, .topic_id = topic.id};
  told.partitions.reserve(topic.partitions.size());
  for (std::size_t i = 0; i < topic.partitions.size(); ++i)
    told.partitions.push_back({.partition_index = static_cast<std::int32_t>(i),
                               .leader_id = Core::kNodeId,
                               .leader_epoch = 0,
                               .replica_nodes = {Core::kNodeId},
                               .isr_nodes = {Core::kNodeId}});
  return told;
}

bool is_visible(const Call& call, const std::string& name) {
  return call.may(Operation::kDescribe, Resource::kTopic, name);
}

MetadataResponse::Topic look_up(Call& call, const MetadataRequest::Topic& asked, bool create) {
  Core& core = call.core;
  std::shared_ptr<const Topic> topic;
  if (!asked.name) {
    topic = core.topics->find(asked.topic_id);
    if (topic && is_visible(call, topic->name)) return tell(*topic);
    return {.error_code = KafkaError::kUnknownTopicId, .topic_id = asked.topic_id};
  }
  if (!is_visible(call, *asked.name))
    return {.error_code = KafkaError::kTopicAuthorizationFailed, .name = *asked.name};
  const Refusal refusal =
      core.find_or_create(*asked.name, create && call.may_create(*asked.name), topic);
  if (topic) return tell(*topic);
  return {.error_code = refusal.code, .name = *asked.name};
}

}  // namespace

MetadataResponse handle_metadata(Call& call, MetadataRequest& request) {
  Core& core = call.core;
  MetadataResponse response{.cluster_id = core.cluster_id, .controller_id = Core::kNodeId};
  response.brokers.push_back({.node_id = Core::kNodeId,
                              .host = call.connection.local().host,
                              .port = call.connection.local().port,
                              .rack = std::nullopt});
  const bool all = !request.topics || (call.version() == 0 && request.topics->empty());
  if (all) {
    for (const auto& topic : core.topics->all())
      if (is_visible(call, topic->name)) response.topics.push_back(tell(*topic));
  } else {
    for (const auto& asked : *request.topics)
      response.topics.push_back(look_up(call, asked, request.allow_auto_topic_creation));
  }
  return response;
}

}  // namespace ds::kafka::broker
