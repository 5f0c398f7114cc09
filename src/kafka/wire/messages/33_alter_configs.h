// AlterConfigs (API 33), versions 0 to 2.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// Gives a resource all its settings at once: what is not named goes back to its default.
struct AlterConfigsRequest {
  static constexpr const Api& api = api_of(ApiKey::kAlterConfigs);
  static constexpr Direction direction = Direction::kRequest;

  struct Config {
    std::string name;
    std::optional<std::string> value;

    static void fields(auto& self, auto& io) {
      io("Name", self.name);
      io("Value", self.value);
    }
    bool operator==(const Config&) const = default;
  };

  struct Resource {
    std::int8_t resource_type = 0;
    std::string resource_name;
    std::vector<Config> configs;

    static void fields(auto& self, auto& io) {
      io("ResourceType", self.resource_type);
      io("ResourceName", self.resource_name);
      io("Configs", self.configs);
    }
    bool operator==(const Resource&) const = default;
  };

  std::vector<Resource> resources;
  bool validate_only = false;

  static void fields(auto& self, auto& io) {
    io("Resources", self.resources);
    io("ValidateOnly", self.validate_only);
  }
  bool operator==(const AlterConfigsRequest&) const = default;
};

/// Tells each resource's outcome.
struct AlterConfigsResponse {
  static constexpr const Api& api = api_of(ApiKey::kAlterConfigs);
  static constexpr Direction direction = Direction::kResponse;

  struct Resource {
    KafkaError error_code = KafkaError::kNone;
    std::optional<std::string> error_message;
    std::int8_t resource_type = 0;
    std::string resource_name;

    static void fields(auto& self, auto& io) {
      io("ErrorCode", self.error_code);
      io("ErrorMessage", self.error_message);
      io("ResourceType", self.resource_type);
      io("ResourceName", self.resource_name);
    }
    bool operator==(const Resource&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Resource> responses;

  static void fields(auto& self, auto& io) {
    io("ThrottleTimeMs", self.throttle_time_ms);
    io("Responses", self.responses);
  }
  bool operator==(const AlterConfigsResponse&) const = default;
};

}  // namespace ds::kafka
