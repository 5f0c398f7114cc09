#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {

DeleteTopicsResponse handle_delete_topics(Call& call, DeleteTopicsRequest& request) {
  DeleteTopicsResponse response;
  for (const std::string& name : request.topic_names) {
    if (!call.may(Operation::kDelete, Resource::kTopic, name)) {
      response.responses.push_back({name, KafkaError::kTopicAuthorizationFailed});
      continue;
    }
    const Refusal refusal = call.core.topics->remove(name);
    response.responses.push_back({name, refusal.code});
    if (refusal.refused()) continue;
    if (const auto removed = call.core.offsets->remove_topic(name); !removed)
      call.core.log.error("{}", removed.error().message);
  }
  return response;
}

}  // namespace ds::kafka::broker
