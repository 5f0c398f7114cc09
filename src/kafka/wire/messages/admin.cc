// Topics and settings. The walks over these messages' fields are compiled here, once.
#include "kafka/wire/codec_impl.h"
#include "kafka/wire/messages/19_create_topics.h"
#include "kafka/wire/messages/20_delete_topics.h"
#include "kafka/wire/messages/32_describe_configs.h"
#include "kafka/wire/messages/33_alter_configs.h"
#include "kafka/wire/messages/37_create_partitions.h"
#include "kafka/wire/messages/44_incremental_alter_configs.h"

namespace ds::kafka {

template struct Codec<CreateTopicsRequest>;
template struct Codec<CreateTopicsResponse>;
template struct Codec<DeleteTopicsRequest>;
template struct Codec<DeleteTopicsResponse>;
template struct Codec<DescribeConfigsRequest>;
template struct Codec<DescribeConfigsResponse>;
template struct Codec<AlterConfigsRequest>;
template struct Codec<AlterConfigsResponse>;
template struct Codec<CreatePartitionsRequest>;
template struct Codec<CreatePartitionsResponse>;
template struct Codec<IncrementalAlterConfigsRequest>;
template struct Codec<IncrementalAlterConfigsResponse>;

}  // namespace ds::kafka
