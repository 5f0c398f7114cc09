// SyncGroup (API 14), versions 0 to 3.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// The leader's assignments; from all others an empty list, which asks for their own.
struct SyncGroupRequest {
  static constexpr const Api& api = api_of(ApiKey::kSyncGroup);
  static constexpr Direction direction = Direction::kRequest;

  struct MemberAssignment {
    std::string member_id;
    ByteVec assignment;  // a ConsumerProtocolAssignment

    static void fields(auto& self, auto& io) {
      io("MemberId", self.member_id);
      io("Assignment", self.assignment);
    }
    bool operator==(const MemberAssignment&) const = default;
  };

  std::string group_id;
  std::int32_t generation_id = 0;
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::vector<MemberAssignment> assignments;

  static void fields(auto& self, auto& io) {
    io("GroupId", self.group_id);
    io("GenerationId", self.generation_id);
    io("MemberId", self.member_id);
    io("GroupInstanceId", self.group_instance_id, since(3));
    io("Assignments", self.assignments);
  }
  bool operator==(const SyncGroupRequest&) const = default;
};

/// This member's assignment, as the leader wrote it.
struct SyncGroupResponse {
  static constexpr const Api& api = api_of(ApiKey::kSyncGroup);
  static constexpr Direction direction = Direction::kResponse;

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;
  ByteVec assignment;

  static void fields(auto& self, auto& io) {
    io("ThrottleTimeMs", self.throttle_time_ms, since(1));
    io("ErrorCode", self.error_code);
    io("Assignment", self.assignment);
  }
  bool operator==(const SyncGroupResponse&) const = default;
};

}  // namespace ds::kafka
