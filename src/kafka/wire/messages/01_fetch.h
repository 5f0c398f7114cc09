// Fetch (API 1), versions 4 to 11.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// Asks for record batches from an offset on; the broker may hold it up to MaxWaitMs for MinBytes.
/// We open no fetch sessions: SessionId 0 and SessionEpoch -1 ask for everything each time.
struct FetchRequest {
  static constexpr const Api& api = api_of(ApiKey::kFetch);
  static constexpr Direction direction = Direction::kRequest;

  struct Partition {
    std::int32_t partition = 0;
    std::int32_t current_leader_epoch = -1;
    std::int64_t fetch_offset = 0;
    std::int64_t log_start_offset = -1;
    std::int32_t partition_max_bytes = 0;

    static void fields(auto& self, auto& io) {
      io("Partition", self.partition);
      io("CurrentLeaderEpoch", self.current_leader_epoch, since(9));
      io("FetchOffset", self.fetch_offset);
      io("LogStartOffset", self.log_start_offset, since(5));
      io("PartitionMaxBytes", self.partition_max_bytes);
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string topic;
    std::vector<Partition> partitions;

    static void fields(auto& self, auto& io) {
      io("Topic", self.topic);
      io("Partitions", self.partitions);
    }
    bool operator==(const Topic&) const = default;
  };

  struct ForgottenTopic {
    std::string topic;
    std::vector<std::int32_t> partitions;

    static void fields(auto& self, auto& io) {
      io("Topic", self.topic);
      io("Partitions", self.partitions);
    }
    bool operator==(const ForgottenTopic&) const = default;
  };

  std::int32_t replica_id = -1;  // -1: a consumer
  std::int32_t max_wait_ms = 0;
  std::int32_t min_bytes = 0;
  std::int32_t max_bytes = 0x7fffffff;
  std::int8_t isolation_level = 0;  // 0: read uncommitted, 1: committed
  std::int32_t session_id = 0;
  std::int32_t session_epoch = -1;
  std::vector<Topic> topics;
  std::vector<ForgottenTopic> forgotten_topics_data;
  std::string rack_id;

  static void fields(auto& self, auto& io) {
    io("ReplicaId", self.replica_id);
    io("MaxWaitMs", self.max_wait_ms);
    io("MinBytes", self.min_bytes);
    io("MaxBytes", self.max_bytes);
    io("IsolationLevel", self.isolation_level);
    io("SessionId", self.session_id, since(7));
    io("SessionEpoch", self.session_epoch, since(7));
    io("Topics", self.topics);
    io("ForgottenTopicsData", self.forgotten_topics_data, since(7));
    io("RackId", self.rack_id, since(11));
  }
  bool operator==(const FetchRequest&) const = default;
};

/// Whole record batches as they lie in the log; the last of a partition may be cut short, and the
/// first may begin below the offset asked for.
struct FetchResponse {
  static constexpr const Api& api = api_of(ApiKey::kFetch);
  static constexpr Direction direction = Direction::kResponse;

  struct AbortedTransaction {
    std::int64_t producer_id = 0;
    std::int64_t first_offset = 0;

    static void fields(auto& self, auto& io) {
      io("ProducerId", self.producer_id);
      io("FirstOffset", self.first_offset);
    }
    bool operator==(const AbortedTransaction&) const = default;
  };

  struct Partition {
    std::int32_t partition_index = 0;
    KafkaError error_code = KafkaError::kNone;
    std::int64_t high_watermark = 0;
    std::int64_t last_stable_offset = -1;
    std::int64_t log_start_offset = -1;
    std::optional<std::vector<AbortedTransaction>> aborted_transactions;
    std::int32_t preferred_read_replica = -1;  // -1: the leader
    std::optional<Records> records = Records{};

    static void fields(auto& self, auto& io) {
      io("PartitionIndex", self.partition_index);
      io("ErrorCode", self.error_code);
      io("HighWatermark", self.high_watermark);
      io("LastStableOffset", self.last_stable_offset);
      io("LogStartOffset", self.log_start_offset, since(5));
      io("AbortedTransactions", self.aborted_transactions);
      io("PreferredReadReplica", self.preferred_read_replica, since(11));
      io("Records", self.records);
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string topic;
    std::vector<Partition> partitions;

    static void fields(auto& self, auto& io) {
      io("Topic", self.topic);
      io("Partitions", self.partitions);
    }
    bool operator==(const Topic&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;
  std::int32_t session_id = 0;
  std::vector<Topic> responses;

  static void fields(auto& self, auto& io) {
    io("ThrottleTimeMs", self.throttle_time_ms);
    io("ErrorCode", self.error_code, since(7));
    io("SessionId", self.session_id, since(7));
    io("Responses", self.responses);
  }
  bool operator==(const FetchResponse&) const = default;
};

}  // namespace ds::kafka
