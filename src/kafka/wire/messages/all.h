// All messages at once, for what must treat every one of them: tests, fuzzing, tables.
//
//   for_each_message([]<class M>() { … M::api.name … });
#pragma once

#include "kafka/wire/messages/00_produce.h"
#include "kafka/wire/messages/01_fetch.h"
#include "kafka/wire/messages/02_list_offsets.h"
#include "kafka/wire/messages/03_metadata.h"
#include "kafka/wire/messages/08_offset_commit.h"
#include "kafka/wire/messages/09_offset_fetch.h"
#include "kafka/wire/messages/10_find_coordinator.h"
#include "kafka/wire/messages/11_join_group.h"
#include "kafka/wire/messages/12_heartbeat.h"
#include "kafka/wire/messages/13_leave_group.h"
#include "kafka/wire/messages/14_sync_group.h"
#include "kafka/wire/messages/15_describe_groups.h"
#include "kafka/wire/messages/16_list_groups.h"
#include "kafka/wire/messages/17_sasl_handshake.h"
#include "kafka/wire/messages/18_api_versions.h"
#include "kafka/wire/messages/19_create_topics.h"
#include "kafka/wire/messages/20_delete_topics.h"
#include "kafka/wire/messages/21_delete_records.h"
#include "kafka/wire/messages/22_init_producer_id.h"
#include "kafka/wire/messages/32_describe_configs.h"
#include "kafka/wire/messages/33_alter_configs.h"
#include "kafka/wire/messages/36_sasl_authenticate.h"
#include "kafka/wire/messages/37_create_partitions.h"
#include "kafka/wire/messages/42_delete_groups.h"
#include "kafka/wire/messages/44_incremental_alter_configs.h"
#include "kafka/wire/messages/60_describe_cluster.h"
#include "kafka/wire/messages/consumer_protocol.h"

namespace ds::kafka {

template <typename... M>
struct MessageList {
  static void for_each(auto&& visit) { (visit.template operator()<M>(), ...); }
};

using AllMessages = MessageList<
    ProduceRequest, ProduceResponse, FetchRequest, FetchResponse, ListOffsetsRequest,
    ListOffsetsResponse, MetadataRequest, MetadataResponse, OffsetCommitRequest,
    OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse, FindCoordinatorRequest,
    FindCoordinatorResponse, JoinGroupRequest, JoinGroupResponse, HeartbeatRequest,
    HeartbeatResponse, LeaveGroupRequest, LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
    DescribeGroupsRequest, DescribeGroupsResponse, ListGroupsRequest, ListGroupsResponse,
    SaslHandshakeRequest, SaslHandshakeResponse, ApiVersionsRequest, ApiVersionsResponse,
    CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    DeleteRecordsRequest, DeleteRecordsResponse, InitProducerIdRequest, InitProducerIdResponse,
    DescribeConfigsRequest, DescribeConfigsResponse, AlterConfigsRequest, AlterConfigsResponse,
    SaslAuthenticateRequest, SaslAuthenticateResponse, CreatePartitionsRequest,
    CreatePartitionsResponse, DeleteGroupsRequest, DeleteGroupsResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, DescribeClusterRequest,
    DescribeClusterResponse, ConsumerProtocolSubscription, ConsumerProtocolAssignment>;

void for_each_message(auto&& visit) {
  AllMessages::for_each(visit);
}

}  // namespace ds::kafka
