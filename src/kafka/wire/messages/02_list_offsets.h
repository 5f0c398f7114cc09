// ListOffsets (API 2), versions 1 to 5.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// Asks for the offset of a time; kLatest and kEarliest ask for the ends of the log.
struct ListOffsetsRequest {
  static constexpr const Api& api = api_of(ApiKey::kListOffsets);
  static constexpr Direction direction = Direction::kRequest;
  static constexpr std::int64_t kLatest = -1;
  static constexpr std::int64_t kEarliest = -2;

  struct Partition {
    std::int32_t partition_index = 0;
    std::int32_t current_leader_epoch = -1;
    std::int64_t timestamp = 0;  // milliseconds, or kLatest, kEarliest

    static void fields(auto& self, auto& io) {
      io("PartitionIndex", self.partition_index);
      io("CurrentLeaderEpoch", self.current_leader_epoch, since(4));
      io("Timestamp", self.timestamp);
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

  std::int32_t replica_id = 0;  // -1: a consumer
  std::int8_t isolation_level = 0;
  std::vector<Topic> topics;

  static void fields(auto& self, auto& io) {
    io("ReplicaId", self.replica_id);
    io("IsolationLevel", self.isolation_level, since(2));
    io("Topics", self.topics);
  }
  bool operator==(const ListOffsetsRequest&) const = default;
};

/// The first offset whose record is at or after the time; -1 when there is none.
struct ListOffsetsResponse {
  static constexpr const Api& api = api_of(ApiKey::kListOffsets);
  static constexpr Direction direction = Direction::kResponse;

  struct Partition {
    std::int32_t partition_index = 0;
    KafkaError error_code = KafkaError::kNone;
    std::int64_t timestamp = -1;
    std::int64_t offset = -1;
    std::int32_t leader_epoch = -1;

    static void fields(auto& self, auto& io) {
      io("PartitionIndex", self.partition_index);
      io("ErrorCode", self.error_code);
      io("Timestamp", self.timestamp);
      io("Offset", self.offset);
      io("LeaderEpoch", self.leader_epoch, since(4));
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
    io("ThrottleTimeMs", self.throttle_time_ms, since(2));
    io("Topics", self.topics);
  }
  bool operator==(const ListOffsetsResponse&) const = default;
};

}  // namespace ds::kafka
