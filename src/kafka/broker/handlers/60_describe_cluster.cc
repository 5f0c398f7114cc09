#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {

DescribeClusterResponse handle_describe_cluster(Call& call, DescribeClusterRequest&) {
  DescribeClusterResponse response{.cluster_id = call.core.cluster_id,
                                   .controller_id = Core::kNodeId};
  response.brokers.push_back({.broker_id = Core::kNodeId,
                              .host = call.connection.local().host,
                              .port = call.connection.local().port,
                              .rack = std::nullopt});
  return response;
}

}  // namespace ds::kafka::broker
