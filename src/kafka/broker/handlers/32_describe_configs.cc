// DescribeConfigs: of topics, and the few of the broker that clients ask for.
#include <algorithm>

#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {
namespace {

constexpr std::int8_t kTopic = 2;
constexpr std::int8_t kBroker = 4;
constexpr std::int8_t kSetOnTopic = 1;
constexpr std::int8_t kSetAtStart = 4;
constexpr std::int8_t kDefault = 5;

DescribeConfigsResponse::Config told(std::string_view name, std::string value, std::int8_t source,
                                     bool read_only) {
  return {.name = std::string(name),
          .value = std::move(value),
          .read_only = read_only,
          .config_source = source};
}

/// What holds for a topic that does not say: for some settings that is the broker's own.
std::string default_of(const TopicConfigKind& kind, const BrokerSettings& settings,
                       Partition& any) {
  if (kind.name == "segment.bytes") return std::to_string(any.segment_bytes());
  if (kind.name == "retention.ms" && settings.retention_time > 0)
    return std::to_string(settings.retention_time / kMillisecond);
  return std::string(kind.default_value);
}

std::vector<DescribeConfigsResponse::Config> of_topic(const Topic& topic,
                                                      const BrokerSettings& settings) {
  std::vector<DescribeConfigsResponse::Config> configs;
  for (const auto& kind : topic_config_kinds()) {
    const auto set = topic.configs.find(std::string(kind.name));
    configs.push_back(
        set == topic.configs.end()
            ? told(kind.name, default_of(kind, settings, *topic.partition(0)), kDefault, false)
            : told(kind.name, set->second, kSetOnTopic, false));
  }
  return configs;
}

std::vector<DescribeConfigsResponse::Config> of_broker(const BrokerSettings& settings) {
  const auto number = [](auto value) { return std::to_string(value); };
  return {
      told("log.cleaner.enable", "true", kSetAtStart, true),
      told("auto.create.topics.enable", "true", kSetAtStart, true),
      told("default.replication.factor", "1", kDefault, true),
      told("log.retention.bytes", "-1", kDefault, true),
      told("log.retention.ms",
           settings.retention_time > 0 ? number(settings.retention_time / kMillisecond) : "-1",
           kSetAtStart, true),
      told("log.segment.bytes", number(settings.segment_bytes), kSetAtStart, true),
      told("message.max.bytes", number(settings.frame_bytes_max), kSetAtStart, true),
      told("num.partitions", number(settings.default_partitions), kSetAtStart, true),
  };
}

}  // namespace

DescribeConfigsResponse handle_describe_configs(Call& call, DescribeConfigsRequest& request) {
  DescribeConfigsResponse response;
  for (const auto& asked : request.resources) {
    auto& answer = response.results.emplace_back();
    answer.resource_type = asked.resource_type;
    answer.resource_name = asked.resource_name;
    if (asked.resource_type == kTopic &&
        !call.may(Operation::kDescribe, Resource::kTopic, asked.resource_name)) {
      answer.error_code = KafkaError::kTopicAuthorizationFailed;
    } else if (asked.resource_type == kBroker &&
               !call.may(Operation::kDescribe, Resource::kCluster)) {
      answer.error_code = KafkaError::kClusterAuthorizationFailed;
    } else if (asked.resource_type == kTopic) {
      const auto topic = call.core.topics->find(asked.resource_name);
      if (topic)
        answer.configs = of_topic(*topic, call.core.settings);
      else
        answer.error_code = KafkaError::kUnknownTopicOrPartition;
    } else if (asked.resource_type == kBroker) {
      answer.configs = of_broker(call.core.settings);
    } else {
      answer.error_code = KafkaError::kInvalidRequest;
      answer.error_message = "this broker has settings of topics and of itself";
    }
    if (const auto& keys = asked.configuration_keys)
      std::erase_if(answer.configs, [&](const auto& each) {
        return std::find(keys->begin(), keys->end(), each.name) == keys->end();
      });
  }
  return response;
}

}  // namespace ds::kafka::broker
