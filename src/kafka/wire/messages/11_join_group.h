// JoinGroup (API 11), versions 0 to 5.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// Joins, or rejoins, a group. The answer comes when all members have, or their time is up.
struct JoinGroupRequest {
  static constexpr const Api& api = api_of(ApiKey::kJoinGroup);
  static constexpr Direction direction = Direction::kRequest;

  struct Protocol {
    std::string name;
    ByteVec metadata;  // a ConsumerProtocolSubscription

    static void fields(auto& self, auto& io) {
      io("Name", self.name);
      io("Metadata", self.metadata);
    }
    bool operator==(const Protocol&) const = default;
  };

  std::string group_id;
  std::int32_t session_timeout_ms = 0;
  std::int32_t rebalance_timeout_ms = -1;
  std::string member_id;                         // empty at the first join
  std::optional<std::string> group_instance_id;  // static membership, KIP-345
  std::string protocol_type;
  std::vector<Protocol> protocols;

  static void fields(auto& self, auto& io) {
    io("GroupId", self.group_id);
    io("SessionTimeoutMs", self.session_timeout_ms);
    io("RebalanceTimeoutMs", self.rebalance_timeout_ms, since(1));
    io("MemberId", self.member_id);
    io("GroupInstanceId", self.group_instance_id, since(5));
    io("ProtocolType", self.protocol_type);
    io("Protocols", self.protocols);
  }
  bool operator==(const JoinGroupRequest&) const = default;
};

/// Membership of a new generation. The leader alone gets the list of members, and assigns.
struct JoinGroupResponse {
  static constexpr const Api& api = api_of(ApiKey::kJoinGroup);
  static constexpr Direction direction = Direction::kResponse;

  struct Member {
    std::string member_id;
    std::optional<std::string> group_instance_id;
    ByteVec metadata;

    static void fields(auto& self, auto& io) {
      io("MemberId", self.member_id);
      io("GroupInstanceId", self.group_instance_id, since(5));
      io("Metadata", self.metadata);
    }
    bool operator==(const Member&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;
  std::int32_t generation_id = -1;
  std::string protocol_name;
  std::string leader;
  std::string member_id;
  std::vector<Member> members;

  static void fields(auto& self, auto& io) {
    io("ThrottleTimeMs", self.throttle_time_ms, since(2));
    io("ErrorCode", self.error_code);
    io("GenerationId", self.generation_id);
    io("ProtocolName", self.protocol_name);
    io("Leader", self.leader);
    io("MemberId", self.member_id);
    io("Members", self.members);
  }
  bool operator==(const JoinGroupResponse&) const = default;
};

}  // namespace ds::kafka
