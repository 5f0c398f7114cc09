#include "sink/kafka_dead_letters.h"

#include <map>

namespace ds {
namespace {

constexpr std::size_t kBatchBytes = 512 << 10;  // well below what a topic takes by default
constexpr std::size_t kCutBytes = 64 << 10;

/// The refused record's headers, then ours.
class LetterHeaders {
 public:
  LetterHeaders(const DeadLetter& letter, std::size_t value_bytes) {
    for (const auto& [name, value] : letter.headers)
      headers_.push_back({name, value ? std::optional(ByteView(*value)) : std::nullopt});
    texts_.reserve(8);
    add(kLetterTopic, letter.from.topic);
    add(kLetterPartition, std::to_string(letter.from.partition));
    add(kLetterOffset, std::to_string(letter.offset));
    if (letter.last_offset != letter.offset)
      add(kLetterLastOffset, std::to_string(letter.last_offset));
    if (letter.timestamp != 0) add(kLetterTimestamp, std::to_string(letter.timestamp));
    add(kLetterError, letter.error);
    add(kLetterAttempts, std::to_string(letter.attempts));
    if (letter.value && value_bytes < letter.value->size())
      add(kLetterCut, std::to_string(letter.value->size()));
  }
  std::span<const kafka::RecordBatchBuilder::Header> all() const { return headers_; }

 private:
  void add(std::string_view name, std::string text) {
    texts_.push_back(std::move(text));
    headers_.push_back({name, as_bytes(texts_.back())});
  }
  std::vector<std::string> texts_;
  std::vector<kafka::RecordBatchBuilder::Header> headers_;
};

std::size_t bytes_of(const DeadLetter& letter) {
  std::size_t bytes = 256 + letter.error.size();
  if (letter.key) bytes += letter.key->size();
  if (letter.value) bytes += letter.value->size();
  for (const auto& [name, value] : letter.headers)
    bytes += name.size() + (value ? value->size() : 0) + 8;
  return bytes;
}

}  // namespace

Status KafkaDeadLetters::put(std::span<const DeadLetter> letters) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::vector<const DeadLetter*>> by_topic;
  for (const DeadLetter& letter : letters)
    if (!is_written(letter)) by_topic[letter.from.topic].push_back(&letter);
  for (const auto& [topic, its] : by_topic)
    if (auto put = put_in(topic + std::string(kDeadLetterSuffix), its); !put) {
      // Whatever ails Kafka: the record stays where it is, and is tried again.
      Error error = std::move(put).error();
      error.code = ErrorCode::kTimeout;
      return std::move(error).while_trying("put dead letters into " + topic +
                                           std::string(kDeadLetterSuffix));
    }
  return Done{};
}

Status KafkaDeadLetters::put_in(const std::string& topic,
                                std::span<const DeadLetter* const> letters) {
  if (!admin_) admin_.emplace(settings_, clock_, log_);
  if (!topics_.contains(topic)) {
    if (auto made = admin_->ensure_topic({.name = topic, .partitions = 1}); !made)
      return std::move(made).error();
    topics_.insert(topic);
    log_.warn("dead letters go to {}; the first: {}/{} offset {}: {}", topic,
              letters[0]->from.topic, letters[0]->from.partition, letters[0]->offset,
              letters[0]->error);
  }
  for (std::size_t begin = 0; begin < letters.size();) {
    std::size_t end = begin, bytes = 0;
    while (end < letters.size() && (end == begin || bytes + bytes_of(*letters[end]) <= kBatchBytes))
      bytes += bytes_of(*letters[end++]);
    const auto batch = letters.subspan(begin, end - begin);
    auto produced = produce(topic, batch, SIZE_MAX);
    // Only one that is alone can be too large; what else was refused will be so again.
    if (!produced && batch.size() == 1 && bytes > kCutBytes)
      produced = produce(topic, batch, kCutBytes);
    if (!produced) return produced;
    for (const DeadLetter* letter : batch) remember(*letter);
    begin = end;
  }
  return Done{};
}

Status KafkaDeadLetters::produce(const std::string& topic,
                                 std::span<const DeadLetter* const> letters,
                                 std::size_t value_bytes_max) {
  kafka::RecordBatchBuilder builder({});
  const std::int64_t now = clock_.wall_ms();
  for (const DeadLetter* letter : letters) {
    const LetterHeaders headers(*letter, value_bytes_max);
    kafka::RecordBatchBuilder::Record record{.timestamp = now, .headers = headers.all()};
    if (letter->key) record.key = ByteView(*letter->key);
    if (letter->value)
      record.value =
          ByteView(*letter->value).first(std::min(letter->value->size(), value_bytes_max));
    builder.add(record);
  }
  auto batch = builder.build();
  if (!batch) return std::move(batch).error();
  if (auto offset = admin_->produce_sync(topic, 0, *batch); !offset)
    return std::move(offset).error();
  return Done{};
}

bool KafkaDeadLetters::is_written(const DeadLetter& letter) const {
  return written_.contains({letter.from, letter.offset, letter.attempts});
}

void KafkaDeadLetters::remember(const DeadLetter& letter) {
  const auto [at, is_new] = written_.insert({letter.from, letter.offset, letter.attempts});
  if (!is_new) return;
  order_.push_back(at);
  if (order_.size() <= kRemembered) return;
  written_.erase(order_.front());
  order_.pop_front();
}

}  // namespace ds
