// CreatePartitions (API 37), versions 0 to 1.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// Raises the number of partitions of topics to Count.
struct CreatePartitionsRequest {
  static constexpr const Api& api = api_of(ApiKey::kCreatePartitions);
  static constexpr Direction direction = Direction::kRequest;

  struct Assignment {
    std::vector<std::int32_t> broker_ids;

    static void fields(auto& self, auto& io) { io("BrokerIds", self.broker_ids); }
    bool operator==(const Assignment&) const = default;
  };

  struct Topic {
    std::string name;
    std::int32_t count = 0;
    std::optional<std::vector<Assignment>> assignments;

    static void fields(auto& self, auto& io) {
      io("Name", self.name);
      io("Count", self.count);
      io("Assignments", self.assignments);
    }
    bool operator==(const Topic&) const = default;
  };

  std::vector<Topic> topics;
  std::int32_t timeout_ms = 0;
  bool validate_only = false;

  static void fields(auto& self, auto& io) {
    io("Topics", self.topics);
    io("TimeoutMs", self.timeout_ms);
    io("ValidateOnly", self.validate_only);
  }
  bool operator==(const CreatePartitionsRequest&) const = default;
};

/// Tells each topic's outcome.
struct CreatePartitionsResponse {
  static constexpr const Api& api = api_of(ApiKey::kCreatePartitions);
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
  std::vector<Topic> results;

  static void fields(auto& self, auto& io) {
    io("ThrottleTimeMs", self.throttle_time_ms);
    io("Results", self.results);
  }
  bool operator==(const CreatePartitionsResponse&) const = default;
};

}  // namespace ds::kafka
