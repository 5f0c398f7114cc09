// Heartbeat (API 12), versions 0 to 3.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// Tells the coordinator that a member is alive.
struct HeartbeatRequest {
  static constexpr const Api& api = api_of(ApiKey::kHeartbeat);
  static constexpr Direction direction = Direction::kRequest;

  std::string group_id;
  std::int32_t generation_id = 0;
  std::string member_id;
  std::optional<std::string> group_instance_id;

  static void fields(auto& self, auto& io) {
    io("GroupId", self.group_id);
    io("GenerationId", self.generation_id);
    io("MemberId", self.member_id);
    io("GroupInstanceId", self.group_instance_id, since(3));
  }
  bool operator==(const HeartbeatRequest&) const = default;
};

/// REBALANCE_IN_PROGRESS asks the member to join again.
struct HeartbeatResponse {
  static constexpr const Api& api = api_of(ApiKey::kHeartbeat);
  static constexpr Direction direction = Direction::kResponse;

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;

  static void fields(auto& self, auto& io) {
    io("ThrottleTimeMs", self.throttle_time_ms, since(1));
    io("ErrorCode", self.error_code);
  }
  bool operator==(const HeartbeatResponse&) const = default;
};

}  // namespace ds::kafka
