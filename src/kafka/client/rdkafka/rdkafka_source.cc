#include "kafka/client/rdkafka/rdkafka_source.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <set>
#include <span>

#include "kafka/client/admin.h"
#include "kafka/client/rdkafka/rdkafka_settings.h"
#include "kafka/wire/record_batch.h"

namespace ds::kafka {
namespace {

constexpr Nanos kQuestion = 10 * kSecond;  // to the coordinator or a leader, while partitions come
constexpr std::size_t kPollBytes = 4 << 20;
constexpr int kPollRecords = 50'000;

int as_ms(Nanos time) {
  return static_cast<int>(std::clamp<Nanos>(time / kMillisecond, 0, 1 << 30));
}

struct ListDeleter {
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using List = std::unique_ptr<rd_kafka_topic_partition_list_t, ListDeleter>;

template <typename Partitions>
List list_of(const Partitions& partitions) {
  List list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const TopicPartition& each : partitions)
    rd_kafka_topic_partition_list_add(list.get(), each.topic.c_str(), each.partition);
  return list;
}

std::span<rd_kafka_topic_partition_t> entries(const List& list) {
  return {list->elems, static_cast<std::size_t>(list->cnt)};
}

class RdkafkaSource final : public Source {
 public:
  RdkafkaSource(const ClientSettings& client, const ConsumerSettings& settings,
                AssignmentListener& listener, const Clock& clock, Log& log)
      : client_(client), settings_(settings), listener_(listener), clock_(clock), log_(log) {}
  ~RdkafkaSource() override {
    if (rk_) rd_kafka_destroy_flags(rk_, closed_ ? 0 : RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }

  Status start();
  Status poll(Nanos timeout, std::vector<Fetched>& into) override;
  void pause(bool paused) override;
  void seek(const TopicPartition& partition, std::int64_t offset) override;
  void commit(const std::map<TopicPartition, std::int64_t>& next_offsets) override;
  std::map<TopicPartition, std::int64_t> committed() const override { return committed_; }
  std::map<TopicPartition, std::int64_t> high_watermarks() const override;
  void close(Nanos deadline) override;

 private:
  /// Records of one partition that came together.
  struct Gathering {
    std::int64_t first = 0, next = 0;
    RecordBatchBuilder builder{{}};
  };

  void take(const rd_kafka_message_t& message, std::vector<Fetched>& into);
  void on_trouble(rd_kafka_resp_err_t error, const char* reason);
  void on_end(const TopicPartition& from, std::int64_t offset, std::vector<Fetched>& into);
  void give(const TopicPartition& from, std::int64_t first, std::int64_t next, ByteVec batch,
            std::vector<Fetched>& into);
  void hand_out(const TopicPartition& from, Gathering& gathering, std::vector<Fetched>& into);
  void assign(rd_kafka_topic_partition_list_t* partitions);
  void give_up(rd_kafka_topic_partition_list_t* partitions);
  void find_starts(const List& list);
  void commit_now(bool wait);
  std::int64_t high_watermark(const TopicPartition& partition) const;
  bool eager() const;
  void finish(rd_kafka_error_t* error);

  static void on_rebalance(rd_kafka_t*, rd_kafka_resp_err_t error,
                           rd_kafka_topic_partition_list_t* partitions, void* self);
  static void on_commit(rd_kafka_t*, rd_kafka_resp_err_t error,
                        rd_kafka_topic_partition_list_t* offsets, void* self);
  static void on_error(rd_kafka_t*, int error, const char* reason, void* self);
  static void on_log(const rd_kafka_t* rk, int level, const char* facility, const char* line);

  const ClientSettings client_;
  const ConsumerSettings settings_;
  AssignmentListener& listener_;
  const Clock& clock_;
  Log& log_;
  rd_kafka_t* rk_ = nullptr;
  std::set<TopicPartition> ours_;
  std::map<TopicPartition, Gathering> gathered_;   // of the poll under way
  std::map<TopicPartition, std::int64_t> given_;   // the next offset after what was handed out
  std::map<TopicPartition, std::int64_t> wanted_;  // given to commit(), not yet sent
  std::map<TopicPartition, std::int64_t> committed_;
  bool paused_ = false, closing_ = false, closed_ = false, committing_ = false,
       told_waiting_ = false;
  rd_kafka_resp_err_t last_error_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string last_reason_;
  std::optional<Error> fatal_;
};

Status RdkafkaSource::start() {
  char reason[512] = "";
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const auto& [name, value] : rdkafka_properties(client_, settings_)) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason, sizeof reason) !=
        RD_KAFKA_CONF_OK) {
      rd_kafka_conf_destroy(conf);
      return Error{.code = ErrorCode::kUsage,
                   .message = fmt::format("librdkafka refuses {}: {}", name, reason)};
    }
  }
  rd_kafka_conf_set_opaque(conf, this);
  rd_kafka_conf_set_rebalance_cb(conf, &on_rebalance);
  rd_kafka_conf_set_offset_commit_cb(conf, &on_commit);
  rd_kafka_conf_set_error_cb(conf, &on_error);
  rd_kafka_conf_set_log_cb(conf, &on_log);
  rk_ = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof reason);
  if (!rk_) {
    rd_kafka_conf_destroy(conf);
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("librdkafka cannot start: {}", reason)};
  }
  rd_kafka_poll_set_consumer(rk_);
  const List topics = list_of(std::vector<TopicPartition>{{settings_.topic, -1}});
  if (const auto error = rd_kafka_subscribe(rk_, topics.get()))
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("librdkafka cannot read topic {}: {}", settings_.topic,
                                        rd_kafka_err2str(error))};
  log_.info("reading {} as librdkafka's member of group {}", settings_.topic, settings_.group);
  return Done{};
}

// Reading

Status RdkafkaSource::poll(Nanos timeout, std::vector<Fetched>& into) {
  std::size_t bytes = 0;
  int left = kPollRecords;
  for (int wait = as_ms(timeout); left-- > 0 && bytes < kPollBytes && !fatal_; wait = 0) {
    rd_kafka_message_t* const message = rd_kafka_consumer_poll(rk_, wait);
    if (!message) break;
    bytes += message->len;
    take(*message, into);
    rd_kafka_message_destroy(message);
  }
  for (auto& [from, gathering] : gathered_) hand_out(from, gathering, into);
  gathered_.clear();
  commit_now(false);
  if (fatal_) return *fatal_;
  return Done{};
}

void RdkafkaSource::take(const rd_kafka_message_t& message, std::vector<Fetched>& into) {
  if (message.err && message.err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
    return on_trouble(message.err, rd_kafka_message_errstr(&message));
  const TopicPartition from{rd_kafka_topic_name(message.rkt), message.partition};
  if (!ours_.contains(from)) return;
  if (message.err) return on_end(from, message.offset, into);
  Gathering& gathering = gathered_[from];
  if (!gathering.builder.empty() && message.offset != gathering.next)
    hand_out(from, gathering, into);  // a batch has no holes
  if (gathering.builder.empty()) gathering.first = message.offset;
  gathering.next = message.offset + 1;
  const auto view = [](const void* data, std::size_t size) {
    return ByteView(static_cast<const std::uint8_t*>(data), size);
  };
  RecordBatchBuilder::Record record{.timestamp = rd_kafka_message_timestamp(&message, nullptr)};
  if (message.key) record.key = view(message.key, message.key_len);
  if (message.payload) record.value = view(message.payload, message.len);
  std::vector<RecordBatchBuilder::Header> headers;
  rd_kafka_headers_t* list = nullptr;
  if (rd_kafka_message_headers(&message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0;
         rd_kafka_header_get_all(list, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      auto& header = headers.emplace_back();
      header.key = name;
      if (value) header.value = view(value, size);
    }
  }
  record.headers = headers;
  gathering.builder.add(record);
}

void RdkafkaSource::hand_out(const TopicPartition& from, Gathering& gathering,
                             std::vector<Fetched>& into) {
  if (gathering.builder.empty()) return;
  auto built = gathering.builder.build();
  check(built.ok(), "a batch without compression can be built");
  give(from, gathering.first, gathering.next, std::move(*built), into);
}

/// librdkafka does not hand out the ends of transactions, nor what was aborted: where these are a
/// partition's last, its end is told by a marker as the log has them.
void RdkafkaSource::on_end(const TopicPartition& from, std::int64_t offset,
                           std::vector<Fetched>& into) {
  if (const auto gathering = gathered_.find(from); gathering != gathered_.end())
    hand_out(from, gathering->second, into);
  const auto given = given_.find(from);
  if (offset <= 0 || (given != given_.end() && given->second >= offset)) return;
  RecordBatchBuilder builder({});
  builder.add({});
  auto built = builder.build();
  check(built.ok(), "a batch without compression can be built");
  BatchHeader header = BatchHeader::read(*built).value();
  header.attributes |= 32;  // a control batch: it has no records for anybody
  header.write(built->data());
  seal(*built);
  give(from, offset - 1, offset, std::move(*built), into);
}

void RdkafkaSource::give(const TopicPartition& from, std::int64_t first, std::int64_t next,
                         ByteVec batch, std::vector<Fetched>& into) {
  store_be(batch.data(), first);  // the offset lies outside the checksum
  given_[from] = next;
  auto owner = std::make_shared<const ByteVec>(std::move(batch));
  into.push_back({.from = from,
                  .first_offset = first,
                  .high_watermark = std::max(high_watermark(from), next),
                  .bytes = *owner,
                  .owner = owner,
                  .at = clock_.now()});
}

void RdkafkaSource::on_trouble(rd_kafka_resp_err_t error, const char* reason) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      if (!std::exchange(told_waiting_, true))
        log_.info("topic {} does not exist yet; waiting for it", settings_.topic);
      return;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR__FATAL:
      fatal_ = Error{
          .code = ErrorCode::kRefused,
          .message = fmt::format("librdkafka cannot read topic {}: {}", settings_.topic, reason)};
      return;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      log_.warn("{}: an offset is not in the log (any more); reading from its start",
                settings_.topic);
      return;
    default:
      log_.debug("librdkafka: {}", reason);
  }
}

void RdkafkaSource::pause(bool paused) {
  paused_ = paused;
  if (ours_.empty()) return;
  const List list = list_of(ours_);
  paused ? rd_kafka_pause_partitions(rk_, list.get()) : rd_kafka_resume_partitions(rk_, list.get());
}

void RdkafkaSource::seek(const TopicPartition& partition, std::int64_t offset) {
  if (!ours_.contains(partition)) return;
  given_.erase(partition);
  const List list = list_of(std::vector{partition});
  list->elems[0].offset = offset;
  finish(rd_kafka_seek_partitions(rk_, list.get(), as_ms(kQuestion)));
}

std::int64_t RdkafkaSource::high_watermark(const TopicPartition& partition) const {
  std::int64_t low = -1, high = -1;
  const auto error = rd_kafka_get_watermark_offsets(rk_, partition.topic.c_str(),
                                                    partition.partition, &low, &high);
  return error == RD_KAFKA_RESP_ERR_NO_ERROR ? high : -1;
}

std::map<TopicPartition, std::int64_t> RdkafkaSource::high_watermarks() const {
  std::map<TopicPartition, std::int64_t> marks;
  for (const TopicPartition& each : ours_)
    if (const std::int64_t mark = high_watermark(each); mark >= 0) marks[each] = mark;
  return marks;
}

// The group

void RdkafkaSource::on_rebalance(rd_kafka_t*, rd_kafka_resp_err_t error,
                                 rd_kafka_topic_partition_list_t* partitions, void* self) {
  auto& source = *static_cast<RdkafkaSource*>(self);
  if (error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
    source.assign(partitions);
  else
    source.give_up(partitions);
}

void RdkafkaSource::assign(rd_kafka_topic_partition_list_t* partitions) {
  Assigned assigned;
  for (const auto& each : std::span(partitions->elems, static_cast<std::size_t>(partitions->cnt)))
    assigned.partitions.push_back({each.topic, each.partition});
  if (!assigned.partitions.empty()) {
    // librdkafka does not tell topic ids.
    auto topic = Admin(client_, clock_, log_).describe_topic(settings_.topic);
    if (topic)
      assigned.topic_id = topic_id_text(topic->id);
    else
      fatal_ = std::move(topic).error();
  }
  ours_.insert(assigned.partitions.begin(), assigned.partitions.end());
  const auto starts =
      fatal_ ? std::map<TopicPartition, std::int64_t>() : listener_.on_assigned(assigned);
  std::vector<TopicPartition> unknown;
  for (auto& each : std::span(partitions->elems, static_cast<std::size_t>(partitions->cnt))) {
    const TopicPartition partition{each.topic, each.partition};
    const auto start = starts.find(partition);
    if (start != starts.end())
      each.offset = start->second;
    else
      unknown.push_back(partition);
  }
  const List found = list_of(unknown);
  if (!unknown.empty() && !fatal_) find_starts(found);
  for (const auto& each : entries(found))
    if (auto* entry = rd_kafka_topic_partition_list_find(partitions, each.topic, each.partition))
      entry->offset = each.offset;
  if (eager())
    rd_kafka_assign(rk_, partitions);
  else
    finish(rd_kafka_incremental_assign(rk_, partitions));
  if (paused_) pause(true);
}

/// What the group has committed, else the log's start, which is committed: the group's place is
/// known from now on.
void RdkafkaSource::find_starts(const List& list) {
  if (!settings_.reset_offsets) {
    const auto error = rd_kafka_committed(rk_, list.get(), as_ms(kQuestion));
    if (error)
      log_.warn("group {}: offsets not known: {}", settings_.group, rd_kafka_err2str(error));
    if (error) return;  // librdkafka asks again by itself
  }
  for (auto& each : entries(list)) {
    if (each.offset >= 0) {
      committed_[{each.topic, each.partition}] = each.offset;
      continue;
    }
    std::int64_t low = 0, high = 0;
    const auto error = rd_kafka_query_watermark_offsets(rk_, each.topic, each.partition, &low,
                                                        &high, as_ms(kQuestion));
    each.offset = error ? RD_KAFKA_OFFSET_BEGINNING : low;
    if (!error) wanted_[{each.topic, each.partition}] = low;
  }
}

void RdkafkaSource::give_up(rd_kafka_topic_partition_list_t* partitions) {
  std::vector<TopicPartition> gone;
  for (const auto& each : std::span(partitions->elems, static_cast<std::size_t>(partitions->cnt)))
    gone.push_back({each.topic, each.partition});
  for (const TopicPartition& each : gone) given_.erase(each);
  if (rd_kafka_assignment_lost(rk_)) {
    log_.warn("group {}: has gone on without us; {} partitions of {} are lost", settings_.group,
              gone.size(), settings_.topic);
    listener_.on_lost(gone);
    for (const TopicPartition& each : gone) wanted_.erase(each);
  } else {
    listener_.on_revoked(gone);
    commit_now(true);
  }
  for (const TopicPartition& each : gone) {
    ours_.erase(each);
    gathered_.erase(each);
    if (!closing_) committed_.erase(each);  // what was confirmed last is told to the end
    wanted_.erase(each);
  }
  if (eager())
    rd_kafka_assign(rk_, nullptr);
  else
    finish(rd_kafka_incremental_unassign(rk_, partitions));
}

bool RdkafkaSource::eager() const {
  return std::string_view(rd_kafka_rebalance_protocol(rk_)) == "EAGER";
}

void RdkafkaSource::finish(rd_kafka_error_t* error) {
  if (!error) return;
  log_.warn("librdkafka: {}", rd_kafka_error_string(error));
  rd_kafka_error_destroy(error);
}

// Commits

void RdkafkaSource::commit(const std::map<TopicPartition, std::int64_t>& next_offsets) {
  for (const auto& [partition, offset] : next_offsets)
    if (ours_.contains(partition)) wanted_[partition] = offset;
}

void RdkafkaSource::commit_now(bool wait) {
  if (wanted_.empty() || (committing_ && !wait)) return;
  std::vector<TopicPartition> partitions;
  for (const auto& [partition, offset] : wanted_) partitions.push_back(partition);
  const List list = list_of(partitions);
  for (auto& each : entries(list)) each.offset = wanted_[{each.topic, each.partition}];
  wanted_.clear();
  const auto error = rd_kafka_commit(rk_, list.get(), wait ? 0 : 1);
  if (wait)
    on_commit(rk_, error, list.get(), this);
  else
    committing_ = error == RD_KAFKA_RESP_ERR_NO_ERROR;
}

void RdkafkaSource::on_commit(rd_kafka_t*, rd_kafka_resp_err_t error,
                              rd_kafka_topic_partition_list_t* offsets, void* self) {
  auto& source = *static_cast<RdkafkaSource*>(self);
  source.committing_ = false;
  if (!offsets) return;
  for (const auto& each : std::span(offsets->elems, static_cast<std::size_t>(offsets->cnt))) {
    const TopicPartition partition{each.topic, each.partition};
    if (!source.ours_.contains(partition) || each.offset < 0) continue;
    if (error || each.err)
      source.wanted_.try_emplace(partition, each.offset);  // a newer one stays
    else
      source.committed_[partition] = each.offset;
  }
}

void RdkafkaSource::close(Nanos /*deadline*/) {
  if (!rk_ || closed_) return;
  closing_ = true;
  // Revokes by the callback, commits, leaves.
  if (const auto error = rd_kafka_consumer_close(rk_))
    log_.warn("group {}: {}", settings_.group, rd_kafka_err2str(error));
  closed_ = true;
}

void RdkafkaSource::on_error(rd_kafka_t* rk, int error, const char* reason, void* self) {
  auto& source = *static_cast<RdkafkaSource*>(self);
  source.log_.debug("librdkafka: {}", reason);
  if (error != RD_KAFKA_RESP_ERR__FATAL) return;
  char why[512] = "";
  rd_kafka_fatal_error(rk, why, sizeof why);
  source.fatal_ = Error{.code = ErrorCode::kRefused, .message = fmt::format("librdkafka: {}", why)};
}

void RdkafkaSource::on_log(const rd_kafka_t* rk, int /*level*/, const char* facility,
                           const char* line) {
  auto* source = static_cast<RdkafkaSource*>(rd_kafka_opaque(rk));
  if (source) source->log_.debug("librdkafka: {}: {}", facility, line);
}

}  // namespace

Result<std::unique_ptr<Source>> make_rdkafka_source(const ClientSettings& client,
                                                    const ConsumerSettings& consumer,
                                                    AssignmentListener& listener,
                                                    const Clock& clock, Log& log) {
  auto source = std::make_unique<RdkafkaSource>(client, consumer, listener, clock, log);
  const Status started = source->start();
  if (!started) return started.error();
  return std::unique_ptr<Source>(std::move(source));
}

}  // namespace ds::kafka
