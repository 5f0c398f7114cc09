// LeaveGroup (API 13), versions 0 to 3.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// Takes members out of a group, so that nobody waits for their session to end.
struct LeaveGroupRequest {
  static constexpr const Api& api = api_of(ApiKey::kLeaveGroup);
  static constexpr Direction direction = Direction::kRequest;

  struct Member {
    std::string member_id;
    std::optional<std::string> group_instance_id;

    static void fields(auto& self, auto& io) {
      io("MemberId", self.member_id);
      io("GroupInstanceId", self.group_instance_id);
    }
    bool operator==(const Member&) const = default;
  };

  std::string group_id;
  std::string member_id;
  std::vector<Member> members;

  static void fields(auto& self, auto& io) {
    io("GroupId", self.group_id);
    io("MemberId", self.member_id, until(2));
    io("Members", self.members, since(3));
  }
  bool operator==(const LeaveGroupRequest&) const = default;
};

/// Before version 3 one code for the one member; then one for each.
struct LeaveGroupResponse {
  static constexpr const Api& api = api_of(ApiKey::kLeaveGroup);
  static constexpr Direction direction = Direction::kResponse;

  struct Member {
    std::string member_id;
    std::optional<std::string> group_instance_id;
    KafkaError error_code = KafkaError::kNone;

    static void fields(auto& self, auto& io) {
      io("MemberId", self.member_id);
      io("GroupInstanceId", self.group_instance_id);
      io("ErrorCode", self.error_code);
    }
    bool operator==(const Member&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;
  std::vector<Member> members;

  static void fields(auto& self, auto& io) {
    io("ThrottleTimeMs", self.throttle_time_ms, since(1));
    io("ErrorCode", self.error_code);
    io("Members", self.members, since(3));
  }
  bool operator==(const LeaveGroupResponse&) const = default;
};

}  // namespace ds::kafka
