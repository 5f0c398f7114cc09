#include "kafka/client/assignor.h"

#include <algorithm>
#include <array>

namespace ds::kafka {
namespace {

constexpr std::array<std::pair<Assignor, std::string_view>, 4> kNames{{
    {Assignor::kCooperativeSticky, "cooperative-sticky"},
    {Assignor::kRange, "range"},
    {Assignor::kRoundRobin, "roundrobin"},
    {Assignor::kSticky, "sticky"},
}};

/// With what is held, since version 1, and its generation, since 2.
constexpr int kSubscriptionVersion = 2;
constexpr int kShareVersion = 1;

std::vector<ConsumerProtocolSubscription::TopicPartitions> by_topic(
    const std::set<TopicPartition>& partitions) {
  std::vector<ConsumerProtocolSubscription::TopicPartitions> topics;
  for (const auto& [topic, partition] : partitions) {
    if (topics.empty() || topics.back().topic != topic) topics.emplace_back().topic = topic;
    topics.back().partitions.push_back(partition);
  }
  return topics;
}

std::set<TopicPartition> flat(
    const std::vector<ConsumerProtocolSubscription::TopicPartitions>& topics) {
  std::set<TopicPartition> partitions;
  for (const auto& topic : topics)
    for (const std::int32_t partition : topic.partitions)
      partitions.insert({topic.topic, partition});
  return partitions;
}

template <typename Number>
void put(ByteVec& out, Number number) {
  out.resize(out.size() + sizeof number);
  store_be(out.data() + out.size() - sizeof number, number);
}

template <typename Number>
std::optional<Number> take(ByteView& bytes) {
  if (bytes.size() < sizeof(Number)) return std::nullopt;
  const auto number = load_be<Number>(bytes.data());
  bytes = bytes.subspan(sizeof(Number));
  return number;
}

/// previous => [topic => string, partitions => [int32]], generation => int32
ByteVec encode_sticky_memory(const Subscriber& self) {
  ByteVec out;
  const auto topics = by_topic(self.owned);
  put(out, static_cast<std::int32_t>(topics.size()));
  for (const auto& topic : topics) {
    put(out, static_cast<std::int16_t>(topic.topic.size()));
    out.insert(out.end(), topic.topic.begin(), topic.topic.end());
    put(out, static_cast<std::int32_t>(topic.partitions.size()));
    for (const std::int32_t partition : topic.partitions) put(out, partition);
  }
  put(out, self.generation);
  return out;
}

/// What cannot be read is what a member without a memory would say.
void decode_sticky_memory(ByteView bytes, Subscriber& into) {
  std::set<TopicPartition> owned;
  const auto topics = take<std::int32_t>(bytes);
  for (std::int32_t t = 0; t < topics.value_or(0); ++t) {
    const auto length = take<std::int16_t>(bytes);
    if (!length || *length < 0 || bytes.size() < static_cast<std::size_t>(*length)) return;
    const std::string topic(as_text(bytes.first(static_cast<std::size_t>(*length))));
    bytes = bytes.subspan(static_cast<std::size_t>(*length));
    const auto count = take<std::int32_t>(bytes);
    for (std::int32_t p = 0; p < count.value_or(0); ++p) {
      const auto partition = take<std::int32_t>(bytes);
      if (!partition) return;
      owned.insert({topic, *partition});
    }
  }
  into.owned = std::move(owned);
  into.generation = take<std::int32_t>(bytes).value_or(-1);
}

// Sharing out.

using Order = std::vector<const Subscriber*>;

/// As Java orders members: static ones by their instance, before the others.
Order in_order(const std::vector<Subscriber>& subscribers) {
  Order order;
  for (const Subscriber& each : subscribers) order.push_back(&each);
  std::sort(order.begin(), order.end(), [](const Subscriber* a, const Subscriber* b) {
    if (a->instance_id && b->instance_id) return *a->instance_id < *b->instance_id;
    if (a->instance_id || b->instance_id) return a->instance_id.has_value();
    return a->member_id < b->member_id;
  });
  return order;
}

bool wants(const Subscriber& subscriber, const std::string& topic) {
  return std::find(subscriber.topics.begin(), subscriber.topics.end(), topic) !=
         subscriber.topics.end();
}

void range(const Order& order, const PartitionCounts& counts, Shares& shares) {
  for (const auto& [topic, count] : counts) {
    Order takers;
    for (const Subscriber* each : order)
      if (wants(*each, topic)) takers.push_back(each);
    if (takers.empty()) continue;
    const auto members = static_cast<std::int32_t>(takers.size());
    std::int32_t next = 0;
    for (std::int32_t i = 0; i < members; ++i) {
      const std::int32_t end = next + count / members + (i < count % members ? 1 : 0);
      for (; next < end; ++next)
        shares[takers[static_cast<std::size_t>(i)]->member_id].insert({topic, next});
    }
  }
}

void round_robin(const Order& order, const PartitionCounts& counts, Shares& shares) {
  std::size_t turn = 0;
  for (const auto& [topic, count] : counts) {
    if (std::none_of(order.begin(), order.end(),
                     [&, &name = topic](const Subscriber* each) { return wants(*each, name); }))
      continue;
    for (std::int32_t partition = 0; partition < count; ++partition) {
      while (!wants(*order[turn % order.size()], topic)) ++turn;
      shares[order[turn++ % order.size()]->member_id].insert({topic, partition});
    }
  }
}

/// Who holds what, by what the members say. The younger generation is right; where two of one
/// generation claim the same, neither is believed.
std::map<TopicPartition, std::string> believed(const Order& order, const PartitionCounts& counts) {
  struct Claim {
    std::int32_t generation;
    std::string member;  // empty: disputed
  };
  std::map<TopicPartition, Claim> claims;
  for (const Subscriber* each : order) {
    for (const TopicPartition& partition : each->owned) {
      const auto count = counts.find(partition.topic);
      if (count == counts.end() || partition.partition >= count->second) continue;
      if (!wants(*each, partition.topic)) continue;
      const auto [claim, fresh] =
          claims.try_emplace(partition, Claim{each->generation, each->member_id});
      if (fresh || each->generation < claim->second.generation) continue;
      const bool disputed = each->generation == claim->second.generation;
      claim->second = {each->generation, disputed ? std::string() : each->member_id};
    }
  }
  std::map<TopicPartition, std::string> holders;
  for (auto& [partition, claim] : claims)
    if (!claim.member.empty()) holders[partition] = std::move(claim.member);
  return holders;
}

/// Everybody keeps what they hold; what nobody holds goes to who has least; then single partitions
/// move from who has more to who has two fewer, until there is no such pair.
void sticky(const Order& order, const PartitionCounts& counts, Shares& shares) {
  auto holders = believed(order, counts);
  for (const auto& [partition, member] : holders) shares[member].insert(partition);
  const auto least = [&](const std::string& topic) -> const std::string* {
    const std::string* found = nullptr;
    for (const Subscriber* each : order)
      if (wants(*each, topic) && (!found || shares[each->member_id].size() < shares[*found].size()))
        found = &each->member_id;
    return found;
  };
  for (const auto& [topic, count] : counts) {
    for (std::int32_t number = 0; number < count; ++number) {
      const TopicPartition partition{topic, number};
      if (holders.contains(partition)) continue;
      const std::string* const taker = least(topic);
      if (!taker) break;
      shares[*taker].insert(partition);
      holders[partition] = *taker;
    }
  }
  for (bool moved = true; moved;) {
    moved = false;
    for (auto& [partition, holder] : holders) {
      const std::string* const taker = least(partition.topic);
      if (shares[*taker].size() + 2 > shares[holder].size()) continue;
      shares[holder].erase(partition);
      shares[*taker].insert(partition);
      holder = *taker;
      moved = true;
    }
  }
}

/// A partition that another member still claims is given to nobody in this round.
void leave_out_what_is_held(const Order& order, Shares& shares) {
  for (const Subscriber* holder : order)
    for (const TopicPartition& partition : holder->owned)
      for (auto& [member, share] : shares)
        if (member != holder->member_id) share.erase(partition);
}

}  // namespace

std::string_view kafka_name(Assignor assignor) {
  return std::find_if(kNames.begin(), kNames.end(),
                      [&](const auto& each) { return each.first == assignor; })
      ->second;
}

std::optional<Assignor> parse_assignor(std::string_view name) {
  for (const auto& [assignor, known] : kNames)
    if (known == name) return assignor;
  return std::nullopt;
}

bool is_cooperative(std::span<const Assignor> listed) {
  return std::all_of(listed.begin(), listed.end(),
                     [](Assignor each) { return each == Assignor::kCooperativeSticky; });
}

ByteVec encode_subscription(Assignor assignor, const Subscriber& self) {
  ConsumerProtocolSubscription subscription{.topics = self.topics,
                                            .owned_partitions = by_topic(self.owned),
                                            .generation_id = self.generation};
  if (assignor == Assignor::kSticky) {
    subscription.user_data = encode_sticky_memory(self);
    subscription.owned_partitions.clear();  // it is remembered, no longer held
  } else if (assignor == Assignor::kCooperativeSticky) {
    put(subscription.user_data.emplace(), self.generation);
  }
  return encode_embedded(subscription, kSubscriptionVersion);
}

Result<Subscriber> decode_subscription(Assignor assignor, std::string member_id,
                                       std::optional<std::string> instance_id, ByteView bytes) {
  auto read = decode_embedded<ConsumerProtocolSubscription>(bytes);
  if (!read) return std::move(read).error();
  Subscriber subscriber{.member_id = std::move(member_id),
                        .instance_id = std::move(instance_id),
                        .topics = std::move(read->topics)};
  if (assignor == Assignor::kSticky) {
    if (read->user_data) decode_sticky_memory(*read->user_data, subscriber);
    return subscriber;
  }
  subscriber.owned = flat(read->owned_partitions);
  subscriber.generation = read->generation_id;
  // Members older than that field tell their generation in the user data.
  if (subscriber.generation < 0 && assignor == Assignor::kCooperativeSticky && read->user_data) {
    ByteView rest = *read->user_data;
    if (rest.size() == sizeof(std::int32_t)) subscriber.generation = *take<std::int32_t>(rest);
  }
  return subscriber;
}

ByteVec encode_share(const std::set<TopicPartition>& share) {
  return encode_embedded(ConsumerProtocolAssignment{.assigned_partitions = by_topic(share)},
                         kShareVersion);
}

Result<std::set<TopicPartition>> decode_share(ByteView bytes) {
  if (bytes.empty()) return std::set<TopicPartition>();
  auto read = decode_embedded<ConsumerProtocolAssignment>(bytes);
  if (!read) return std::move(read).error();
  return flat(read->assigned_partitions);
}

Shares assign(Assignor assignor, const std::vector<Subscriber>& subscribers,
              const PartitionCounts& counts) {
  Shares shares;
  for (const Subscriber& each : subscribers) shares[each.member_id];
  const Order order = in_order(subscribers);
  switch (assignor) {
    case Assignor::kRange:
      range(order, counts, shares);
      break;
    case Assignor::kRoundRobin:
      round_robin(order, counts, shares);
      break;
    case Assignor::kSticky:
      sticky(order, counts, shares);
      break;
    case Assignor::kCooperativeSticky:
      sticky(order, counts, shares);
      leave_out_what_is_held(order, shares);
      break;
  }
  return shares;
}

}  // namespace ds::kafka
