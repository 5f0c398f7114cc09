// Metadata (API 3), versions 0 to 10.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// Asks who leads what. Null topics mean all of them, an empty list none (in version 0, where null
/// cannot be said, an empty list means all).
struct MetadataRequest {
  static constexpr const Api& api = api_of(ApiKey::kMetadata);
  static constexpr Direction direction = Direction::kRequest;

  struct Topic {
    Uuid topic_id;
    std::optional<std::string> name;

    static void fields(auto& self, auto& io) {
      io("TopicId", self.topic_id, since(10));
      io("Name", self.name, always().null_since(10));
    }
    bool operator==(const Topic&) const = default;
  };

  std::optional<std::vector<Topic>> topics;
  bool allow_auto_topic_creation = true;
  bool include_cluster_authorized_operations = false;
  bool include_topic_authorized_operations = false;

  static void fields(auto& self, auto& io) {
    io("Topics", self.topics, always().null_since(1));
    io("AllowAutoTopicCreation", self.allow_auto_topic_creation, since(4));
    io("IncludeClusterAuthorizedOperations", self.include_cluster_authorized_operations, since(8));
    io("IncludeTopicAuthorizedOperations", self.include_topic_authorized_operations, since(8));
  }
  bool operator==(const MetadataRequest&) const = default;
};

/// The brokers, and for each topic its partitions with their leaders.
struct MetadataResponse {
  static constexpr const Api& api = api_of(ApiKey::kMetadata);
  static constexpr Direction direction = Direction::kResponse;

  struct Broker {
    std::int32_t node_id = 0;
    std::string host;
    std::int32_t port = 0;
    std::optional<std::string> rack;

    static void fields(auto& self, auto& io) {
      io("NodeId", self.node_id);
      io("Host", self.host);
      io("Port", self.port);
      io("Rack", self.rack, since(1));
    }
    bool operator==(const Broker&) const = default;
  };

  struct Partition {
    KafkaError error_code = KafkaError::kNone;
    std::int32_t partition_index = 0;
    std::int32_t leader_id = 0;
    std::int32_t leader_epoch = -1;
    std::vector<std::int32_t> replica_nodes;
    std::vector<std::int32_t> isr_nodes;
    std::vector<std::int32_t> offline_replicas;

    static void fields(auto& self, auto& io) {
      io("ErrorCode", self.error_code);
      io("PartitionIndex", self.partition_index);
      io("LeaderId", self.leader_id);
      io("LeaderEpoch", self.leader_epoch, since(7));
      io("ReplicaNodes", self.replica_nodes);
      io("IsrNodes", self.isr_nodes);
      io("OfflineReplicas", self.offline_replicas, since(5));
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    KafkaError error_code = KafkaError::kNone;
    std::string name;
    Uuid topic_id;
    bool is_internal = false;
    std::vector<Partition> partitions;
    std::int32_t topic_authorized_operations = kAuthorizedOperationsUnknown;

    static void fields(auto& self, auto& io) {
      io("ErrorCode", self.error_code);
      io("Name", self.name);
      io("TopicId", self.topic_id, since(10));
      io("IsInternal", self.is_internal, since(1));
      io("Partitions", self.partitions);
      io("TopicAuthorizedOperations", self.topic_authorized_operations, since(8));
    }
    bool operator==(const Topic&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Broker> brokers;
  std::optional<std::string> cluster_id;
  std::int32_t controller_id = -1;
  std::vector<Topic> topics;
  std::int32_t cluster_authorized_operations = kAuthorizedOperationsUnknown;

  static void fields(auto& self, auto& io) {
    io("ThrottleTimeMs", self.throttle_time_ms, since(3));
    io("Brokers", self.brokers);
    io("ClusterId", self.cluster_id, since(2));
    io("ControllerId", self.controller_id, since(1));
    io("Topics", self.topics);
    io("ClusterAuthorizedOperations", self.cluster_authorized_operations, since(8));
  }
  bool operator==(const MetadataResponse&) const = default;
};

}  // namespace ds::kafka
