// IncrementalAlterConfigs: settings of topics; the broker's own are given at its start.
#include "kafka/broker/handlers/alter_configs.h"

namespace ds::kafka::broker {
namespace {

constexpr std::int8_t kSet = 0;
constexpr std::int8_t kDelete = 1;

Refusal change(const IncrementalAlterConfigsRequest::Resource& asked, TopicConfigs& configs) {
  for (const auto& [name, operation, value] : asked.configs) {
    if (operation == kDelete)
      configs.erase(name);
    else if (operation == kSet && value)
      configs[name] = *value;
    else
      return {KafkaError::kInvalidConfig, fmt::format("{} can be set and deleted only", name)};
  }
  return {};
}

}  // namespace

IncrementalAlterConfigsResponse handle_incremental_alter_configs(
    Call& call, IncrementalAlterConfigsRequest& request) {
  return alter_configs<IncrementalAlterConfigsResponse>(call, request, change);
}

}  // namespace ds::kafka::broker
