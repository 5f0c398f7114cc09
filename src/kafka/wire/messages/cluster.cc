// Who is there, and how to get in. The walks over these messages' fields are compiled here, once.
#include "kafka/wire/codec_impl.h"
#include "kafka/wire/messages/03_metadata.h"
#include "kafka/wire/messages/17_sasl_handshake.h"
#include "kafka/wire/messages/18_api_versions.h"
#include "kafka/wire/messages/36_sasl_authenticate.h"
#include "kafka/wire/messages/60_describe_cluster.h"

namespace ds::kafka {

template struct Codec<MetadataRequest>;
template struct Codec<MetadataResponse>;
template struct Codec<SaslHandshakeRequest>;
template struct Codec<SaslHandshakeResponse>;
template struct Codec<ApiVersionsRequest>;
template struct Codec<ApiVersionsResponse>;
template struct Codec<SaslAuthenticateRequest>;
template struct Codec<SaslAuthenticateResponse>;
template struct Codec<DescribeClusterRequest>;
template struct Codec<DescribeClusterResponse>;

}  // namespace ds::kafka
