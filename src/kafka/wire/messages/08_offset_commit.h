// OffsetCommit (API 8), versions 2 to 7.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// Stores how far a group has got. Generation -1 with an empty member id: from outside the group.
struct OffsetCommitRequest {
  static constexpr const Api& api = api_of(ApiKey::kOffsetCommit);
  static constexpr Direction direction = Direction::kRequest;

  struct Partition {
    std::int32_t partition_index = 0;
    std::int64_t committed_offset = 0;
    std::int32_t committed_leader_epoch = -1;
    std::optional<std::string> committed_metadata;

    static void fields(auto& self, auto& io) {
      io("PartitionIndex", self.partition_index);
      io("CommittedOffset", self.committed_offset);
      io("CommittedLeaderEpoch", self.committed_leader_epoch, since(6));
      io("CommittedMetadata", self.committed_metadata);
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string name;
    std::vector<Partition> partitions;

    static void fields(auto& self, auto& io) {
      io("Name", self.name);
      io("Partitions", self.partitions);
    }
    bool operator==(const Topic&) const = default;
  };

  std::string group_id;
  std::int32_t generation_id_or_member_epoch = -1;
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::int64_t retention_time_ms = -1;  // -1: the broker's
  std::vector<Topic> topics;

  static void fields(auto& self, auto& io) {
    io("GroupId", self.group_id);
    io("GenerationIdOrMemberEpoch", self.generation_id_or_member_epoch);
    io("MemberId", self.member_id);
    io("GroupInstanceId", self.group_instance_id, since(7));
    io("RetentionTimeMs", self.retention_time_ms, until(4));
    io("Topics", self.topics);
  }
  bool operator==(const OffsetCommitRequest&) const = default;
};

/// Tells each partition's outcome.
struct OffsetCommitResponse {
  static constexpr const Api& api = api_of(ApiKey::kOffsetCommit);
  static constexpr Direction direction = Direction::kResponse;

  struct Partition {
    std::int32_t partition_index = 0;
    KafkaError error_code = KafkaError::kNone;

    static void fields(auto& self, auto& io) {
      io("PartitionIndex", self.partition_index);
      io("ErrorCode", self.error_code);
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string name;
    std::vector<Partition> partitions;

    static void fields(auto& self, auto& io) {
      io("Name", self.name);
      io("Partitions", self.partitions);
    }
    bool operator==(const Topic&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;

  static void fields(auto& self, auto& io) {
    io("ThrottleTimeMs", self.throttle_time_ms, since(3));
    io("Topics", self.topics);
  }
  bool operator==(const OffsetCommitResponse&) const = default;
};

}  // namespace ds::kafka
