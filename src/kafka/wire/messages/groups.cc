// Consumer groups. The walks over these messages' fields are compiled here, once.
#include "kafka/wire/codec_impl.h"
#include "kafka/wire/messages/08_offset_commit.h"
#include "kafka/wire/messages/09_offset_fetch.h"
#include "kafka/wire/messages/10_find_coordinator.h"
#include "kafka/wire/messages/11_join_group.h"
#include "kafka/wire/messages/12_heartbeat.h"
#include "kafka/wire/messages/13_leave_group.h"
#include "kafka/wire/messages/14_sync_group.h"
#include "kafka/wire/messages/15_describe_groups.h"
#include "kafka/wire/messages/16_list_groups.h"
#include "kafka/wire/messages/42_delete_groups.h"
#include "kafka/wire/messages/consumer_protocol.h"

namespace ds::kafka {

template struct Codec<OffsetCommitRequest>;
template struct Codec<OffsetCommitResponse>;
template struct Codec<OffsetFetchRequest>;
template struct Codec<OffsetFetchResponse>;
template struct Codec<FindCoordinatorRequest>;
template struct Codec<FindCoordinatorResponse>;
template struct Codec<JoinGroupRequest>;
template struct Codec<JoinGroupResponse>;
template struct Codec<HeartbeatRequest>;
template struct Codec<HeartbeatResponse>;
template struct Codec<LeaveGroupRequest>;
template struct Codec<LeaveGroupResponse>;
template struct Codec<SyncGroupRequest>;
template struct Codec<SyncGroupResponse>;
template struct Codec<DescribeGroupsRequest>;
template struct Codec<DescribeGroupsResponse>;
template struct Codec<ListGroupsRequest>;
template struct Codec<ListGroupsResponse>;
template struct Codec<DeleteGroupsRequest>;
template struct Codec<DeleteGroupsResponse>;
template struct Codec<ConsumerProtocolSubscription>;
template struct Codec<ConsumerProtocolAssignment>;

}  // namespace ds::kafka
