// DeleteTopics (API 20), versions 1 to 3.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// Deletes topics by name.
struct DeleteTopicsRequest {
  static constexpr const Api& api = api_of(ApiKey::kDeleteTopics);
  static constexpr Direction direction = Direction::kRequest;

  std::vector<std::string> topic_names;
  std::int32_t timeout_ms = 0;

  static void fields(auto& self, auto& io) {
    io("TopicNames", self.topic_names);
    io("TimeoutMs", self.timeout_ms);
  }
  bool operator==(const DeleteTopicsRequest&) const = default;
};

/// Tells each topic's outcome.
struct DeleteTopicsResponse {
  static constexpr const Api& api = api_of(ApiKey::kDeleteTopics);
  static constexpr Direction direction = Direction::kResponse;

  struct Topic {
    std::string name;
    KafkaError error_code = KafkaError::kNone;

    static void fields(auto& self, auto& io) {
      io("Name", self.name);
      io("ErrorCode", self.error_code);
    }
    bool operator==(const Topic&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> responses;

  static void fields(auto& self, auto& io) {
    io("ThrottleTimeMs", self.throttle_time_ms);
    io("Responses", self.responses);
  }
  bool operator==(const DeleteTopicsResponse&) const = default;
};

}  // namespace ds::kafka
