// The handlers, one file per API. One that returns its response is answered at once; one that
// returns nothing answers through call.answer, now or later.
#pragma once

#include "kafka/broker/routes.h"
#include "kafka/wire/messages/all.h"

namespace ds::kafka::broker {

void handle_produce(Call& call, ProduceRequest& request);
void handle_fetch(Call& call, FetchRequest& request);
ListOffsetsResponse handle_list_offsets(Call& call, ListOffsetsRequest& request);
MetadataResponse handle_metadata(Call& call, MetadataRequest& request);
void handle_offset_commit(Call& call, OffsetCommitRequest& request);
OffsetFetchResponse handle_offset_fetch(Call& call, OffsetFetchRequest& request);
FindCoordinatorResponse handle_find_coordinator(Call& call, FindCoordinatorRequest& request);
void handle_join_group(Call& call, JoinGroupRequest& request);
HeartbeatResponse handle_heartbeat(Call& call, HeartbeatRequest& request);
LeaveGroupResponse handle_leave_group(Call& call, LeaveGroupRequest& request);
void handle_sync_group(Call& call, SyncGroupRequest& request);
DescribeGroupsResponse handle_describe_groups(Call& call, DescribeGroupsRequest& request);
ListGroupsResponse handle_list_groups(Call& call, ListGroupsRequest& request);
SaslHandshakeResponse handle_sasl_handshake(Call& call, SaslHandshakeRequest& request);
void handle_sasl_authenticate(Call& call, SaslAuthenticateRequest& request);
ApiVersionsResponse handle_api_versions(Call& call, ApiVersionsRequest& request);
CreateTopicsResponse handle_create_topics(Call& call, CreateTopicsRequest& request);
DeleteTopicsResponse handle_delete_topics(Call& call, DeleteTopicsRequest& request);
DeleteRecordsResponse handle_delete_records(Call& call, DeleteRecordsRequest& request);
InitProducerIdResponse handle_init_producer_id(Call& call, InitProducerIdRequest& request);
DescribeConfigsResponse handle_describe_configs(Call& call, DescribeConfigsRequest& request);
AlterConfigsResponse handle_alter_configs(Call& call, AlterConfigsRequest& request);
CreatePartitionsResponse handle_create_partitions(Call& call, CreatePartitionsRequest& request);
DeleteGroupsResponse handle_delete_groups(Call& call, DeleteGroupsRequest& request);
IncrementalAlterConfigsResponse handle_incremental_alter_configs(
    Call& call, IncrementalAlterConfigsRequest& request);
DescribeClusterResponse handle_describe_cluster(Call& call, DescribeClusterRequest& request);

/// What ApiVersions tells; also of a version that we do not know.
ApiVersionsResponse api_versions();

}  // namespace ds::kafka::broker
