// DescribeConfigs (API 32), versions 1 to 2.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// Asks for settings of topics (ResourceType 2) or brokers (4); null keys mean all.
struct DescribeConfigsRequest {
  static constexpr const Api& api = api_of(ApiKey::kDescribeConfigs);
  static constexpr Direction direction = Direction::kRequest;

  struct Resource {
    std::int8_t resource_type = 0;
    std::string resource_name;
    std::optional<std::vector<std::string>> configuration_keys;

    static void fields(auto& self, auto& io) {
      io("ResourceType", self.resource_type);
      io("ResourceName", self.resource_name);
      io("ConfigurationKeys", self.configuration_keys);
    }
    bool operator==(const Resource&) const = default;
  };

  std::vector<Resource> resources;
  bool include_synonyms = false;

  static void fields(auto& self, auto& io) {
    io("Resources", self.resources);
    io("IncludeSynonyms", self.include_synonyms);
  }
  bool operator==(const DescribeConfigsRequest&) const = default;
};

/// The settings, with where each comes from.
struct DescribeConfigsResponse {
  static constexpr const Api& api = api_of(ApiKey::kDescribeConfigs);
  static constexpr Direction direction = Direction::kResponse;

  struct Synonym {
    std::string name;
    std::optional<std::string> value;
    std::int8_t source = 0;  // as ConfigSource

    static void fields(auto& self, auto& io) {
      io("Name", self.name);
      io("Value", self.value);
      io("Source", self.source);
    }
    bool operator==(const Synonym&) const = default;
  };

  struct Config {
    std::string name;
    std::optional<std::string> value;
    bool read_only = false;
    std::int8_t config_source = -1;  // 1 topic, 4 static broker, 5 default
    bool is_sensitive = false;
    std::vector<Synonym> synonyms;

    static void fields(auto& self, auto& io) {
      io("Name", self.name);
      io("Value", self.value);
      io("ReadOnly", self.read_only);
      io("ConfigSource", self.config_source);
      io("IsSensitive", self.is_sensitive);
      io("Synonyms", self.synonyms);
    }
    bool operator==(const Config&) const = default;
  };

  struct Resource {
    KafkaError error_code = KafkaError::kNone;
    std::optional<std::string> error_message;
    std::int8_t resource_type = 0;
    std::string resource_name;
    std::vector<Config> configs;

    static void fields(auto& self, auto& io) {
      io("ErrorCode", self.error_code);
      io("ErrorMessage", self.error_message);
      io("ResourceType", self.resource_type);
      io("ResourceName", self.resource_name);
      io("Configs", self.configs);
    }
    bool operator==(const Resource&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Resource> results;

  static void fields(auto& self, auto& io) {
    io("ThrottleTimeMs", self.throttle_time_ms);
    io("Results", self.results);
  }
  bool operator==(const DescribeConfigsResponse&) const = default;
};

}  // namespace ds::kafka
