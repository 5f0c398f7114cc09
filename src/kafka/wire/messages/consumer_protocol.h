// What consumers tell each other through JoinGroup and SyncGroup (protocol type "consumer").
//
//   protocol.metadata = encode_embedded(ConsumerProtocolSubscription{.topics = {"tweets"}}, 1);
//   auto mine = decode_embedded<ConsumerProtocolAssignment>(answer.assignment);
//
// The bytes begin with their version. A version above ours is read as ours, what follows ignored:
// newer ones only append.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

inline constexpr Api kSubscriptionLayout{.name = "ConsumerProtocolSubscription",
                                         .versions = {0, 3}};
inline constexpr Api kAssignmentLayout{.name = "ConsumerProtocolAssignment", .versions = {0, 3}};

/// What a member wants to read, and from version 1 on what it holds (for cooperative assignors).
struct ConsumerProtocolSubscription {
  static constexpr const Api& api = kSubscriptionLayout;
  static constexpr Direction direction = Direction::kEmbedded;

  struct TopicPartitions {
    std::string topic;
    std::vector<std::int32_t> partitions;

    static void fields(auto& self, auto& io) {
      io("Topic", self.topic);
      io("Partitions", self.partitions);
    }
    bool operator==(const TopicPartitions&) const = default;
  };

  std::vector<std::string> topics;
  std::optional<ByteVec> user_data;
  std::vector<TopicPartitions> owned_partitions;
  std::int32_t generation_id = -1;
  std::optional<std::string> rack_id;

  static void fields(auto& self, auto& io) {
    io("Topics", self.topics);
    io("UserData", self.user_data);
    io("OwnedPartitions", self.owned_partitions, since(1));
    io("GenerationId", self.generation_id, since(2));
    io("RackId", self.rack_id, since(3));
  }
  bool operator==(const ConsumerProtocolSubscription&) const = default;
};

/// What a member is to read.
struct ConsumerProtocolAssignment {
  static constexpr const Api& api = kAssignmentLayout;
  static constexpr Direction direction = Direction::kEmbedded;

  using TopicPartitions = ConsumerProtocolSubscription::TopicPartitions;

  std::vector<TopicPartitions> assigned_partitions;
  std::optional<ByteVec> user_data;

  static void fields(auto& self, auto& io) {
    io("AssignedPartitions", self.assigned_partitions);
    io("UserData", self.user_data);
  }
  bool operator==(const ConsumerProtocolAssignment&) const = default;
};

template <Message M>
ByteVec encode_embedded(const M& message, int version) {
  static_assert(M::direction == Direction::kEmbedded);
  ByteVec out(2);
  store_be(out.data(), static_cast<std::int16_t>(version));
  encode(message, version, out);
  return out;
}

template <Message M>
Result<M> decode_embedded(ByteView bytes) {
  static_assert(M::direction == Direction::kEmbedded);
  const int version = bytes.size() < 2 ? -1 : load_be<std::int16_t>(bytes.data());
  if (version < 0)
    return Error{ErrorCode::kProtocol, fmt::format("{} without a version", M::api.name)};
  return Codec<M>::decode(bytes.subspan(2), std::min(version, M::api.versions.max),
                          Leftover::kIgnored);
}

}  // namespace ds::kafka
