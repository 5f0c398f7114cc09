// DeleteGroups (API 42), versions 0 to 1.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// Deletes groups without members, their offsets included.
struct DeleteGroupsRequest {
  static constexpr const Api& api = api_of(ApiKey::kDeleteGroups);
  static constexpr Direction direction = Direction::kRequest;

  std::vector<std::string> groups_names;

  static void fields(auto& self, auto& io) { io("GroupsNames", self.groups_names); }
  bool operator==(const DeleteGroupsRequest&) const = default;
};

/// Tells each group's outcome.
struct DeleteGroupsResponse {
  static constexpr const Api& api = api_of(ApiKey::kDeleteGroups);
  static constexpr Direction direction = Direction::kResponse;

  struct Group {
    std::string group_id;
    KafkaError error_code = KafkaError::kNone;

    static void fields(auto& self, auto& io) {
      io("GroupId", self.group_id);
      io("ErrorCode", self.error_code);
    }
    bool operator==(const Group&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Group> results;

  static void fields(auto& self, auto& io) {
    io("ThrottleTimeMs", self.throttle_time_ms);
    io("Results", self.results);
  }
  bool operator==(const DeleteGroupsResponse&) const = default;
};

}  // namespace ds::kafka
