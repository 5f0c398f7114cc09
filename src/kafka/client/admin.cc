#include "kafka/client/admin.h"

#include <algorithm>

#include "kafka/wire/messages/00_produce.h"
#include "kafka/wire/messages/01_fetch.h"
#include "kafka/wire/messages/02_list_offsets.h"
#include "kafka/wire/messages/09_offset_fetch.h"
#include "kafka/wire/messages/10_find_coordinator.h"
#include "kafka/wire/messages/19_create_topics.h"
#include "kafka/wire/messages/20_delete_topics.h"
#include "kafka/wire/messages/32_describe_configs.h"

namespace ds::kafka {
namespace {

constexpr Nanos kPause = 20 * kMillisecond;
constexpr Nanos kPauseMax = 500 * kMillisecond;
constexpr std::int32_t kReadBytes = 4 << 20;
constexpr std::int8_t kTopicResource = 2;  // of DescribeConfigs

std::int32_t as_ms(Nanos time) {
  return static_cast<std::int32_t>(std::clamp<Nanos>(time / kMillisecond, 1, 1 << 30));
}

Error no_such_topic(const std::string& topic) {
  return {.code = ErrorCode::kRefused,
          .message = fmt::format("there is no topic {}", topic),
          .hint = "create it with `datastorm topic create`, or see `datastorm topic list`",
          .system = kNoSuchTopic};
}

Error ran_out_of_time(std::string_view what) {
  return {.code = ErrorCode::kTimeout, .message = fmt::format("{} took too long", what)};
}

}  // namespace

Admin::Admin(const ClientSettings& settings, const Clock& clock, Log& log)
    : settings_(settings),
      clock_(clock),
      log_(log),
      random_(settings.jitter_seed, static_cast<std::uint64_t>(clock.now())),
      cluster_(settings_, poller_, clock, log) {}

bool Admin::pause(int attempt, Nanos deadline) {
  const Nanos until = clock_.now() + kPause + backoff(attempt, kPause, kPauseMax, random_);
  if (until >= deadline) return false;
  for (Nanos now = clock_.now(); now < until; now = clock_.now()) poller_.wait(until - now);
  return true;
}

// Connections.

Status Admin::connect() {
  return cluster_.connect(deadline());
}

Result<Connection*> Admin::any_connection(Nanos deadline) {
  const Status connected = cluster_.connect(deadline);
  if (!connected) return connected.error();
  return cluster_.control();
}

Result<Connection*> Admin::connection_to(std::int32_t broker, Nanos deadline) {
  poller_.wait(0);  // notices connections that brokers closed while nobody used them
  const auto address = cluster_.map().brokers.find(broker);
  if (address == cluster_.map().brokers.end()) {
    return Error{.code = ErrorCode::kUnreachable,
                 .message = fmt::format("broker {} is not there", broker)};
  }
  std::unique_ptr<Connection>& connection = connections_[broker];
  if (!connection) connection = std::make_unique<Connection>(settings_, poller_, clock_);
  if (connection->ready() && connection->address() == address->second) return connection.get();
  if (!connection->closed()) connection->close({.message = "the broker has moved"});
  connection->open(address->second);
  Status ready = wait_ready(*connection, poller_, clock_, deadline);
  if (!ready) return std::move(ready).error();
  return connection.get();
}

Result<Connection*> Admin::controller(Nanos deadline) {
  const Status known = cluster_.refresh_now({}, deadline);
  if (!known) return known.error();
  // A cluster may leave its controller unnamed: then every broker passes orders on.
  if (!cluster_.map().brokers.contains(cluster_.map().controller)) return any_connection(deadline);
  return connection_to(cluster_.map().controller, deadline);
}

Result<Connection*> Admin::coordinator(const std::string& group, Nanos deadline) {
  for (int attempt = 0;; ++attempt) {
    const Status known = cluster_.refresh_now({}, deadline);
    if (!known) return known.error();
    const auto answer = ask<FindCoordinatorResponse>(
        *cluster_.control(), FindCoordinatorRequest{.key = group}, deadline);
    if (!answer) return answer.error();
    if (answer->error_code == KafkaError::kNone) return connection_to(answer->node_id, deadline);
    if (!is_retriable(answer->error_code) || !pause(attempt, deadline))
      return to_error(answer->error_code, "group " + group);
  }
}

Result<Connection*> Admin::leader(const std::string& topic, std::int32_t partition,
                                  Nanos deadline) {
  const auto known = usable_topic(topic, deadline);
  if (!known) return known.error();
  if (partition < 0 || static_cast<std::size_t>(partition) >= known->partitions.size()) {
    return Error{.code = ErrorCode::kRefused,
                 .message = fmt::format("topic {} has {} partitions, no partition {}", topic,
                                        known->partitions.size(), partition)};
  }
  return connection_to(known->partitions[static_cast<std::size_t>(partition)].leader, deadline);
}

// Topics.

Result<std::string> Admin::cluster_id() {
  const Status known = cluster_.refresh_now({}, deadline());
  if (!known) return known.error();
  return cluster_.map().cluster_id;
}

Status Admin::try_create(const TopicSpec& spec, Nanos deadline, bool exists_is_fine) {
  CreateTopicsRequest request;
  request.timeout_ms = as_ms(settings_.request_timeout);
  auto& topic = request.topics.emplace_back();
  topic.name = spec.name;
  topic.num_partitions = spec.partitions;
  topic.replication_factor = spec.replication;
  for (const auto& [name, value] : spec.configs) topic.configs.push_back({name, value});

  for (int attempt = 0;; ++attempt) {
    const auto where = controller(deadline);
    if (!where) return where.error();
    const auto answer = ask<CreateTopicsResponse>(**where, request, deadline);
    if (!answer) return answer.error();
    if (answer->topics.empty())
      return Error{.code = ErrorCode::kProtocol, .message = "the broker's answer names no topic"};
    const auto& [name, error, message] = answer->topics.front();
    if (error == KafkaError::kNone) return Done{};
    if (error == KafkaError::kTopicAlreadyExists && exists_is_fine) return Done{};
    if (is_retriable(error) && pause(attempt, deadline)) continue;
    Error refused = to_error(error, "topic " + spec.name);
    if (message && !message->empty()) refused.message += fmt::format(" ({})", *message);
    return refused;
  }
}

Status Admin::create_topic(const TopicSpec& spec) {
  return try_create(spec, deadline(), false);
}

Result<ClusterMap::Topic> Admin::ensure_topic(const TopicSpec& spec) {
  const Nanos by = deadline();
  const Status known = cluster_.refresh_now({spec.name}, by);
  if (!known) return known.error();
  const auto found = cluster_.map().topics.find(spec.name);
  const KafkaError error =
      found == cluster_.map().topics.end() ? KafkaError::kNone : found->second.error;
  if (error == KafkaError::kUnknownTopicOrPartition) {
    const Status created = try_create(spec, by, true);
    if (!created) return created.error();
  }
  // A leader may learn later than its neighbours that it leads, and with acks=0 nobody would hear
  // it refuse: so each is asked.
  const Result<Offsets> leaders = end_offsets(spec.name);
  if (!leaders) return leaders.error();
  return usable_topic(spec.name, by);
}

Result<std::int32_t> Admin::ready_partitions(const TopicSpec& spec) {
  auto topic = ensure_topic(spec);
  if (!topic) return std::move(topic).error();
  return static_cast<std::int32_t>(topic->partitions.size());
}

Result<ClusterMap::Topic> Admin::usable_topic(const std::string& topic, Nanos deadline) {
  for (int attempt = 0;; ++attempt) {
    const Status known = cluster_.refresh_now({topic}, deadline);
    if (!known) return known.error();
    const ClusterMap::Topic& found = cluster_.map().topics.at(topic);
    if (found.all_have_leaders()) return found;
    if (found.error != KafkaError::kNone && !is_retriable(found.error))
      return to_error(found.error, "topic " + topic);
    // A topic just created is unknown to some brokers for a moment; one that stays unknown for a
    // second is not there.
    if (found.error == KafkaError::kUnknownTopicOrPartition && attempt >= 8)
      return no_such_topic(topic);
    if (!pause(attempt, deadline))
      return ran_out_of_time(fmt::format("waiting for the leaders of topic {}", topic));
  }
}

Result<std::vector<std::string>> Admin::list_topics() {
  const Nanos by = deadline();
  const auto where = any_connection(by);
  if (!where) return where.error();
  const auto answer = ask<MetadataResponse>(**where, MetadataRequest{}, by);
  if (!answer) return answer.error();
  std::vector<std::string> names;
  for (const auto& topic : answer->topics)
    if (!topic.is_internal) names.push_back(topic.name);
  std::sort(names.begin(), names.end());
  return names;
}

Result<ClusterMap::Topic> Admin::describe_topic(const std::string& topic) {
  const Status known = cluster_.refresh_now({topic}, deadline());
  if (!known) return known.error();
  const ClusterMap::Topic& found = cluster_.map().topics.at(topic);
  if (found.error == KafkaError::kUnknownTopicOrPartition) return no_such_topic(topic);
  if (found.partitions.empty()) return to_error(found.error, "topic " + topic);
  return found;
}

Result<std::map<std::string, std::string>> Admin::topic_configs(const std::string& topic) {
  const Nanos by = deadline();
  const auto where = any_connection(by);
  if (!where) return where.error();
  DescribeConfigsRequest request;
  request.resources.push_back({.resource_type = kTopicResource, .resource_name = topic});
  const auto answer = ask<DescribeConfigsResponse>(**where, request, by);
  if (!answer) return answer.error();
  std::map<std::string, std::string> configs;
  for (const auto& result : answer->results) {
    if (result.error_code == KafkaError::kUnknownTopicOrPartition) return no_such_topic(topic);
    if (result.error_code != KafkaError::kNone)
      return to_error(result.error_code, "topic " + topic);
    for (const auto& config : result.configs) configs[config.name] = config.value.value_or("");
  }
  return configs;
}

Status Admin::delete_topic(const std::string& topic) {
  const Nanos by = deadline();
  for (int attempt = 0;; ++attempt) {
    const auto where = controller(by);
    if (!where) return where.error();
    const auto answer = ask<DeleteTopicsResponse>(
        **where,
        DeleteTopicsRequest{.topic_names = {topic}, .timeout_ms = as_ms(settings_.request_timeout)},
        by);
    if (!answer) return answer.error();
    if (answer->responses.empty())
      return Error{.code = ErrorCode::kProtocol, .message = "the broker's answer names no topic"};
    const KafkaError error = answer->responses.front().error_code;
    if (error == KafkaError::kNone) return Done{};
    if (error == KafkaError::kUnknownTopicOrPartition) return no_such_topic(topic);
    if (!is_retriable(error) || !pause(attempt, by)) return to_error(error, "topic " + topic);
  }
}

// Offsets.

Result<Offsets> Admin::start_offsets(const std::string& topic) {
  return list_offsets(topic, ListOffsetsRequest::kEarliest);
}

Result<Offsets> Admin::end_offsets(const std::string& topic) {
  return list_offsets(topic, ListOffsetsRequest::kLatest);
}

Result<Offsets> Admin::offsets_at(const std::string& topic, std::int64_t wall_ms) {
  Result<Offsets> offsets = list_offsets(topic, wall_ms);
  if (!offsets) return offsets;
  if (std::none_of(offsets->begin(), offsets->end(), [](const auto& o) { return o.second < 0; }))
    return offsets;
  const Result<Offsets> ends = end_offsets(topic);
  if (!ends) return ends;
  for (auto& [partition, offset] : *offsets)
    if (offset < 0) offset = ends->at(partition);
  return offsets;
}

Result<Offsets> Admin::list_offsets(const std::string& topic, std::int64_t timestamp) {
  const Nanos by = deadline();
  Offsets offsets;
  for (int attempt = 0;; ++attempt) {
    const auto known = usable_topic(topic, by);
    if (!known) return known.error();
    std::map<std::int32_t, std::vector<std::int32_t>> by_leader;
    for (std::size_t p = 0; p < known->partitions.size(); ++p) {
      const auto partition = static_cast<std::int32_t>(p);
      if (!offsets.contains(partition)) by_leader[known->partitions[p].leader].push_back(partition);
    }
    if (by_leader.empty()) return offsets;
    Error last;
    for (const auto& [broker, partitions] : by_leader) {
      const auto where = connection_to(broker, by);
      if (!where) {
        last = where.error();
        continue;
      }
      KafkaError error = KafkaError::kNone;
      const Status listed =
          list_offsets_of(**where, topic, partitions, timestamp, by, offsets, error);
      if (!listed && listed.error().code != ErrorCode::kUnreachable) return listed.error();
      if (!listed) last = listed.error();
      if (error != KafkaError::kNone) last = to_error(error, "topic " + topic);
    }
    if (offsets.size() == known->partitions.size()) return offsets;
    if (!pause(attempt, by)) return last;
  }
}

Status Admin::list_offsets_of(Connection& leader, const std::string& topic,
                              const std::vector<std::int32_t>& partitions, std::int64_t timestamp,
                              Nanos deadline, Offsets& into, KafkaError& retriable) {
  ListOffsetsRequest request;
  request.replica_id = -1;
  auto& asked = request.topics.emplace_back();
  asked.name = topic;
  for (const std::int32_t partition : partitions)
    asked.partitions.push_back({.partition_index = partition, .timestamp = timestamp});
  const auto answer = ask<ListOffsetsResponse>(leader, request, deadline);
  if (!answer) return answer.error();
  for (const auto& each : answer->topics) {
    for (const auto& partition : each.partitions) {
      if (partition.error_code == KafkaError::kNone) {
        into[partition.partition_index] = partition.offset;
      } else if (is_retriable(partition.error_code)) {
        retriable = partition.error_code;
      } else {
        return to_error(partition.error_code,
                        fmt::format("topic {} partition {}", topic, partition.partition_index));
      }
    }
  }
  return Done{};
}

Result<Offsets> Admin::group_committed(const std::string& group, const std::string& topic) {
  const Nanos by = deadline();
  for (int attempt = 0;; ++attempt) {
    const auto where = coordinator(group, by);
    if (!where) return where.error();
    const auto known = usable_topic(topic, by);
    if (!known) return known.error();
    OffsetFetchRequest request{.group_id = group, .topics = {{}}};
    auto& asked = request.topics->emplace_back();
    asked.name = topic;
    for (std::size_t p = 0; p < known->partitions.size(); ++p)
      asked.partition_indexes.push_back(static_cast<std::int32_t>(p));
    const auto answer = ask<OffsetFetchResponse>(**where, request, by);
    if (!answer) return answer.error();

    KafkaError error = answer->error_code;
    Offsets offsets;
    for (const auto& each : answer->topics) {
      for (const auto& partition : each.partitions) {
        if (partition.error_code != KafkaError::kNone) error = partition.error_code;
        if (partition.committed_offset >= 0)
          offsets[partition.partition_index] = partition.committed_offset;
      }
    }
    if (error == KafkaError::kNone) return offsets;
    if (!is_retriable(error) || !pause(attempt, by)) return to_error(error, "group " + group);
  }
}

// Records.

namespace {

ProduceRequest request_of(const std::string& topic, std::int32_t partition, ByteView batch,
                          std::int16_t acks, Nanos timeout) {
  ProduceRequest request{.acks = acks, .timeout_ms = as_ms(timeout)};
  auto& to = request.topic_data.emplace_back();
  to.name = topic;
  to.partition_data.push_back({.index = partition, .records = Records{batch}});
  return request;
}

}  // namespace

Result<Stamp> Admin::produce_stamped(const std::string& topic, std::int32_t partition,
                                     ByteView batch) {
  const Nanos by = deadline();
  const auto where = leader(topic, partition, by);
  if (!where) return where.error();
  Stamp stamp{
      .broker =
          cluster_.map().topics.at(topic).partitions[static_cast<std::size_t>(partition)].leader,
      .sent = clock_.now()};
  const auto answer = ask<ProduceResponse>(
      **where, request_of(topic, partition, batch, 1, settings_.request_timeout), by);
  stamp.answered = clock_.now();
  if (!answer) return answer.error();
  if (answer->responses.empty() || answer->responses.front().partition_responses.empty())
    return Error{.code = ErrorCode::kProtocol, .message = "the broker's answer is empty"};
  const auto& result = answer->responses.front().partition_responses.front();
  if (result.error_code != KafkaError::kNone)
    return to_error(result.error_code, fmt::format("topic {} partition {}", topic, partition));
  stamp.stored_ms = result.log_append_time_ms;
  return stamp;
}

Result<std::int64_t> Admin::produce_sync(const std::string& topic, std::int32_t partition,
                                         ByteView batch) {
  const Nanos by = deadline();
  const ProduceRequest request = request_of(topic, partition, batch, -1, settings_.request_timeout);
  for (int attempt = 0;; ++attempt) {
    const auto where = leader(topic, partition, by);
    Error error;
    if (where) {
      const auto answer = ask<ProduceResponse>(**where, request, by);
      if (answer) {
        if (answer->responses.empty() || answer->responses.front().partition_responses.empty())
          return Error{.code = ErrorCode::kProtocol, .message = "the broker's answer is empty"};
        const auto& result = answer->responses.front().partition_responses.front();
        if (result.error_code == KafkaError::kNone) return result.base_offset;
        error = to_error(result.error_code, fmt::format("topic {} partition {}", topic, partition));
        if (!is_retriable(result.error_code)) return error;
      } else {
        error = answer.error();
      }
    } else {
      error = where.error();
      if (error.code != ErrorCode::kUnreachable) return error;
    }
    if (!pause(attempt, by)) return error;
  }
}

Status Admin::read_all(const std::string& topic,
                       const std::function<void(std::int32_t, const RecordView&)>& visit) {
  const auto starts = start_offsets(topic);
  if (!starts) return starts.error();
  const auto ends = end_offsets(topic);
  if (!ends) return ends.error();
  for (const auto& [partition, end] : *ends) {
    Status read = read_partition(topic, partition, starts->at(partition), end, visit);
    if (!read)
      return std::move(read).error().while_trying(
          fmt::format("read topic {} partition {}", topic, partition));
  }
  return Done{};
}

Status Admin::read_partition(const std::string& topic, std::int32_t partition, std::int64_t from,
                             std::int64_t end,
                             const std::function<void(std::int32_t, const RecordView&)>& visit) {
  ByteVec body;
  ByteVec scratch;
  Nanos by = deadline();  // of the next answer that brings something
  for (int attempt = 0; from < end;) {
    const auto where = leader(topic, partition, by);
    if (!where) return where.error();
    FetchRequest request;
    request.max_wait_ms = 100;
    request.max_bytes = kReadBytes;
    auto& asked = request.topics.emplace_back();
    asked.topic = topic;
    asked.partitions.push_back(
        {.partition = partition, .fetch_offset = from, .partition_max_bytes = kReadBytes});
    const auto answer = ask<FetchResponse>(**where, request, by, &body);
    if (!answer) return answer.error();
    if (answer->responses.empty() || answer->responses.front().partitions.empty())
      return Error{.code = ErrorCode::kProtocol, .message = "the broker's answer is empty"};
    const auto& got = answer->responses.front().partitions.front();
    if (got.error_code == KafkaError::kOffsetOutOfRange) {  // retention overtook us
      from = std::max(from + 1, got.log_start_offset);
      continue;
    }
    if (got.error_code != KafkaError::kNone) {
      if (!is_retriable(got.error_code) || !pause(attempt++, by))
        return to_error(got.error_code, "the broker");
      continue;
    }
    const std::int64_t before = from;
    BatchCursor batches(got.records.value_or(Records{}).bytes);
    while (const auto batch = batches.next()) {
      if (batch->header.last_offset() < from) continue;
      const std::int64_t wanted = std::exchange(from, batch->header.next_offset());
      if (batch->header.control()) continue;
      RecordReader records(*batch, scratch);
      while (const auto record = records.next())
        if (record->offset >= wanted && record->offset < end) visit(partition, *record);
      if (!records.status()) return records.status();
    }
    if (!batches.status()) return batches.status();
    if (from > before) {
      by = deadline();
      attempt = 0;
    } else if (!pause(attempt++, by)) {
      return ran_out_of_time("waiting for records");
    }
  }
  return Done{};
}

}  // namespace ds::kafka
