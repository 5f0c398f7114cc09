// From a frame to its handler: the one list that is the server.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "kafka/broker/core.h"
#include "kafka/broker/lane_server.h"
#include "kafka/wire/codec.h"

namespace ds::kafka::broker {

/// Where the answer to one request goes; may be kept and used later, from any thread, once.
struct Answer {
  LaneServer* server = nullptr;
  std::uint64_t connection = 0;
  std::uint64_t request = 0;
  std::int32_t correlation_id = 0;
  int version = 0;

  template <Message Response>
  void send(const Response& response) const {
    server->answer(connection, request,
                   Outgoing{encode_response(response, version, correlation_id), {}});
  }
  void send(Outgoing outgoing) const { server->answer(connection, request, std::move(outgoing)); }
  /// For acks=0: there is no answer.
  void none() const { server->answer(connection, request, std::nullopt); }
};

/// One request, for as long as its handler runs.
struct Call {
  Core& core;
  LaneServer& server;
  Connection& connection;
  const RequestHeader& header;
  ByteSpan body;
  Answer answer;

  int version() const { return answer.version; }
  std::string client_id() const { return header.client_id.value_or(""); }
  /// Whether the client may do that. Handlers ask before they tell anything of a resource.
  bool may(Operation what, Resource resource, std::string_view name = {}) const {
    return core.settings.access.may(connection.session().who, what, resource, name);
  }
  bool may_create(std::string_view topic) const {
    return may(Operation::kCreate, Resource::kTopic, topic) ||
           may(Operation::kCreate, Resource::kCluster);
  }
  /// kNone, or what a group's member hears who may not read with it.
  KafkaError may_join(std::string_view group) const {
    return may(Operation::kRead, Resource::kGroup, group) ? KafkaError::kNone
                                                          : KafkaError::kGroupAuthorizationFailed;
  }
};

struct Route {
  ApiKey key;
  Versions versions;
  void (*handle)(Call&);
};

/// Ascending by key. Produce is told from 0 on, though 0 to 2 are refused: librdkafka takes a
/// broker without them for one from before compression, and so does Apache Kafka tell it.
std::span<const Route> routes();

/// Why a frame that begins with these bytes (behind its length) is refused before memory is taken.
/// Who is not in yet may only come in.
std::optional<std::string> routes_refuse(ByteView front, std::size_t frame, bool is_in);

/// Handles one whole frame, its length taken off. The answer may come now or later.
void handle_frame(LaneServer& server, Connection& connection, ByteSpan frame,
                  std::uint64_t request);

}  // namespace ds::kafka::broker
