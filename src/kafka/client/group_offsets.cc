#include "kafka/client/group_offsets.h"

#include <algorithm>

#include "kafka/wire/messages/08_offset_commit.h"
#include "kafka/wire/messages/09_offset_fetch.h"

namespace ds::kafka {
namespace {

enum : std::uint64_t { kLookUpTag, kCommitTag };

}  // namespace

void GroupOffsets::look_up(const std::vector<TopicPartition>& partitions) {
  for (const TopicPartition& each : partitions)
    if (std::find(wanted_.begin(), wanted_.end(), each) == wanted_.end()) wanted_.push_back(each);
}

void GroupOffsets::commit(const std::map<TopicPartition, std::int64_t>& next_offsets) {
  for (const auto& [partition, offset] : next_offsets) pending_[partition] = offset;
}

void GroupOffsets::forget(const std::vector<TopicPartition>& partitions) {
  for (const TopicPartition& each : partitions) {
    pending_.erase(each);
    sent_.erase(each);
    committed_.erase(each);
    found_.erase(each);
    std::erase(wanted_, each);
  }
}

void GroupOffsets::turn(Nanos now) {
  if (idle()) return coordinator_.expire(now);
  Connection* const to = coordinator_.connection(now);
  if (!to) return;
  if (!wanted_.empty() && !looking_) send_look_up(*to, now);
  if (to->ready() && !pending_.empty() && !committing_ && !outdated_) send_commit(*to, now);
  to->flush();
}

void GroupOffsets::send_look_up(Connection& to, Nanos now) {
  OffsetFetchRequest request{.group_id = coordinator_.group(), .topics = {{}}};
  std::map<std::string, std::vector<std::int32_t>> topics;
  for (const auto& [topic, partition] : wanted_) topics[topic].push_back(partition);
  for (auto& [topic, partitions] : topics) {
    auto& asked = request.topics->emplace_back();
    asked.name = topic;
    asked.partition_indexes = std::move(partitions);
  }
  const Status asked = to.ask(
      request, {.listener = this, .tag = kLookUpTag, .deadline = now + settings_.request_timeout});
  if (!asked) return to.close(asked.error());
  looking_ = true;
}

void GroupOffsets::send_commit(Connection& to, Nanos now) {
  OffsetCommitRequest request;
  request.group_id = coordinator_.group();
  request.generation_id_or_member_epoch = membership_.generation;
  request.member_id = membership_.member;
  request.group_instance_id = membership_.instance;
  for (const auto& [partition, offset] : pending_) {
    if (request.topics.empty() || request.topics.back().name != partition.topic)
      request.topics.emplace_back().name = partition.topic;
    request.topics.back().partitions.push_back(
        {.partition_index = partition.partition, .committed_offset = offset});
  }
  const Status asked = to.ask(
      request, {.listener = this, .tag = kCommitTag, .deadline = now + settings_.request_timeout});
  if (!asked) return to.close(asked.error());
  sent_ = std::exchange(pending_, {});
  sent_as_ = membership_;
  committing_ = true;
}

void GroupOffsets::on_answer(std::uint64_t tag, ByteView body, const FrameOwner& /*frame*/) {
  if (tag == kLookUpTag) return on_found(body);
  on_committed(body);
}

void GroupOffsets::on_found(ByteView body) {
  looking_ = false;
  const Nanos now = clock_.now();
  const Connection* const from = coordinator_.connection(now);
  const auto answer = decode<OffsetFetchResponse>(
      body, from ? from->version_of(OffsetFetchRequest::api).value() : 1);
  if (!answer || answer->error_code != KafkaError::kNone) return coordinator_.ask_again(now);
  for (const auto& topic : answer->topics) {
    for (const auto& each : topic.partitions) {
      const TopicPartition partition{topic.name, each.partition_index};
      // Still loading, or a transaction that is open: wanted_ keeps it.
      if (each.error_code != KafkaError::kNone) return coordinator_.ask_again(now);
      if (std::erase(wanted_, partition) == 0) continue;
      found_[partition] = each.committed_offset;
      if (each.committed_offset >= 0) committed_[partition] = each.committed_offset;
    }
  }
}

void GroupOffsets::on_committed(ByteView body) {
  committing_ = false;
  const Nanos now = clock_.now();
  const Connection* const from = coordinator_.connection(now);
  const auto answer = decode<OffsetCommitResponse>(
      body, from ? from->version_of(OffsetCommitRequest::api).value() : 2);
  KafkaError error = KafkaError::kNone;
  if (answer) {
    for (const auto& topic : answer->topics) {
      for (const auto& each : topic.partitions) {
        const TopicPartition partition{topic.name, each.partition_index};
        if (each.error_code != KafkaError::kNone) {
          error = each.error_code;
        } else if (const auto sent = sent_.find(partition); sent != sent_.end()) {
          committed_[partition] = sent->second;
          sent_.erase(sent);
        }
      }
    }
  }
  const bool moved_on = error == KafkaError::kIllegalGeneration ||
                        error == KafkaError::kUnknownMemberId ||
                        error == KafkaError::kRebalanceInProgress;
  if (answer && moved_on && membership_.generation >= 0) {
    // An answer to what we were before says nothing about what we are: it goes again, newly signed.
    // Else what is still ours in the next generation is committed then.
    if (sent_as_ == membership_) outdated_ = true;
    return commit_again();
  }
  if (answer && (error == KafkaError::kNone || !is_retriable(error))) {
    // The group forbids it: best effort, and whoever owns the partition now reads from the last
    // commit.
    if (error != KafkaError::kNone)
      log_.warn("group {}: offsets not committed: {}", coordinator_.group(),
                describe(error).sentence);
    return sent_.clear();
  }
  commit_again();
  coordinator_.ask_again(now);
}

void GroupOffsets::commit_again() {
  for (const auto& [partition, offset] : std::exchange(sent_, {}))
    pending_.try_emplace(partition, offset);  // a newer one stays
}

void GroupOffsets::on_lost(std::uint64_t tag, bool /*sent*/, const Error& /*why*/) {
  if (tag == kLookUpTag) {
    looking_ = false;
  } else {
    committing_ = false;
    commit_again();
  }
}

}  // namespace ds::kafka
