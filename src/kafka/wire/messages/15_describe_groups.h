// DescribeGroups (API 15), versions 0 to 4.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// Asks for the state and the members of groups.
struct DescribeGroupsRequest {
  static constexpr const Api& api = api_of(ApiKey::kDescribeGroups);
  static constexpr Direction direction = Direction::kRequest;

  std::vector<std::string> groups;
  bool include_authorized_operations = false;

  static void fields(auto& self, auto& io) {
    io("Groups", self.groups);
    io("IncludeAuthorizedOperations", self.include_authorized_operations, since(3));
  }
  bool operator==(const DescribeGroupsRequest&) const = default;
};

/// What the coordinator knows of each group; an unknown one is described as Dead.
struct DescribeGroupsResponse {
  static constexpr const Api& api = api_of(ApiKey::kDescribeGroups);
  static constexpr Direction direction = Direction::kResponse;

  struct Member {
    std::string member_id;
    std::optional<std::string> group_instance_id;
    std::string client_id;
    std::string client_host;
    ByteVec member_metadata;
    ByteVec member_assignment;

    static void fields(auto& self, auto& io) {
      io("MemberId", self.member_id);
      io("GroupInstanceId", self.group_instance_id, since(4));
      io("ClientId", self.client_id);
      io("ClientHost", self.client_host);
      io("MemberMetadata", self.member_metadata);
      io("MemberAssignment", self.member_assignment);
    }
    bool operator==(const Member&) const = default;
  };

  struct Group {
    KafkaError error_code = KafkaError::kNone;
    std::string group_id;
    std::string group_state;
    std::string protocol_type;
    std::string protocol_data;
    std::vector<Member> members;
    std::int32_t authorized_operations = kAuthorizedOperationsUnknown;

    static void fields(auto& self, auto& io) {
      io("ErrorCode", self.error_code);
      io("GroupId", self.group_id);
      io("GroupState", self.group_state);
      io("ProtocolType", self.protocol_type);
      io("ProtocolData", self.protocol_data);
      io("Members", self.members);
      io("AuthorizedOperations", self.authorized_operations, since(3));
    }
    bool operator==(const Group&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Group> groups;

  static void fields(auto& self, auto& io) {
    io("ThrottleTimeMs", self.throttle_time_ms, since(1));
    io("Groups", self.groups);
  }
  bool operator==(const DescribeGroupsResponse&) const = default;
};

}  // namespace ds::kafka
