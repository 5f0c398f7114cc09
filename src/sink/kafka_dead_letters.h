// Dead letters in Kafka: for each topic T a topic T.dlq of one partition, made when the first
// letter comes, written with acks=all by the direct client.
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "base/log.h"
#include "kafka/client/admin.h"
#include "sink/dead_letters.h"

namespace ds {

/// Threads: any; one after the other.
/// Lifetime: borrows clock and log.
class KafkaDeadLetters final : public DeadLetters {
 public:
  KafkaDeadLetters(const kafka::ClientSettings& settings, const Clock& clock, Log& log)
      : settings_(settings), clock_(clock), log_(log) {}

  /// A letter that the topic finds too large goes with the beginning of its value only, and says so
  /// in a header. One that two sinks put is written once.
  Status put(std::span<const DeadLetter> letters) override;

 private:
  static constexpr std::size_t kRemembered = 1 << 16;

  Status put_in(const std::string& topic, std::span<const DeadLetter* const> letters);
  Status produce(const std::string& topic, std::span<const DeadLetter* const> letters,
                 std::size_t value_bytes_max);
  bool is_written(const DeadLetter& letter) const;
  void remember(const DeadLetter& letter);

  const kafka::ClientSettings settings_;
  const Clock& clock_;
  Log& log_;
  std::mutex mutex_;
  std::optional<kafka::Admin> admin_;  // made for the first letter
  std::set<std::string> topics_;       // that are there
  using Key = std::tuple<kafka::TopicPartition, std::int64_t, int>;
  std::set<Key> written_;
  std::deque<std::set<Key>::iterator> order_;
};

}  // namespace ds
