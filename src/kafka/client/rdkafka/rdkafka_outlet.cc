#include "kafka/client/rdkafka/rdkafka_outlet.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <set>
#include <span>
#include <vector>

#include "kafka/client/rdkafka/rdkafka_settings.h"
#include "kafka/client/slot_pool.h"
#include "kafka/wire/error_codes.h"
#include "kafka/wire/record_batch.h"

namespace ds::kafka {
namespace {

int as_ms(Nanos time) {
  return static_cast<int>(std::clamp<Nanos>(time / kMillisecond, 0, 1 << 30));
}

/// A slot's batch, counted down by delivery reports.
struct Batch {
  OutBatch out;
  std::uint32_t slot = 0;
  std::uint32_t left = 0;
  std::uint32_t stored = 0;
  std::uint32_t not_stored = 0;
  std::int64_t base_offset = -1;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
};

class RdkafkaOutlet final : public Outlet {
 public:
  RdkafkaOutlet(const ClientSettings& client, const ProducerSettings& settings,
                DeliveryListener& listener, const Clock& clock, Log& log)
      : client_(client),
        settings_(settings),
        listener_(listener),
        clock_(clock),
        log_(log),
        slots_(settings.batch_bytes_max,
               std::max<std::size_t>(2, settings.buffer_memory / settings.batch_bytes_max)),
        batches_(slots_.size()) {}
  ~RdkafkaOutlet() override {
    if (topic_) rd_kafka_topic_destroy(topic_);
    if (rk_) rd_kafka_destroy(rk_);
  }

  Status start();
  std::optional<Slot> reserve(std::int32_t partition, std::size_t bytes_max) override;
  void submit(const Slot& slot, const OutBatch& out) override;
  void turn(Nanos timeout) override { rd_kafka_poll(rk_, as_ms(timeout)); }
  void end_transaction(bool commit) override;
  std::size_t pending() const override { return pending_; }
  void close(Nanos deadline) override;

 private:
  Error start_error(rd_kafka_resp_err_t error) const;
  Status start_transactions();
  void begin_transaction();
  bool transactional() const { return !settings_.transactional_id.empty(); }
  void ask_last_question(Nanos deadline);
  void produce(Batch& batch, std::vector<rd_kafka_message_t>& messages);
  void produce_whole(Batch& batch, const RecordView& record);
  void count(Batch& batch, rd_kafka_resp_err_t error, rd_kafka_msg_status_t status);
  void finish(Batch& batch);
  static void on_report(rd_kafka_t*, const rd_kafka_message_t* message, void* self);
  static void on_error(rd_kafka_t*, int error, const char* reason, void* self);
  static void on_log(const rd_kafka_t* rk, int level, const char* facility, const char* line);

  const ClientSettings client_;
  const ProducerSettings settings_;
  DeliveryListener& listener_;
  const Clock& clock_;
  Log& log_;
  SlotPool slots_;
  std::vector<Batch> batches_;  // by slot
  std::vector<rd_kafka_message_t> messages_;
  ByteVec scratch_;
  rd_kafka_t* rk_ = nullptr;
  rd_kafka_topic_t* topic_ = nullptr;
  std::size_t pending_ = 0;
  bool in_transaction_ = false;
  std::vector<OutBatch> undecided_;  // of the transaction: stored, neither committed nor aborted
  rd_kafka_resp_err_t last_error_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string last_reason_;
};

Status RdkafkaOutlet::start() {
  char reason[512] = "";
  auto configured = rdkafka_conf(rdkafka_properties(client_, settings_));
  if (!configured) return std::move(configured).error();
  rd_kafka_conf_t* const conf = *configured;
  rd_kafka_conf_set_opaque(conf, this);
  rd_kafka_conf_set_dr_msg_cb(conf, &on_report);
  rd_kafka_conf_set_error_cb(conf, &on_error);
  rd_kafka_conf_set_log_cb(conf, &on_log);
  rk_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
  if (!rk_) {
    rd_kafka_conf_destroy(conf);
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("librdkafka cannot start: {}", reason)};
  }
  if (client_.security.sasl == SaslMechanism::kOther) make_tokens_in_background(rk_);
  topic_ = rd_kafka_topic_new(rk_, settings_.topic.c_str(), nullptr);
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto error = rd_kafka_metadata(rk_, 0, topic_, &metadata, as_ms(client_.connect_timeout));
  if (metadata) rd_kafka_metadata_destroy(metadata);
  rd_kafka_poll(rk_, 0);  // lets on_error tell why
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return start_error(error);
  return transactional() ? start_transactions() : Done{};
}

/// The error of a call that returns one; frees it.
struct Trouble {
  explicit Trouble(rd_kafka_error_t* of) {
    if (of == nullptr) return;
    code = rd_kafka_error_code(of);
    words = rd_kafka_error_string(of);
    abortable = rd_kafka_error_txn_requires_abort(of) != 0;
    retriable = rd_kafka_error_is_retriable(of) != 0;
    rd_kafka_error_destroy(of);
  }
  bool ok() const { return code == RD_KAFKA_RESP_ERR_NO_ERROR; }
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string words;
  bool abortable = false, retriable = false;
};

Status RdkafkaOutlet::start_transactions() {
  const Trouble trouble(rd_kafka_init_transactions(rk_, as_ms(client_.request_timeout)));
  if (trouble.ok()) return Done{};
  const bool refused = trouble.code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED ||
                       trouble.code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE;
  if (refused)
    return Error{
        .code = ErrorCode::kUsage,
        .message = fmt::format("this cluster takes no transactions of ours: {}", trouble.words),
        .hint =
            "the embedded broker has none; Apache Kafka needs a user with the right to "
            "the transactional id " +
            settings_.transactional_id};
  return Error{.code = ErrorCode::kUnreachable,
               .message = fmt::format("transactions cannot be begun: {}", trouble.words)};
}

void RdkafkaOutlet::begin_transaction() {
  if (!transactional() || in_transaction_) return;
  const Trouble trouble(rd_kafka_begin_transaction(rk_));
  if (!trouble.ok()) log_.error("a transaction could not be begun: {}", trouble.words);
  in_transaction_ = true;  // what is produced into none fails, and is counted so
}

void RdkafkaOutlet::end_transaction(bool commit) {
  if (!in_transaction_) return;
  const int patience = as_ms(settings_.delivery_timeout);
  // Committing flushes; so does this, because an abort would purge what is still queued.
  rd_kafka_flush(rk_, patience);
  Outcome outcome = commit ? Outcome::kAcknowledged : Outcome::kAborted;
  const Nanos deadline = clock_.now() + settings_.delivery_timeout;
  const auto until_decided = [&](auto&& call) {
    Trouble trouble(call());
    while (!trouble.ok() && trouble.retriable && clock_.now() < deadline) trouble = Trouble(call());
    return trouble;
  };
  if (commit) {
    const Trouble trouble =
        until_decided([&] { return rd_kafka_commit_transaction(rk_, patience); });
    if (!trouble.ok()) {
      log_.error("a transaction was not committed: {}", trouble.words);
      outcome = trouble.abortable ? Outcome::kFailed : Outcome::kUnknown;
      commit = !trouble.abortable;
    }
  }
  if (!commit) {
    const Trouble trouble =
        until_decided([&] { return rd_kafka_abort_transaction(rk_, patience); });
    if (!trouble.ok()) {
      log_.error("a transaction was not aborted: {}", trouble.words);
      outcome = Outcome::kUnknown;
    }
  }
  in_transaction_ = false;
  const Nanos now = clock_.now();
  for (const OutBatch& each : std::exchange(undecided_, {}))
    listener_.on_delivery(each, {.outcome = outcome, .at = now});
}

Error RdkafkaOutlet::start_error(rd_kafka_resp_err_t error) const {
  const bool refused = last_error_ == RD_KAFKA_RESP_ERR__AUTHENTICATION;
  const std::string reason = last_reason_.empty() ? rd_kafka_err2str(error) : last_reason_;
  const std::string warning =
      scram_warning(rd_kafka_version(), rd_kafka_version_str(), client_.security.sasl);
  return {.code = refused ? ErrorCode::kRefused : ErrorCode::kUnreachable,
          .message = reason,
          .hint = refused && !warning.empty() ? warning
                  : refused                   ? "check user, password and SASL mechanism"
                            : "start one with `datastorm broker`, or name yours with --brokers"};
}

std::optional<Outlet::Slot> RdkafkaOutlet::reserve(std::int32_t /*partition*/,
                                                   std::size_t bytes_max) {
  check(bytes_max <= slots_.slot_bytes(), "a batch larger than batch_bytes_max");
  const auto slot = slots_.take();
  if (!slot) return std::nullopt;
  return Slot{.bytes = slots_.bytes(*slot), .index = *slot};
}

void RdkafkaOutlet::submit(const Slot& slot, const OutBatch& out) {
  if (out.size == 0) return slots_.give_back(slot.index);
  begin_transaction();
  Batch& batch = batches_[slot.index];
  batch = {.out = out, .slot = slot.index};
  ++pending_;
  const ByteView bytes = slots_.bytes(slot.index).first(out.size);
  const BatchHeader header = BatchHeader::read(bytes).value();
  // One more than there are records, until all are handed over: reports may come meanwhile.
  batch.left = static_cast<std::uint32_t>(header.record_count) + 1;
  messages_.clear();
  RecordReader records({header, bytes}, scratch_);
  while (const auto record = records.next()) {
    if (record->header_count > 0 || settings_.timestamps_each) {
      produce_whole(batch, *record);
      continue;
    }
    // Neither copied nor freed by librdkafka: the slot stays ours until every report is in.
    rd_kafka_message_t& message = messages_.emplace_back();
    message = {};
    message._private = &batch;
    if (record->value) {
      message.payload = const_cast<std::uint8_t*>(record->value->data());
      message.len = record->value->size();
    }
    if (record->key) {
      message.key = const_cast<std::uint8_t*>(record->key->data());
      message.key_len = record->key->size();
    }
  }
  check(records.status().ok(), "a batch that was submitted cannot be walked");
  produce(batch, messages_);
  if (--batch.left == 0) finish(batch);
}

void RdkafkaOutlet::produce(Batch& batch, std::vector<rd_kafka_message_t>& messages) {
  const Nanos deadline = clock_.now() + settings_.delivery_timeout;
  while (!messages.empty()) {
    rd_kafka_produce_batch(topic_, batch.out.partition, 0, messages.data(),
                           static_cast<int>(messages.size()));
    const bool patient = clock_.now() < deadline;
    std::size_t kept = 0;
    for (const rd_kafka_message_t& message : messages) {
      if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
      if (message.err == RD_KAFKA_RESP_ERR__QUEUE_FULL && patient) {
        messages[kept++] = message;
      } else {
        count(batch, message.err, RD_KAFKA_MSG_STATUS_NOT_PERSISTED);
      }
    }
    messages.resize(kept);
    if (kept > 0) rd_kafka_poll(rk_, 5);
  }
}

void RdkafkaOutlet::produce_whole(Batch& batch, const RecordView& record) {
  // One whole with what a batch's messages cannot have: headers, and a timestamp of its own.
  rd_kafka_headers_t* headers = rd_kafka_headers_new(static_cast<std::size_t>(record.header_count));
  HeaderReader reader(record);
  while (const auto header = reader.next()) {
    rd_kafka_header_add(headers, header->key.data(), static_cast<ssize_t>(header->key.size()),
                        header->value ? header->value->data() : nullptr,
                        header->value ? static_cast<ssize_t>(header->value->size()) : 0);
  }
  const auto data = [](const std::optional<ByteView>& bytes) {
    return bytes ? const_cast<std::uint8_t*>(bytes->data()) : nullptr;
  };
  const auto size = [](const std::optional<ByteView>& bytes) {
    return bytes ? bytes->size() : std::size_t{0};
  };
  const Nanos deadline = clock_.now() + settings_.delivery_timeout;
  while (true) {
    const auto error =
        rd_kafka_producev(rk_, RD_KAFKA_V_RKT(topic_), RD_KAFKA_V_PARTITION(batch.out.partition),
                          RD_KAFKA_V_TIMESTAMP(record.timestamp), RD_KAFKA_V_MSGFLAGS(0),
                          RD_KAFKA_V_VALUE(data(record.value), size(record.value)),
                          RD_KAFKA_V_KEY(data(record.key), size(record.key)),
                          RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(&batch), RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;  // the headers are librdkafka's now
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL || clock_.now() >= deadline) {
      rd_kafka_headers_destroy(headers);
      return count(batch, error, RD_KAFKA_MSG_STATUS_NOT_PERSISTED);
    }
    rd_kafka_poll(rk_, 5);
  }
}

void RdkafkaOutlet::on_report(rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
  auto& outlet = *static_cast<RdkafkaOutlet*>(self);
  Batch& batch = *static_cast<Batch*>(message->_private);
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset >= 0 &&
      (batch.base_offset < 0 || message->offset < batch.base_offset))
    batch.base_offset = message->offset;
  outlet.count(batch, message->err, rd_kafka_message_status(message));
}

void RdkafkaOutlet::count(Batch& batch, rd_kafka_resp_err_t error, rd_kafka_msg_status_t status) {
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++batch.stored;
  } else {
    batch.error = error;
    if (status == RD_KAFKA_MSG_STATUS_NOT_PERSISTED) ++batch.not_stored;
  }
  if (--batch.left == 0) finish(batch);
}

void RdkafkaOutlet::finish(Batch& batch) {
  --pending_;
  const OutBatch out = batch.out;
  Delivery delivery{.base_offset = batch.base_offset, .at = clock_.now()};
  const bool all_stored = batch.error == RD_KAFKA_RESP_ERR_NO_ERROR;
  const bool none_stored = batch.stored == 0 && batch.not_stored == out.records;
  if (all_stored || !none_stored) {
    delivery.outcome = Outcome::kWritten;
    if (settings_.acks != Acks::kNone || all_stored) listener_.on_delivery(out, delivery);
  }
  slots_.give_back(batch.slot);
  if (all_stored) {
    if (settings_.acks == Acks::kNone) return;
    if (transactional()) return undecided_.push_back(out);
    delivery.outcome = Outcome::kAcknowledged;
  } else {
    // acks=0 knows written and failed only.
    const bool failed = none_stored || settings_.acks == Acks::kNone;
    delivery.outcome = failed ? Outcome::kFailed : Outcome::kUnknown;
    // Local errors are negative and have no number of Kafka's.
    delivery.error = batch.error > 0 ? static_cast<std::int16_t>(batch.error)
                                     : static_cast<std::int16_t>(KafkaError::kRequestTimedOut);
  }
  listener_.on_delivery(out, delivery);
}

void RdkafkaOutlet::close(Nanos deadline) {
  if (in_transaction_) end_transaction(false);  // nobody has ended it
  rd_kafka_flush(rk_, as_ms(std::max<Nanos>(deadline - clock_.now(), 0)));
  if (settings_.acks == Acks::kNone && pending_ == 0) ask_last_question(deadline);
  if (pending_ == 0) return;
  rd_kafka_purge(rk_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  while (pending_ > 0) rd_kafka_poll(rk_, 10);  // a purge reports every message
}

/// Answers come in order, and librdkafka has one connection to a broker: one that has told where a
/// partition ends has taken (or refused) every batch before.
void RdkafkaOutlet::ask_last_question(Nanos deadline) {
  const auto left = [&] { return as_ms(std::max<Nanos>(deadline - clock_.now(), kMillisecond)); };
  const rd_kafka_metadata_t* metadata = nullptr;
  if (rd_kafka_metadata(rk_, 0, topic_, &metadata, left()) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  std::set<std::int32_t> asked;
  for (const rd_kafka_metadata_topic& topic : std::span(metadata->topics, metadata->topic_cnt)) {
    for (const auto& each : std::span(topic.partitions, topic.partition_cnt)) {
      if (each.leader < 0 || !asked.insert(each.leader).second) continue;
      std::int64_t low = 0, high = 0;
      rd_kafka_query_watermark_offsets(rk_, topic.topic, each.id, &low, &high, left());
    }
  }
  rd_kafka_metadata_destroy(metadata);
}

void RdkafkaOutlet::on_error(rd_kafka_t*, int error, const char* reason, void* self) {
  auto& outlet = *static_cast<RdkafkaOutlet*>(self);
  // "All brokers down" follows the error that says why.
  if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !outlet.last_reason_.empty()) return;
  outlet.last_error_ = static_cast<rd_kafka_resp_err_t>(error);
  outlet.last_reason_ = reason;
  outlet.log_.debug("librdkafka: {}", reason);
}

void RdkafkaOutlet::on_log(const rd_kafka_t* rk, int /*level*/, const char* facility,
                           const char* line) {
  auto* outlet = static_cast<RdkafkaOutlet*>(rd_kafka_opaque(rk));
  if (outlet) outlet->log_.debug("librdkafka: {}: {}", facility, line);
}

}  // namespace

Status check_rdkafka_properties(const ClientSettings& client, const ProducerSettings& producer) {
  auto conf = rdkafka_conf(rdkafka_properties(client, producer));
  if (!conf) return std::move(conf).error();
  rd_kafka_conf_destroy(*conf);
  return Done{};
}

std::string rdkafka_version() {
  return rd_kafka_version_str();
}

Result<std::unique_ptr<Outlet>> make_rdkafka_outlet(const ClientSettings& client,
                                                    const ProducerSettings& producer,
                                                    DeliveryListener& listener, const Clock& clock,
                                                    Log& log) {
  if (producer.idempotent && producer.acks != Acks::kAll) {
    return Error{.code = ErrorCode::kUsage,
                 .message = "idempotent producing needs acks=all",
                 .hint = "add --acks all"};
  }
  auto outlet = std::make_unique<RdkafkaOutlet>(client, producer, listener, clock, log);
  const Status started = outlet->start();
  if (!started) return started.error();
  return std::unique_ptr<Outlet>(std::move(outlet));
}

}  // namespace ds::kafka
