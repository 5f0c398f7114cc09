// DeleteRecords (API 21), versions 0 to 1.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// Drops everything below an offset; offset -1 means below the high watermark.
struct DeleteRecordsRequest {
  static constexpr const Api& api = api_of(ApiKey::kDeleteRecords);
  static constexpr Direction direction = Direction::kRequest;

  struct Partition {
    std::int32_t partition_index = 0;
    std::int64_t offset = 0;  // -1: up to the high watermark

    static void fields(auto& self, auto& io) {
      io("PartitionIndex", self.partition_index);
      io("Offset", self.offset);
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

  std::vector<Topic> topics;
  std::int32_t timeout_ms = 0;

  static void fields(auto& self, auto& io) {
    io("Topics", self.topics);
    io("TimeoutMs", self.timeout_ms);
  }
  bool operator==(const DeleteRecordsRequest&) const = default;
};

/// The new first offset of each partition.
struct DeleteRecordsResponse {
  static constexpr const Api& api = api_of(ApiKey::kDeleteRecords);
  static constexpr Direction direction = Direction::kResponse;

  struct Partition {
    std::int32_t partition_index = 0;
    std::int64_t low_watermark = 0;
    KafkaError error_code = KafkaError::kNone;

    static void fields(auto& self, auto& io) {
      io("PartitionIndex", self.partition_index);
      io("LowWatermark", self.low_watermark);
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
    io("ThrottleTimeMs", self.throttle_time_ms);
    io("Topics", self.topics);
  }
  bool operator==(const DeleteRecordsResponse&) const = default;
};

}  // namespace ds::kafka
