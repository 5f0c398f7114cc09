#include "kafka/client/assignor.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace ds::kafka {
namespace {

std::set<TopicPartition> parts(std::initializer_list<int> numbers, const std::string& topic = "t") {
  std::set<TopicPartition> set;
  for (const int number : numbers) set.insert({topic, number});
  return set;
}

TEST(Assignor, KnowsKafkasNames) {
  for (const auto each :
       {Assignor::kCooperativeSticky, Assignor::kRange, Assignor::kRoundRobin, Assignor::kSticky})
    EXPECT_EQ(parse_assignor(kafka_name(each)), each);
  EXPECT_FALSE(parse_assignor("uniform"));
  constexpr Assignor kBoth[] = {Assignor::kRange, Assignor::kCooperativeSticky};
  EXPECT_TRUE(is_cooperative(std::span(kBoth).subspan(1)));
  EXPECT_FALSE(is_cooperative(kBoth));
}

TEST(Assignor, SharesOutAsItsNameSays) {
  struct Case {
    const char* what;
    Assignor assignor;
    std::vector<Subscriber> subscribers;
    PartitionCounts counts;
    Shares shares;
  };
  const Case cases[] = {
      {"range: the first get one more",
       Assignor::kRange,
       {{"b", {}, {"t"}, {}, -1}, {"a", {}, {"t"}, {}, -1}},
       {{"t", 5}},
       {{"a", parts({0, 1, 2})}, {"b", parts({3, 4})}}},
      {"range: static members first, by instance",
       Assignor::kRange,
       {{"a", {}, {"t"}, {}, -1}, {"b", "2", {"t"}, {}, -1}, {"c", "1", {"t"}, {}, -1}},
       {{"t", 4}},
       {{"c", parts({0, 1})}, {"b", parts({2})}, {"a", parts({3})}}},
      {"range: more members than partitions",
       Assignor::kRange,
       {{"a", {}, {"t"}, {}, -1}, {"b", {}, {"t"}, {}, -1}},
       {{"t", 1}},
       {{"a", parts({0})}, {"b", {}}}},
      {"round robin: goes round",
       Assignor::kRoundRobin,
       {{"a", {}, {"t"}, {}, -1}, {"b", {}, {"t"}, {}, -1}},
       {{"t", 3}},
       {{"a", parts({0, 2})}, {"b", parts({1})}}},
      {"round robin: past those who do not want it",
       Assignor::kRoundRobin,
       {{"a", {}, {"u"}, {}, -1}, {"b", {}, {"t"}, {}, -1}},
       {{"t", 2}, {"x", 2}},
       {{"a", {}}, {"b", parts({0, 1})}}},
      {"sticky: what is held stays",
       Assignor::kSticky,
       {{"a", {}, {"t"}, parts({1, 3}), 4}, {"b", {}, {"t"}, parts({0}), 4}},
       {{"t", 4}},
       {{"a", parts({1, 3})}, {"b", parts({0, 2})}}},
      {"sticky: the younger generation is right",
       Assignor::kSticky,
       {{"a", {}, {"t"}, parts({0}), 3}, {"b", {}, {"t"}, parts({0}), 4}},
       {{"t", 2}},
       {{"a", parts({1})}, {"b", parts({0})}}},
      {"sticky: a new member is given its part",
       Assignor::kSticky,
       {{"a", {}, {"t"}, parts({0, 1, 2, 3}), 4}, {"b", {}, {"t"}, {}, -1}},
       {{"t", 4}},
       {{"a", parts({2, 3})}, {"b", parts({0, 1})}}},
      {"cooperative: not before it was given up",
       Assignor::kCooperativeSticky,
       {{"a", {}, {"t"}, parts({0, 1, 2, 3}), 4}, {"b", {}, {"t"}, {}, -1}},
       {{"t", 4}},
       {{"a", parts({2, 3})}, {"b", {}}}},
      {"cooperative: nor what an elder claims",
       Assignor::kCooperativeSticky,
       {{"a", {}, {"t"}, parts({0}), 3}, {"b", {}, {"t"}, parts({0}), 4}},
       {{"t", 1}},
       {{"a", {}}, {"b", {}}}},
      {"a topic that is gone",
       Assignor::kCooperativeSticky,
       {{"a", {}, {"t"}, parts({0}), 3}},
       {},
       {{"a", {}}}},
  };
  for (const auto& [what, assignor, subscribers, counts, shares] : cases) {
    SCOPED_TRACE(what);
    EXPECT_EQ(assign(assignor, subscribers, counts), shares);
  }
}

/// Any members, any wishes, any claims: every partition once, and fairly.
TEST(Assignor, GivesEveryPartitionOnceAndEvenly) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    PartitionCounts counts;
    for (std::uint64_t t = 0; t <= random.below(3); ++t)
      counts["t" + std::to_string(t)] = static_cast<std::int32_t>(random.below(20));
    std::vector<Subscriber> subscribers;
    const bool alike = random.below(2) == 0;
    for (std::uint64_t m = 0; m <= random.below(6); ++m) {
      Subscriber each{.member_id = "m" + std::to_string(m),
                      .generation = static_cast<std::int32_t>(random.below(3))};
      for (const auto& [topic, count] : counts) {
        if (alike || random.below(2) == 0) each.topics.push_back(topic);
        for (std::int32_t p = 0; p < count + 2; ++p)
          if (random.below(4) == 0) each.owned.insert({topic, p});
      }
      subscribers.push_back(std::move(each));
    }
    for (const auto assignor : {Assignor::kRange, Assignor::kRoundRobin, Assignor::kSticky,
                                Assignor::kCooperativeSticky}) {
      SCOPED_TRACE(kafka_name(assignor));
      const Shares shares = assign(assignor, subscribers, counts);
      EXPECT_EQ(assign(assignor, subscribers, counts), shares);
      std::map<TopicPartition, std::string> holders;
      std::size_t fewest = 1000, most = 0;
      for (const auto& [member, share] : shares) {
        for (const auto& each : share) EXPECT_TRUE(holders.emplace(each, member).second);
        fewest = std::min(fewest, share.size());
        most = std::max(most, share.size());
      }
      if (assignor == Assignor::kCooperativeSticky) {
        for (const auto& each : subscribers)
          for (const auto& partition : each.owned)
            if (holders.contains(partition)) {
              EXPECT_EQ(holders[partition], each.member_id);
            }
        continue;
      }
      std::size_t wanted = 0;
      for (const auto& [topic, count] : counts)
        for (const auto& each : subscribers)
          if (std::ranges::find(each.topics, topic) != each.topics.end()) {
            wanted += static_cast<std::size_t>(count);
            break;
          }
      EXPECT_EQ(holders.size(), wanted);
      if (alike && (assignor == Assignor::kRoundRobin || assignor == Assignor::kSticky)) {
        EXPECT_LE(most, fewest + 1);
      }
    }
  }
}

TEST(Assignor, ReadsWhatItAndOthersWrite) {
  const Subscriber self{"m", "i", {"t", "u"}, parts({3, 4}), 7};
  for (const auto each : {Assignor::kCooperativeSticky, Assignor::kRange, Assignor::kSticky}) {
    SCOPED_TRACE(kafka_name(each));
    const auto read = decode_subscription(each, "m", "i", encode_subscription(each, self));
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(*read, self);
  }
  struct Case {
    const char* what;
    Assignor assignor;
    const char* bytes;
    std::set<TopicPartition> owned;
    std::int32_t generation;
  };
  const Case cases[] = {
      {"version 0 without user data", Assignor::kSticky, "0000 00000001 0001 74  ffffffff", {}, -1},
      {"Java's sticky, version 1", Assignor::kSticky,
       "0001 00000001 0001 74  00000017  00000001 0001 74 00000002 00000000 00000002 00000009"
       "  00000000",
       parts({0, 2}), 9},
      {"sticky without a generation", Assignor::kSticky,
       "0001 00000001 0001 74  0000000f  00000001 0001 74 00000001 00000005  00000000", parts({5}),
       -1},
      {"sticky, cut short",
       Assignor::kSticky,
       "0001 00000001 0001 74  00000009  00000001 0001 74 0000  00000000",
       {},
       -1},
      {"Java's cooperative before subscriptions had a generation", Assignor::kCooperativeSticky,
       "0001 00000001 0001 74  00000004 00000006  00000001 0001 74 00000001 00000001", parts({1}),
       6},
      {"librdkafka's newest, with a rack", Assignor::kCooperativeSticky,
       "0003 00000001 0001 74  00000000  00000001 0001 74 00000001 00000001 00000005 0001 72",
       parts({1}), 5},
  };
  for (const auto& [what, assignor, bytes, owned, generation] : cases) {
    SCOPED_TRACE(what);
    const auto read = decode_subscription(assignor, "m", {}, from_hex(bytes));
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(*read, (Subscriber{"m", {}, {"t"}, owned, generation}));
  }
  EXPECT_EQ(*decode_share(encode_share(self.owned)), self.owned);
  EXPECT_TRUE(decode_share({})->empty());
  EXPECT_FALSE(decode_share(from_hex("00")).ok());
}

}  // namespace
}  // namespace ds::kafka
