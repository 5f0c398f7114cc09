// CreateTopics (API 19), versions 2 to 4.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// Makes topics. NumPartitions or ReplicationFactor -1 ask for the broker's default (from v4 on).
struct CreateTopicsRequest {
  static constexpr const Api& api = api_of(ApiKey::kCreateTopics);
  static constexpr Direction direction = Direction::kRequest;

  struct Assignment {
    std::int32_t partition_index = 0;
    std::vector<std::int32_t> broker_ids;

    static void fields(auto& self, auto& io) {
      io("PartitionIndex", self.partition_index);
      io("BrokerIds", self.broker_ids);
    }
    bool operator==(const Assignment&) const = default;
  };

  struct Config {
    std::string name;
    std::optional<std::string> value;

    static void fields(auto& self, auto& io) {
      io("Name", self.name);
      io("Value", self.value);
    }
    bool operator==(const Config&) const = default;
  };

  struct Topic {
    std::string name;
    std::int32_t num_partitions = 0;
    std::int16_t replication_factor = 0;
    std::vector<Assignment> assignments;  // given by hand; empty: the broker's choice
    std::vector<Config> configs;

    static void fields(auto& self, auto& io) {
      io("Name", self.name);
      io("NumPartitions", self.num_partitions);
      io("ReplicationFactor", self.replication_factor);
      io("Assignments", self.assignments);
      io("Configs", self.configs);
    }
    bool operator==(const Topic&) const = default;
  };

  std::vector<Topic> topics;
  std::int32_t timeout_ms = 60000;
  bool validate_only = false;

  static void fields(auto& self, auto& io) {
    io("Topics", self.topics);
    io("timeoutMs", self.timeout_ms);
    io("validateOnly", self.validate_only);
  }
  bool operator==(const CreateTopicsRequest&) const = default;
};

/// Tells each topic's outcome.
struct CreateTopicsResponse {
  static constexpr const Api& api = api_of(ApiKey::kCreateTopics);
  static constexpr Direction direction = Direction::kResponse;

  struct Topic {
    std::string name;
    KafkaError error_code = KafkaError::kNone;
    std::optional<std::string> error_message;

    static void fields(auto& self, auto& io) {
      io("Name", self.name);
      io("ErrorCode", self.error_code);
      io("ErrorMessage", self.error_message);
    }
    bool operator==(const Topic&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;

  static void fields(auto& self, auto& io) {
    io("ThrottleTimeMs", self.throttle_time_ms);
    io("Topics", self.topics);
  }
  bool operator==(const CreateTopicsResponse&) const = default;
};

}  // namespace ds::kafka
