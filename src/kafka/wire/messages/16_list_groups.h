// ListGroups (API 16), versions 0 to 4.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// Asks for all groups that this broker coordinates, or those in given states.
struct ListGroupsRequest {
  static constexpr const Api& api = api_of(ApiKey::kListGroups);
  static constexpr Direction direction = Direction::kRequest;

  std::vector<std::string> states_filter;

  static void fields(auto& self, auto& io) { io("StatesFilter", self.states_filter, since(4)); }
  bool operator==(const ListGroupsRequest&) const = default;
};

/// The groups, by id.
struct ListGroupsResponse {
  static constexpr const Api& api = api_of(ApiKey::kListGroups);
  static constexpr Direction direction = Direction::kResponse;

  struct Group {
    std::string group_id;
    std::string protocol_type;
    std::string group_state;

    static void fields(auto& self, auto& io) {
      io("GroupId", self.group_id);
      io("ProtocolType", self.protocol_type);
      io("GroupState", self.group_state, since(4));
    }
    bool operator==(const Group&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;
  std::vector<Group> groups;

  static void fields(auto& self, auto& io) {
    io("ThrottleTimeMs", self.throttle_time_ms, since(1));
    io("ErrorCode", self.error_code);
    io("Groups", self.groups);
  }
  bool operator==(const ListGroupsResponse&) const = default;
};

}  // namespace ds::kafka
