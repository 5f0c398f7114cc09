// DescribeCluster (API 60), versions 0 to 0.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// Asks for the brokers and the controller.
struct DescribeClusterRequest {
  static constexpr const Api& api = api_of(ApiKey::kDescribeCluster);
  static constexpr Direction direction = Direction::kRequest;

  bool include_cluster_authorized_operations = false;

  static void fields(auto& self, auto& io) {
    io("IncludeClusterAuthorizedOperations", self.include_cluster_authorized_operations);
  }
  bool operator==(const DescribeClusterRequest&) const = default;
};

/// The cluster's id, controller and brokers.
struct DescribeClusterResponse {
  static constexpr const Api& api = api_of(ApiKey::kDescribeCluster);
  static constexpr Direction direction = Direction::kResponse;

  struct Broker {
    std::int32_t broker_id = 0;
    std::string host;
    std::int32_t port = 0;
    std::optional<std::string> rack;

    static void fields(auto& self, auto& io) {
      io("BrokerId", self.broker_id);
      io("Host", self.host);
      io("Port", self.port);
      io("Rack", self.rack);
    }
    bool operator==(const Broker&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;
  std::optional<std::string> error_message;
  std::string cluster_id;
  std::int32_t controller_id = -1;
  std::vector<Broker> brokers;
  std::int32_t cluster_authorized_operations = kAuthorizedOperationsUnknown;

  static void fields(auto& self, auto& io) {
    io("ThrottleTimeMs", self.throttle_time_ms);
    io("ErrorCode", self.error_code);
    io("ErrorMessage", self.error_message);
    io("ClusterId", self.cluster_id);
    io("ControllerId", self.controller_id);
    io("Brokers", self.brokers);
    io("ClusterAuthorizedOperations", self.cluster_authorized_operations);
  }
  bool operator==(const DescribeClusterResponse&) const = default;
};

}  // namespace ds::kafka
