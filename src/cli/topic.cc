// `datastorm topic create|list|describe|delete|offsets [T]`.
#include <fmt/format.h>

#include <map>

#include "base/json_writer.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/producer_properties.h"
#include "kafka/client/admin.h"

namespace ds::cli {
namespace {

using kafka::Admin;

struct PartitionRow {
  std::int32_t partition;
  std::int32_t leader;
  std::vector<std::int32_t> replicas;
  std::vector<std::int32_t> in_sync;
  static void fields(auto& self, auto& io) {
    io("partition", self.partition);
    io("leader", self.leader);
    io("replicas", self.replicas);
    io("inSync", self.in_sync);
  }
};

struct TopicRow {
  std::string topic;
  std::vector<PartitionRow> partitions;
  std::map<std::string, std::string> configs;
  static void fields(auto& self, auto& io) {
    io("topic", self.topic);
    io("partitions", self.partitions);
    io("configs", self.configs);
  }
};

struct OffsetRow {
  std::int32_t partition;
  std::int64_t start;
  std::int64_t end;
  static void fields(auto& self, auto& io) {
    io("partition", self.partition);
    io("start", self.start);
    io("end", self.end);
  }
};

struct OffsetsTable {
  std::string topic;
  std::vector<OffsetRow> partitions;
  std::int64_t records = 0;
  static void fields(auto& self, auto& io) {
    io("topic", self.topic);
    io("records", self.records);
    io("partitions", self.partitions);
  }
};

struct Created {
  std::string created;
  std::int32_t partitions;
  std::int16_t replication;
  static void fields(auto& self, auto& io) {
    io("created", self.created);
    io("partitions", self.partitions);
    io("replication", self.replication);
  }
};

struct Deleted {
  std::string deleted;
  static void fields(auto& self, auto& io) { io("deleted", self.deleted); }
};

struct TopicList {
  std::vector<std::string> topics;
  static void fields(auto& self, auto& io) { io("topics", self.topics); }
};

struct Orders {
  std::string verb;
  std::string topic;
  std::int32_t partitions = 32;
  std::int16_t replication = 1;
  bool json = false;
};

int create(Admin& admin, const Orders& orders) {
  const auto created = admin.create_topic(
      {.name = orders.topic, .partitions = orders.partitions, .replication = orders.replication});
  if (!created) return report_error(created.error());
  if (orders.json)
    fmt::print("{}\n", to_json(Created{orders.topic, orders.partitions, orders.replication}));
  else
    fmt::print("created {} with {} partitions, {} replicas each\n", orders.topic, orders.partitions,
               orders.replication);
  return kDone;
}

int list(Admin& admin, const Orders& orders) {
  const auto topics = admin.list_topics();
  if (!topics) return report_error(topics.error());
  if (orders.json)
    fmt::print("{}\n", to_json(TopicList{*topics}));
  else
    for (const std::string& topic : *topics) fmt::print("{}\n", topic);
  return kDone;
}

int describe(Admin& admin, const Orders& orders) {
  const auto topic = admin.describe_topic(orders.topic);
  if (!topic) return report_error(topic.error());
  const auto configs = admin.topic_configs(orders.topic);
  if (!configs) return report_error(configs.error());
  TopicRow row{.topic = orders.topic, .partitions = {}, .configs = *configs};
  std::int32_t number = 0;
  for (const auto& each : topic->partitions)
    row.partitions.push_back({number++, each.leader, each.replicas, each.in_sync});
  if (orders.json) {
    fmt::print("{}\n", to_json(row));
    return kDone;
  }
  fmt::print("{}: {} partitions\n", row.topic, row.partitions.size());
  for (const auto& each : row.partitions)
    fmt::print("  {:>4}  leader {}  replicas {}  in sync {}\n", each.partition, each.leader,
               fmt::join(each.replicas, ","), fmt::join(each.in_sync, ","));
  for (const auto& [name, value] : row.configs) fmt::print("  {} = {}\n", name, value);
  return kDone;
}

int erase(Admin& admin, const Orders& orders) {
  const auto deleted = admin.delete_topic(orders.topic);
  if (!deleted) return report_error(deleted.error());
  if (orders.json)
    fmt::print("{}\n", to_json(Deleted{orders.topic}));
  else
    fmt::print("deleted {}\n", orders.topic);
  return kDone;
}

int offsets(Admin& admin, const Orders& orders) {
  const auto starts = admin.start_offsets(orders.topic);
  if (!starts) return report_error(starts.error());
  const auto ends = admin.end_offsets(orders.topic);
  if (!ends) return report_error(ends.error());
  OffsetsTable table{.topic = orders.topic, .partitions = {}};
  for (const auto& [partition, end] : *ends) {
    const auto start = starts->contains(partition) ? starts->at(partition) : end;
    table.partitions.push_back({partition, start, end});
    table.records += end - start;
  }
  if (orders.json) {
    fmt::print("{}\n", to_json(table));
    return kDone;
  }
  for (const auto& row : table.partitions)
    fmt::print("{:>4}  {} .. {}\n", row.partition, row.start, row.end);
  fmt::print("{} records\n", table.records);
  return kDone;
}

int run_topic(const Invocation& invocation) {
  Reader read(invocation.settings);
  auto client = read_kafka(read);
  kafka::ProducerSettings unused;  // a properties file may hold them, for producers
  take_producer_properties(client, unused);
  refuse_properties(read, client);
  ConsoleLog log(read_log_level(read));
  Orders orders{.partitions = read.count_within("partitions", 1, kPartitionsMax),
                .replication = read.count_within<std::int16_t>("replication", 1, kReplicationMax),
                .json = read.on("json")};
  const auto& words = invocation.words;
  if (!words.empty()) orders.verb = words[0];
  orders.topic = words.size() > 1 ? words[1] : read.text("topic");

  using Verb = int (*)(Admin&, const Orders&);
  static const std::map<std::string, Verb> kVerbs{{"create", create},
                                                  {"list", list},
                                                  {"describe", describe},
                                                  {"delete", erase},
                                                  {"offsets", offsets}};
  const auto verb = kVerbs.find(orders.verb);
  if (verb == kVerbs.end() || words.size() > 2)
    read.wrong(Error{.code = ErrorCode::kUsage,
                     .message = fmt::format("'topic {}' is not known", fmt::join(words, " ")),
                     .hint = "topic create|list|describe|delete|offsets [T]"});
  if (orders.verb == "create")
    if (auto fine = check_topic_name(orders.topic); !fine) read.wrong(fine.error());
  // Deleting what happens to be the default would be a surprise.
  if (orders.verb == "delete" && words.size() < 2 && !read.given("topic"))
    read.wrong(Error{.code = ErrorCode::kUsage, .message = "say which topic to delete"});
  if (const auto wrong = read.errors()) return report_error(*wrong);

  SystemClock clock;
  Admin admin(client, clock, log);
  return verb->second(admin, orders);
}

}  // namespace

Command topic_command() {
  return {
      .name = "topic",
      .purpose = "create, list, describe or delete topics, or show their offsets",
      .example = "datastorm topic create tweets --partitions 32 --brokers kafka:9092",
      .settings = join_settings(
          {kKafkaSettings, std::vector<std::string_view>{"topic", "partitions", "replication"}}),
      .words = "create|list|describe|delete|offsets [T]",
      .run = run_topic};
}

}  // namespace ds::cli
