// OffsetFetch (API 9), versions 1 to 7.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// Asks how far a group had got; null topics mean all that it committed.
struct OffsetFetchRequest {
  static constexpr const Api& api = api_of(ApiKey::kOffsetFetch);
  static constexpr Direction direction = Direction::kRequest;

  struct Topic {
    std::string name;
    std::vector<std::int32_t> partition_indexes;

    static void fields(auto& self, auto& io) {
      io("Name", self.name);
      io("PartitionIndexes", self.partition_indexes);
    }
    bool operator==(const Topic&) const = default;
  };

  std::string group_id;
  std::optional<std::vector<Topic>> topics;
  bool require_stable = false;

  static void fields(auto& self, auto& io) {
    io("GroupId", self.group_id);
    io("Topics", self.topics, always().null_since(2));
    io("RequireStable", self.require_stable, since(7));
  }
  bool operator==(const OffsetFetchRequest&) const = default;
};

/// The committed offsets; -1 where there is none, which is no error.
struct OffsetFetchResponse {
  static constexpr const Api& api = api_of(ApiKey::kOffsetFetch);
  static constexpr Direction direction = Direction::kResponse;

  struct Partition {
    std::int32_t partition_index = 0;
    std::int64_t committed_offset = 0;
    std::int32_t committed_leader_epoch = -1;
    std::optional<std::string> metadata;
    KafkaError error_code = KafkaError::kNone;

    static void fields(auto& self, auto& io) {
      io("PartitionIndex", self.partition_index);
      io("CommittedOffset", self.committed_offset);
      io("CommittedLeaderEpoch", self.committed_leader_epoch, since(5));
      io("Metadata", self.metadata);
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
  KafkaError error_code = KafkaError::kNone;

  static void fields(auto& self, auto& io) {
    io("ThrottleTimeMs", self.throttle_time_ms, since(3));
    io("Topics", self.topics);
    io("ErrorCode", self.error_code, since(2));
  }
  bool operator==(const OffsetFetchResponse&) const = default;
};

}  // namespace ds::kafka
