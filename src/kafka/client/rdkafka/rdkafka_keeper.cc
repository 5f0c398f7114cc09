#include "kafka/client/rdkafka/rdkafka_keeper.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <span>
#include <vector>

#include "kafka/client/rdkafka/rdkafka_settings.h"
#include "kafka/wire/error_codes.h"
#include "kafka/wire/record_batch.h"

namespace ds::kafka {
namespace {

template <auto kDestroy>
struct Destroy {
  void operator()(auto* what) const { kDestroy(what); }
};
template <typename T, auto kDestroy>
using Owned = std::unique_ptr<T, Destroy<kDestroy>>;
using OwnedQueue = Owned<rd_kafka_queue_t, rd_kafka_queue_destroy>;
using OwnedEvent = Owned<rd_kafka_event_t, rd_kafka_event_destroy>;
using OwnedTopic = Owned<rd_kafka_topic_t, rd_kafka_topic_destroy>;
using OwnedNewTopic = Owned<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy>;
using OwnedOptions = Owned<rd_kafka_AdminOptions_t, rd_kafka_AdminOptions_destroy>;

constexpr Nanos kPause = 50 * kMillisecond;

int as_ms(Nanos time) {
  return static_cast<int>(std::clamp<Nanos>(time / kMillisecond, 1, 1 << 30));
}

/// What became of the records of one batch.
struct Reports {
  std::size_t left = 0;
  std::int64_t base_offset = -1;
  std::int32_t broker = -1;
  std::int64_t stored_ms = -1;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
};

class RdkafkaKeeper final : public TopicKeeper {
 public:
  RdkafkaKeeper(const ClientSettings& client, const Clock& clock, Log& log)
      : client_(client), clock_(clock), log_(log) {}
  ~RdkafkaKeeper() override {
    if (rk_ == nullptr) return;
    rd_kafka_purge(rk_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(rk_, 100);
    rd_kafka_destroy(rk_);
  }

  Status start();
  Result<std::int32_t> ready_partitions(const TopicSpec& spec) override;
  Result<Offsets> end_offsets(const std::string& topic) override;
  Result<std::int64_t> produce_sync(const std::string& topic, std::int32_t partition,
                                    ByteView batch) override;
  Result<Stamp> produce_stamped(const std::string& topic, std::int32_t partition,
                                ByteView batch) override;

 private:
  /// Whether one asks for all topics or for one by its name: then brokers that make topics on first
  /// use make it, with partitions of their choice.
  enum class Ask { kAll, kByName };
  /// The leaders by partition; nothing where there is no such topic.
  Result<std::optional<std::vector<std::int32_t>>> leaders(const std::string& topic, Ask ask,
                                                           Nanos deadline);
  Status create(const TopicSpec& spec, Nanos deadline);
  Result<Reports> send(const std::string& topic, std::int32_t partition, ByteView batch);
  Nanos deadline() const { return clock_.now() + client_.request_timeout; }
  int left_ms(Nanos deadline) const { return as_ms(deadline - clock_.now()); }
  Error why(rd_kafka_resp_err_t error, std::string_view subject);
  static void on_report(rd_kafka_t*, const rd_kafka_message_t* message, void* self);
  static void on_error(rd_kafka_t*, int error, const char* reason, void* self);
  static void on_log(const rd_kafka_t* rk, int level, const char* facility, const char* line);

  const ClientSettings client_;
  const Clock& clock_;
  Log& log_;
  rd_kafka_t* rk_ = nullptr;
  rd_kafka_resp_err_t last_error_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string last_reason_;
};

Status RdkafkaKeeper::start() {
  auto properties = rdkafka_properties(client_, {.acks = Acks::kAll});
  for (const char* other : {"request.required.acks", "queue.buffering.max.ms", "transactional.id"})
    properties.erase(other);
  properties["acks"] = "-1";
  properties["linger.ms"] = "0";
  properties["message.timeout.ms"] = std::to_string(as_ms(client_.request_timeout));
  auto conf = rdkafka_conf(properties);
  if (!conf) return std::move(conf).error();
  rd_kafka_conf_set_opaque(*conf, this);
  rd_kafka_conf_set_dr_msg_cb(*conf, &on_report);
  rd_kafka_conf_set_error_cb(*conf, &on_error);
  rd_kafka_conf_set_log_cb(*conf, &on_log);
  char reason[512] = "";
  rk_ = rd_kafka_new(RD_KAFKA_PRODUCER, *conf, reason, sizeof reason);
  if (rk_ == nullptr) {
    rd_kafka_conf_destroy(*conf);
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("librdkafka cannot start: {}", reason)};
  }
  if (client_.security.sasl == SaslMechanism::kOther) make_tokens_in_background(rk_);
  return Done{};
}

Result<std::optional<std::vector<std::int32_t>>> RdkafkaKeeper::leaders(const std::string& topic,
                                                                        Ask ask, Nanos deadline) {
  const OwnedTopic named(ask == Ask::kByName ? rd_kafka_topic_new(rk_, topic.c_str(), nullptr)
                                             : nullptr);
  const rd_kafka_metadata_t* metadata = nullptr;
  const Nanos limit = std::min(deadline, clock_.now() + client_.connect_timeout);
  const auto error =
      rd_kafka_metadata(rk_, ask == Ask::kAll, named.get(), &metadata, left_ms(limit));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return why(error, "the cluster");
  const Owned<const rd_kafka_metadata_t, rd_kafka_metadata_destroy> owned(metadata);
  for (const auto& each : std::span(metadata->topics, metadata->topic_cnt)) {
    if (each.topic != topic || each.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) continue;
    if (each.err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
      return why(each.err, "topic " + topic);
    std::vector<std::int32_t> found(static_cast<std::size_t>(each.partition_cnt), -1);
    for (const auto& partition : std::span(each.partitions, each.partition_cnt))
      if (partition.id >= 0 && partition.id < each.partition_cnt)
        found[static_cast<std::size_t>(partition.id)] = partition.leader;
    return std::optional(std::move(found));
  }
  return std::optional<std::vector<std::int32_t>>();
}

Status RdkafkaKeeper::create(const TopicSpec& spec, Nanos deadline) {
  char reason[512] = "";
  const OwnedNewTopic topic(rd_kafka_NewTopic_new(spec.name.c_str(), spec.partitions,
                                                  spec.replication, reason, sizeof reason));
  if (!topic) return Error{.code = ErrorCode::kUsage, .message = reason};
  for (const auto& [name, value] : spec.configs)
    rd_kafka_NewTopic_set_config(topic.get(), name.c_str(), value.c_str());
  const OwnedOptions options(rd_kafka_AdminOptions_new(rk_, RD_KAFKA_ADMIN_OP_CREATETOPICS));
  rd_kafka_AdminOptions_set_request_timeout(options.get(), left_ms(deadline), reason,
                                            sizeof reason);
  const OwnedQueue queue(rd_kafka_queue_new(rk_));
  rd_kafka_NewTopic_t* topics[] = {topic.get()};
  rd_kafka_CreateTopics(rk_, topics, 1, options.get(), queue.get());
  const OwnedEvent event(rd_kafka_queue_poll(queue.get(), left_ms(deadline)));
  if (!event) return why(RD_KAFKA_RESP_ERR__TIMED_OUT, "topic " + spec.name);
  if (const auto error = rd_kafka_event_error(event.get()); error != RD_KAFKA_RESP_ERR_NO_ERROR)
    return why(error, "topic " + spec.name);
  std::size_t count = 0;
  const auto* const* const results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  for (const auto* result : std::span(results, count)) {
    const auto error = rd_kafka_topic_result_error(result);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
      continue;
    const char* told = rd_kafka_topic_result_error_string(result);
    return Error{.code = ErrorCode::kRefused,
                 .message = fmt::format("topic {}: {}", spec.name,
                                        told != nullptr ? told : rd_kafka_err2str(error))};
  }
  return Done{};
}

Result<std::int32_t> RdkafkaKeeper::ready_partitions(const TopicSpec& spec) {
  const Nanos by = deadline();
  auto there = leaders(spec.name, Ask::kAll, by);
  if (!there) return std::move(there).error();
  if (!*there)
    if (auto created = create(spec, by); !created) return std::move(created).error();
  for (;;) {
    auto found = leaders(spec.name, Ask::kByName, by);
    if (!found) return std::move(found).error();
    if (*found && !(*found)->empty() &&
        std::ranges::all_of(**found, [](auto leader) { return leader >= 0; })) {
      // With acks=0 nobody would hear a leader refuse: so each is asked.
      if (auto ends = end_offsets(spec.name); !ends) return std::move(ends).error();
      return static_cast<std::int32_t>((*found)->size());
    }
    if (clock_.now() + kPause >= by)
      return Error{
          .code = ErrorCode::kTimeout,
          .message = fmt::format("waiting for the leaders of topic {} took too long", spec.name)};
    rd_kafka_poll(rk_, as_ms(kPause));
  }
}

Result<Offsets> RdkafkaKeeper::end_offsets(const std::string& topic) {
  const Nanos by = deadline();
  auto found = leaders(topic, Ask::kByName, by);
  if (!found) return std::move(found).error();
  if (!*found)
    return Error{.code = ErrorCode::kRefused,
                 .message = fmt::format("there is no topic {}", topic),
                 .hint = "create it with `datastorm topic create`",
                 .system = kNoSuchTopic};
  Offsets ends;
  for (std::size_t p = 0; p < (*found)->size(); ++p) {
    std::int64_t low = 0, high = 0;
    const auto partition = static_cast<std::int32_t>(p);
    const auto ask = [&] {
      return rd_kafka_query_watermark_offsets(rk_, topic.c_str(), partition, &low, &high,
                                              left_ms(by));
    };
    auto error = ask();
    // A leader may learn later than its neighbours that it leads, or another leads by now.
    while (error > 0 && is_retriable(static_cast<KafkaError>(error)) &&
           clock_.now() + kPause < by) {
      rd_kafka_poll(rk_, as_ms(kPause));
      if (auto fresh = leaders(topic, Ask::kByName, by); !fresh) return std::move(fresh).error();
      error = ask();
    }
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
      return why(error, fmt::format("topic {} partition {}", topic, partition));
    ends[partition] = high;
  }
  return ends;
}

Result<std::int64_t> RdkafkaKeeper::produce_sync(const std::string& topic, std::int32_t partition,
                                                 ByteView batch) {
  const auto reports = send(topic, partition, batch);
  if (!reports) return reports.error();
  return reports->base_offset;
}

Result<Stamp> RdkafkaKeeper::produce_stamped(const std::string& topic, std::int32_t partition,
                                             ByteView batch) {
  Stamp stamp{.sent = clock_.now()};
  const auto reports = send(topic, partition, batch);
  stamp.answered = clock_.now();
  if (!reports) return reports.error();
  stamp.broker = reports->broker;
  stamp.stored_ms = reports->stored_ms;
  return stamp;
}

Result<Reports> RdkafkaKeeper::send(const std::string& topic, std::int32_t partition,
                                    ByteView batch) {
  const BatchHeader header = BatchHeader::read(batch).value();
  ByteVec scratch;
  RecordReader records({header, batch}, scratch);
  Reports reports;
  const auto data = [](const std::optional<ByteView>& bytes) {
    return bytes ? const_cast<std::uint8_t*>(bytes->data()) : nullptr;
  };
  const auto size = [](const std::optional<ByteView>& bytes) {
    return bytes ? bytes->size() : std::size_t{0};
  };
  while (const auto record = records.next()) {
    const auto error =
        rd_kafka_producev(rk_, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK),
                          RD_KAFKA_V_TIMESTAMP(record->timestamp),
                          RD_KAFKA_V_VALUE(data(record->value), size(record->value)),
                          RD_KAFKA_V_KEY(data(record->key), size(record->key)),
                          RD_KAFKA_V_OPAQUE(&reports), RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
      ++reports.left;
    else
      reports.error = error;
  }
  check(records.status().ok(), "a batch of ours cannot be walked");
  // Every record is reported within message.timeout.ms; `reports` must not go before.
  while (reports.left > 0) rd_kafka_poll(rk_, 20);
  if (reports.error != RD_KAFKA_RESP_ERR_NO_ERROR)
    return why(reports.error, fmt::format("topic {} partition {}", topic, partition));
  return reports;
}

Error RdkafkaKeeper::why(rd_kafka_resp_err_t error, std::string_view subject) {
  rd_kafka_poll(rk_, 0);  // lets on_error tell why
  const bool refused = last_error_ == RD_KAFKA_RESP_ERR__AUTHENTICATION;
  const bool local = error < 0;
  if (!local)
    return {.code = ErrorCode::kRefused,
            .message = fmt::format("{}: {}", subject, rd_kafka_err2str(error))};
  const std::string warning =
      scram_warning(rd_kafka_version(), rd_kafka_version_str(), client_.security.sasl);
  return {.code = refused ? ErrorCode::kRefused : ErrorCode::kUnreachable,
          .message = last_reason_.empty() ? fmt::format("{}: {}", subject, rd_kafka_err2str(error))
                                          : last_reason_,
          .hint = refused && !warning.empty() ? warning
                  : refused                   ? "check user, password and SASL mechanism"
                            : "start one with `datastorm broker`, or name yours with --brokers"};
}

void RdkafkaKeeper::on_report(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  auto& reports = *static_cast<Reports*>(message->_private);
  --reports.left;
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
    reports.error = message->err;
  else if (reports.base_offset < 0 || message->offset < reports.base_offset)
    reports.base_offset = message->offset;
  rd_kafka_timestamp_type_t whose = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const std::int64_t time_ms = rd_kafka_message_timestamp(message, &whose);
  if (whose == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME) reports.stored_ms = time_ms;
  reports.broker = rd_kafka_message_broker_id(message);
}

void RdkafkaKeeper::on_error(rd_kafka_t*, int error, const char* reason, void* self) {
  auto& keeper = *static_cast<RdkafkaKeeper*>(self);
  // "All brokers down" follows the error that says why.
  if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !keeper.last_reason_.empty()) return;
  keeper.last_error_ = static_cast<rd_kafka_resp_err_t>(error);
  keeper.last_reason_ = reason;
  keeper.log_.debug("librdkafka: {}", reason);
}

void RdkafkaKeeper::on_log(const rd_kafka_t* rk, int /*level*/, const char* facility,
                           const char* line) {
  if (auto* keeper = static_cast<RdkafkaKeeper*>(rd_kafka_opaque(rk)))
    keeper->log_.debug("librdkafka: {}: {}", facility, line);
}

}  // namespace

Result<std::unique_ptr<TopicKeeper>> make_rdkafka_keeper(const ClientSettings& client,
                                                         const Clock& clock, Log& log) {
  auto keeper = std::make_unique<RdkafkaKeeper>(client, clock, log);
  if (auto started = keeper->start(); !started) return std::move(started).error();
  return std::unique_ptr<TopicKeeper>(std::move(keeper));
}

}  // namespace ds::kafka
