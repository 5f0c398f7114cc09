#include "kafka/broker/routes.h"

#include <algorithm>

#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {
namespace {

/// Decodes what the handler takes, and sends what it returns; one that returns nothing sends
/// itself.
template <typename Response, typename Request>
void run(Response (*handle)(Call&, Request&), Call& call) {
  // Bytes behind the message are ignored, as Apache Kafka does: librdkafka 2.16 sends some.
  auto request = Codec<Request>::decode(call.body, call.version(), Leftover::kIgnored);
  if (!request) return call.connection.refuse(request.error().message);
  if constexpr (std::is_void_v<Response>)
    handle(call, *request);
  else
    call.answer.send(handle(call, *request));
}

template <auto Handle>
constexpr Route route(ApiKey key) {
  return {key, api_of(key).versions, [](Call& call) { run(Handle, call); }};
}

constexpr Route kRoutes[] = {
    route<handle_produce>(ApiKey::kProduce),
    route<handle_fetch>(ApiKey::kFetch),
    route<handle_list_offsets>(ApiKey::kListOffsets),
    route<handle_metadata>(ApiKey::kMetadata),
    route<handle_offset_commit>(ApiKey::kOffsetCommit),
    route<handle_offset_fetch>(ApiKey::kOffsetFetch),
    route<handle_find_coordinator>(ApiKey::kFindCoordinator),
    route<handle_join_group>(ApiKey::kJoinGroup),
    route<handle_heartbeat>(ApiKey::kHeartbeat),
    route<handle_leave_group>(ApiKey::kLeaveGroup),
    route<handle_sync_group>(ApiKey::kSyncGroup),
    route<handle_describe_groups>(ApiKey::kDescribeGroups),
    route<handle_list_groups>(ApiKey::kListGroups),
    route<handle_sasl_handshake>(ApiKey::kSaslHandshake),
    route<handle_api_versions>(ApiKey::kApiVersions),
    route<handle_create_topics>(ApiKey::kCreateTopics),
    route<handle_delete_topics>(ApiKey::kDeleteTopics),
    route<handle_delete_records>(ApiKey::kDeleteRecords),
    route<handle_init_producer_id>(ApiKey::kInitProducerId),
    route<handle_describe_configs>(ApiKey::kDescribeConfigs),
    route<handle_alter_configs>(ApiKey::kAlterConfigs),
    route<handle_sasl_authenticate>(ApiKey::kSaslAuthenticate),
    route<handle_create_partitions>(ApiKey::kCreatePartitions),
    route<handle_delete_groups>(ApiKey::kDeleteGroups),
    route<handle_incremental_alter_configs>(ApiKey::kIncrementalAlterConfigs),
    route<handle_describe_cluster>(ApiKey::kDescribeCluster),
};

constexpr std::size_t kLoginFrameMax = 64 << 10;

const Route* find_route(std::int16_t key) {
  const auto found = std::find_if(std::begin(kRoutes), std::end(kRoutes), [&](const Route& each) {
    return static_cast<std::int16_t>(each.key) == key;
  });
  return found == std::end(kRoutes) ? nullptr : found;
}

std::optional<std::string> refuse_version(std::int16_t key, std::int16_t version) {
  const Route* route = find_route(key);
  if (!route) return fmt::format("it asked for API {}, which this broker does not have", key);
  if (route->versions.contain(version) || route->key == ApiKey::kApiVersions) return std::nullopt;
  return fmt::format("it asked for {} version {}; this broker has {} to {}",
                     api_of(route->key).name, version, route->versions.min, route->versions.max);
}

}  // namespace

std::span<const Route> routes() {
  return kRoutes;
}

std::optional<std::string> routes_refuse(ByteView front, std::size_t frame, bool is_in) {
  const auto key = load_be<std::int16_t>(front.data());
  if (!is_in) {
    const auto api = static_cast<ApiKey>(key);
    if (api != ApiKey::kApiVersions && api != ApiKey::kSaslHandshake &&
        api != ApiKey::kSaslAuthenticate)
      return "it asked for something before it had logged in";
    if (frame > kLoginFrameMax) return fmt::format("a login of {} bytes", frame);
  }
  if (auto why = refuse_version(key, load_be<std::int16_t>(front.data() + 2))) return why;
  const std::size_t most = frame_bytes_max(static_cast<ApiKey>(key));
  if (frame <= most) return std::nullopt;
  return fmt::format("a request of {} bytes; {} has at most {}", frame, find_api(key)->name, most);
}

void handle_frame(LaneServer& server, Connection& connection, ByteSpan frame,
                  std::uint64_t request) {
  Core& core = server.core();
  ByteView body = frame;
  const auto header = take_request_header(body);
  if (!header) return connection.refuse(header.error().message);
  if (auto why = refuse_version(header->api_key, header->api_version))
    return connection.refuse(std::move(*why));
  const Route& route = *find_route(header->api_key);
  Call call{.core = core,
            .server = server,
            .connection = connection,
            .header = *header,
            .body = frame.last(body.size()),
            .answer = {.server = &server,
                       .connection = connection.id(),
                       .request = request,
                       .correlation_id = header->correlation_id,
                       .version = header->api_version}};
  if (!route.versions.contain(header->api_version)) {  // ApiVersions: any client can read version 0
    call.answer.version = 0;
    auto response = api_versions();
    response.error_code = KafkaError::kUnsupportedVersion;
    return call.answer.send(response);
  }
  Session& session = connection.session();
  if (session.state == LoginState::kNotNeeded && session.door.tls && session.who == kAnonymous)
    if (auto name = connection.certificate_name(); !name.empty()) session.who = std::move(name);
  route.handle(call);
}

}  // namespace ds::kafka::broker
