// How the leader of a group shares partitions out among its members, and what members tell it.
//
//   auto shares = assign(Assignor::kCooperativeSticky, subscribers, {{"tweets", 32}});
//
// The bytes are those of Java's and librdkafka's consumers, so that groups may be mixed and any
// member may lead. What is shared out need not be equal to theirs, only fair: all members take
// their leader's word.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/client/source.h"
#include "kafka/wire/messages/consumer_protocol.h"

namespace ds::kafka {

enum class Assignor { kCooperativeSticky, kRange, kRoundRobin, kSticky };

std::string_view kafka_name(Assignor assignor);
std::optional<Assignor> parse_assignor(std::string_view name);
/// Whether partitions move one by one. Only when all that a member lists do; else all are given
/// up before each rebalance.
bool is_cooperative(std::span<const Assignor> listed);

/// A member as the leader sees it.
struct Subscriber {
  std::string member_id;
  std::optional<std::string> instance_id;
  std::vector<std::string> topics;
  std::set<TopicPartition> owned;  // of the generation that it names
  std::int32_t generation = -1;
  bool operator==(const Subscriber&) const = default;
};

using Shares = std::map<std::string, std::set<TopicPartition>>;  // by member id
using PartitionCounts = std::map<std::string, std::int32_t>;     // by topic

/// What a member sends along when it joins.
ByteVec encode_subscription(Assignor assignor, const Subscriber& self);
Result<Subscriber> decode_subscription(Assignor assignor, std::string member_id,
                                       std::optional<std::string> instance_id, ByteView bytes);
ByteVec encode_share(const std::set<TopicPartition>& share);
/// Empty bytes are an empty share: a leader may leave a member out.
Result<std::set<TopicPartition>> decode_share(ByteView bytes);

/// Every partition of the topics counted goes to one of those who want its topic, at most; all do,
/// but those that a cooperative assignor takes from one member: another gets them in the next
/// round, when they have been given up. A topic that is not counted does not exist. Pure: the same
/// question has the same answer. Cost: O(partitions · members).
Shares assign(Assignor assignor, const std::vector<Subscriber>& subscribers,
              const PartitionCounts& counts);

}  // namespace ds::kafka
