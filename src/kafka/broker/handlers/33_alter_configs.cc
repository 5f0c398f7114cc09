// AlterConfigs: all settings of a topic at once; what is not named goes back to its default.
#include "kafka/broker/handlers/alter_configs.h"

namespace ds::kafka::broker {

AlterConfigsResponse handle_alter_configs(Call& call, AlterConfigsRequest& request) {
  return alter_configs<AlterConfigsResponse>(
      call, request,
      [](const AlterConfigsRequest::Resource& asked, TopicConfigs& configs) -> Refusal {
        configs.clear();
        for (const auto& [name, value] : asked.configs)
          if (value) configs[name] = *value;
        return {};
      });
}

}  // namespace ds::kafka::broker
