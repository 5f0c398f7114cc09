#include "sink/dead_letters.h"

#include <algorithm>

#include "base/whole_number.h"
#include "ledger/read_tweets.h"

namespace ds {
namespace {

template <typename Number>
bool read_number(const std::optional<ByteView>& value, Number& into) {
  const auto number = value ? whole_number<Number>(as_text(*value)) : std::nullopt;
  if (number) into = *number;
  return number.has_value();
}

bool is_ours(std::string_view header) {
  constexpr std::string_view kOurs[] = {kLetterTopic,      kLetterPartition, kLetterOffset,
                                        kLetterLastOffset, kLetterTimestamp, kLetterError,
                                        kLetterAttempts,   kLetterCut};
  return std::ranges::find(kOurs, header) != std::end(kOurs);
}

std::optional<ByteVec> copy_of(const std::optional<ByteView>& bytes) {
  if (!bytes) return std::nullopt;
  return ByteVec(bytes->begin(), bytes->end());
}

}  // namespace

std::optional<Origin> origin_of(const kafka::RecordView& letter) {
  Origin origin;
  bool topic = false, partition = false, offset = false;
  kafka::HeaderReader headers(letter);
  // The last of a name counts: ours stand behind those that the record had itself.
  while (const auto header = headers.next()) {
    if (header->key == kLetterTopic && header->value) {
      origin.from.topic = as_text(*header->value);
      topic = true;
    } else if (header->key == kLetterPartition) {
      partition = read_number(header->value, origin.from.partition);
    } else if (header->key == kLetterOffset) {
      offset = read_number(header->value, origin.offset);
    } else if (header->key == kLetterAttempts) {
      if (!read_number(header->value, origin.attempts)) origin.attempts = 0;
    }
  }
  if (!topic || !partition || !offset) return std::nullopt;
  return origin;
}

kafka::RecordView before_letter(kafka::RecordView letter) {
  kafka::HeaderReader headers(letter);
  std::int64_t timestamp = 0;
  while (const auto header = headers.next())
    if (header->key == kLetterTimestamp && read_number(header->value, timestamp))
      letter.timestamp = timestamp;
  return letter;
}

void LetterTray::add(const Origin& origin, const kafka::RecordView& record, std::string_view why) {
  DeadLetter letter{.from = origin.from,
                    .offset = origin.offset,
                    .last_offset = origin.offset,
                    .attempts = origin.attempts + 1,
                    .error = std::string(why),
                    .timestamp = record.timestamp,
                    .key = copy_of(record.key),
                    .value = copy_of(record.value)};
  kafka::HeaderReader headers(record);
  while (const auto header = headers.next())
    if (origin.attempts == 0 || !is_ours(header->key))
      letter.headers.emplace_back(std::string(header->key), copy_of(header->value));
  letters_.push_back(std::move(letter));
}

void LetterTray::add(const Origin& origin, const Undecodable& what) {
  if (what.record != nullptr) return add(origin, *what.record, what.why);
  letters_.push_back({.from = origin.from,
                      .offset = what.first_offset,
                      .last_offset = what.last_offset,
                      .attempts = origin.attempts + 1,
                      .error = std::string(what.why),
                      .value = ByteVec(what.bytes.begin(), what.bytes.end())});
}

Status LetterTray::send() {
  if (letters_.empty()) return Done{};
  if (to_ != nullptr)
    if (auto put = to_->put(letters_); !put) return put;
  letters_.clear();
  return Done{};
}

}  // namespace ds
