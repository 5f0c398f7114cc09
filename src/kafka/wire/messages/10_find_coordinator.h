// FindCoordinator (API 10), versions 0 to 2.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// Asks which broker coordinates a group (KeyType 0) or a transactional id (1).
struct FindCoordinatorRequest {
  static constexpr const Api& api = api_of(ApiKey::kFindCoordinator);
  static constexpr Direction direction = Direction::kRequest;

  std::string key;
  std::int8_t key_type = 0;

  static void fields(auto& self, auto& io) {
    io("Key", self.key);
    io("KeyType", self.key_type, since(1));
  }
  bool operator==(const FindCoordinatorRequest&) const = default;
};

/// The broker to send the group's requests to.
struct FindCoordinatorResponse {
  static constexpr const Api& api = api_of(ApiKey::kFindCoordinator);
  static constexpr Direction direction = Direction::kResponse;

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;
  std::optional<std::string> error_message;
  std::int32_t node_id = 0;
  std::string host;
  std::int32_t port = 0;

  static void fields(auto& self, auto& io) {
    io("ThrottleTimeMs", self.throttle_time_ms, since(1));
    io("ErrorCode", self.error_code);
    io("ErrorMessage", self.error_message, since(1));
    io("NodeId", self.node_id);
    io("Host", self.host);
    io("Port", self.port);
  }
  bool operator==(const FindCoordinatorResponse&) const = default;
};

}  // namespace ds::kafka
