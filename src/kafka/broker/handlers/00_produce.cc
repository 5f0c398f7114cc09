// Produce: one record batch a partition, checked as a whole, appended as it came.
#include <atomic>
#include <limits>
#include <memory>

#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {
namespace {

struct Judged {
  KafkaError error = KafkaError::kNone;
  std::string why = {};
  BatchHeader header = {};
};

/// All that is asked of a batch; none of its records is looked at.
Judged judge(const Topic& topic, ByteView batch) {
  if (batch.empty()) return {KafkaError::kInvalidRecord, "there is no record batch"};
  const auto header = BatchHeader::read(batch);
  if (!header) return {KafkaError::kCorruptMessage, header.error().message};
  if (header->size() < batch.size())
    return {KafkaError::kInvalidRecord, "one record batch a partition is allowed"};
  if (const auto sound = header->verify(batch); !sound)
    return {KafkaError::kCorruptMessage, sound.error().message};
  if (header->record_count < 1 || header->last_offset_delta != header->record_count - 1)
    return {KafkaError::kInvalidRecord, "the batch's record count and offsets disagree"};
  if (header->log_append_time())
    return {KafkaError::kInvalidTimestamp, "only the broker may say that a time is its own"};
  if (header->transactional() || header->control())
    return {KafkaError::kInvalidRecord, "this broker has no transactions"};
  const std::int64_t size_max = topic.config("max.message.bytes", 100 << 20);
  if (static_cast<std::int64_t>(batch.size()) > size_max)
    return {KafkaError::kMessageTooLarge, fmt::format("the topic allows {} bytes", size_max)};
  return {KafkaError::kNone, {}, *header};
}

/// Whether some batch can only be settled by appending it.
bool needs_room(const Call& call, const ProduceRequest& request) {
  for (const auto& [name, partitions] : request.topic_data) {
    if (has_reserve(name) || !call.may(Operation::kWrite, Resource::kTopic, name)) continue;
    const auto topic = call.core.topics->find(name);
    for (const auto& [index, records] : partitions) {
      const auto header = BatchHeader::read(records ? records->bytes : ByteView{});
      if (!header) continue;
      if (!topic) return true;
      Partition* partition = topic->partition(index);
      if (partition && !partition->settle(*header)) return true;
    }
  }
  return false;
}

/// Sends the answer when the last of its partitions has been synced.
struct SyncedAnswer {
  Answer answer;
  ProduceResponse response;
  std::atomic<std::size_t> left = 0;

  void done() {
    if (--left == 0) answer.send(response);
  }
};

}  // namespace

void handle_produce(Call& call, ProduceRequest& request) {
  Core& core = call.core;
  const bool full = !core.pressure.has_room();
  // Without an answer there is no way to send it back, so it waits for as long as it takes.
  const Nanos hold_max =
      request.acks == 0 ? std::numeric_limits<Nanos>::max() : core.settings.hold_max;
  if (full && needs_room(call, request) && call.connection.hold(hold_max)) return;
  const bool bad_acks = request.acks < -1 || request.acks > 1;
  auto reply = std::make_shared<SyncedAnswer>();
  std::vector<std::pair<std::shared_ptr<Partition>, ProduceResponse::Partition*>> appended;
  reply->response.responses.reserve(request.topic_data.size());
  bool all_stored = true;

  for (auto& [name, partitions] : request.topic_data) {
    std::shared_ptr<const Topic> topic;
    const bool allowed = call.may(Operation::kWrite, Resource::kTopic, name);
    const Refusal refusal =
        !allowed ? Refusal{KafkaError::kTopicAuthorizationFailed, "you may not write to this topic"}
                 : core.find_or_create(name, call.may_create(name), topic);
    auto& told = reply->response.responses.emplace_back();
    told.name = name;
    told.partition_responses.reserve(partitions.size());
    const Clock* const append_time = topic && topic->log_append_time() ? &core.clock : nullptr;
    for (const auto& [index, records] : partitions) {
      auto& answer = told.partition_responses.emplace_back();
      answer.index = index;
      answer.base_offset = -1;
      const auto refuse = [&](KafkaError error, std::string why) {
        answer.error_code = error;
        if (!why.empty()) answer.error_message = std::move(why);
        all_stored = false;
      };
      if (bad_acks) {
        refuse(KafkaError::kInvalidRequiredAcks, "acks is -1, 0 or 1");
        continue;
      }
      if (request.transactional_id) {
        refuse(KafkaError::kTransactionalIdAuthorizationFailed, "this broker has no transactions");
        continue;
      }
      if (!topic) {
        refuse(refusal.code, refusal.message);
        continue;
      }
      Partition* partition = topic->partition(index);
      if (!partition) {
        refuse(KafkaError::kUnknownTopicOrPartition, "there is no such partition");
        continue;
      }
      const ByteView batch = records ? records->bytes : ByteView{};
      Judged judged = judge(*topic, batch);
      if (judged.error != KafkaError::kNone) {
        refuse(judged.error, std::move(judged.why));
        continue;
      }
      // The records are views of the frame, which is ours to write to.
      const auto at = static_cast<std::size_t>(batch.data() - call.body.data());
      const bool refuse_room = full && !has_reserve(name);
      const auto result =
          refuse_room
              ? partition->settle_or_refuse(judged.header)
              : partition->append(judged.header, call.body.subspan(at, batch.size()), append_time);
      answer.log_start_offset = result.start_offset;
      if (result.error != KafkaError::kNone) {
        refuse(result.error, result.error == KafkaError::kNotEnoughReplicas
                                 ? "the broker is full of what its groups have not read yet"
                                 : "");
        continue;
      }
      answer.base_offset = result.base_offset;
      answer.log_append_time_ms = result.append_time_ms;
      core.counters.records_in += static_cast<std::uint64_t>(judged.header.record_count);
      core.counters.bytes_in += batch.size();
      core.pressure.spend(batch.size());
      if (core.wait_for_sync())
        appended.emplace_back(topic->partitions[static_cast<std::size_t>(index)], &answer);
    }
  }
  if (request.acks == 0) {
    // Nobody hears of an error but by this; as Kafka does.
    if (!all_stored) call.connection.refuse("a batch sent with acks=0 could not be stored");
    return call.answer.none();
  }
  reply->answer = call.answer;
  if (appended.empty()) return call.answer.send(reply->response);
  reply->left = appended.size();
  for (auto& [partition, answer] : appended)
    core.syncer->when_synced(std::move(partition), [reply, answer = answer](bool stored) {
      if (!stored) {
        answer->error_code = KafkaError::kKafkaStorageError;
        answer->base_offset = -1;
        answer->log_append_time_ms = -1;
      }
      reply->done();
    });
}

}  // namespace ds::kafka::broker
