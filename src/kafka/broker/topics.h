// The topic table: names, ids, partitions and settings, kept in the data folder.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/broker/partition.h"
#include "kafka/wire/fields.h"

namespace ds::kafka::broker {

using TopicConfigs = std::map<std::string, std::string>;

/// What is known of a topic at one moment; a change makes a new one that shares the partitions.
struct Topic {
  std::string name;
  Uuid id;
  TopicConfigs configs;  // those that were set, by Kafka's names
  std::vector<std::shared_ptr<Partition>> partitions;

  /// Null for an index that does not exist.
  Partition* partition(std::int32_t index) const {
    const bool exists = index >= 0 && static_cast<std::size_t>(index) < partitions.size();
    return exists ? partitions[static_cast<std::size_t>(index)].get() : nullptr;
  }
  /// A number among the configs, or `otherwise`.
  std::int64_t config(std::string_view name, std::int64_t otherwise) const;
  bool compacted() const;
  /// Whether old records may go by age and size: with "compact,delete" they may.
  bool deletes() const;
  double dirty_ratio() const;
  /// Whether records bear the time at which the broker stored them, and not the producer's.
  bool log_append_time() const;
};

constexpr std::int64_t kDeleteRetentionMs = 86'400'000;

/// A setting that a topic may have.
struct TopicConfigKind {
  std::string_view name;
  std::string_view default_value;
  enum class Values : std::uint8_t { kNumber, kRatio, kPolicy, kTimestamps, kOnlyDefault } values;
};
std::span<const TopicConfigKind> topic_config_kinds();

/// Why a change was refused, for the answer's code and message.
struct Refusal {
  KafkaError code = KafkaError::kNone;
  std::string message;
  bool refused() const { return code != KafkaError::kNone; }
};

/// kNone, or why a topic cannot have this name or these settings.
Refusal check_topic_name(std::string_view name);
Refusal check_topic_configs(const TopicConfigs& configs);

/// 16 bytes from the system's random source.
Uuid random_uuid();
std::string uuid_text(const Uuid& id);  // 22 characters of URL-safe base64, as Kafka writes it

struct TopicsSettings {
  std::string data_dir;
  LogSettings log;
  bool wait_for_sync = false;
  std::int32_t partitions_max = 10'000;  // of one topic
  std::function<Uuid()> new_id = random_uuid;
};

/// Threads: any. A change writes and syncs the table before it is visible: some milliseconds.
class Topics {
 public:
  /// Reads the table, recovers every partition (several at a time), removes what deleted topics
  /// have left.
  static Result<std::unique_ptr<Topics>> open(Files& files, const TopicsSettings& settings,
                                              Log& log);

  std::shared_ptr<const Topic> find(std::string_view name) const;
  std::shared_ptr<const Topic> find(const Uuid& id) const;
  /// By name.
  std::vector<std::shared_ptr<const Topic>> all() const;

  Refusal create(const std::string& name, std::int32_t partitions, const TopicConfigs& configs);
  Refusal remove(const std::string& name);
  Refusal add_partitions(const std::string& name, std::int32_t count);
  Refusal set_configs(const std::string& name, const TopicConfigs& configs);

 private:
  using Table = std::map<std::string, std::shared_ptr<const Topic>, std::less<>>;
  struct Row {
    std::string name;
    Uuid id;
    std::int32_t partitions;
    TopicConfigs configs;
  };

  Topics(Files& files, TopicsSettings settings, Log& log)
      : files_(files), settings_(std::move(settings)), log_(log) {}

  static Result<std::vector<Row>> parse(const std::string& text, const std::string& path);
  void open_all(const std::vector<Row>& rows);
  void remove_leftovers();
  std::uint64_t segment_bytes_of(const Topic& topic) const;
  std::shared_ptr<Partition> open_partition(const Topic& topic, std::size_t index) const;
  std::string folder_of(const Uuid& id) const;
  void remove_folder(const std::string& folder);
  /// Makes the folders of new partitions survive a power loss, where their records are to.
  Status keep_folders(const Uuid& id);
  /// Writes the table with `topic` in place of the one of that name (null: without it), then shows
  /// it.
  Refusal publish(const std::string& name, std::shared_ptr<const Topic> topic);

  Files& files_;
  TopicsSettings settings_;
  Log& log_;
  std::mutex changes_;  // one at a time
  mutable std::shared_mutex mutex_;
  Table topics_;
};

}  // namespace ds::kafka::broker
