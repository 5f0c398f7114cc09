#include "kafka/broker/topics.h"

#include <sys/random.h>

#include <algorithm>
#include <charconv>
#include <thread>

namespace ds::kafka::broker {
namespace {

using enum TopicConfigKind::Values;

constexpr TopicConfigKind kConfigKinds[] = {
    {"cleanup.policy", "delete", kPolicy},
    {"compression.type", "producer", kOnlyDefault},
    {"delete.retention.ms", "86400000", kNumber},
    {"max.message.bytes", "104857600", kNumber},
    {"message.timestamp.type", "CreateTime", kTimestamps},
    {"min.cleanable.dirty.ratio", "0.5", kRatio},
    {"min.insync.replicas", "1", kNumber},
    {"retention.bytes", "-1", kNumber},
    {"retention.ms", "-1", kNumber},
    {"segment.bytes", "134217728", kNumber},
};

constexpr std::string_view kLogAppendTime = "LogAppendTime";

constexpr std::string_view kFirstLine = "datastorm topics 1";

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> parse_ratio(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value >= 0 && value <= 1 ? std::optional(value) : std::nullopt;
}

/// "compact", "delete" or both, with a comma; blanks count for nothing.
bool has_policy(std::string_view policies, std::string_view wanted) {
  for (std::string_view each : split(policies, ',')) {
    while (each.starts_with(' ')) each.remove_prefix(1);
    while (each.ends_with(' ')) each.remove_suffix(1);
    if (each == wanted) return true;
  }
  return false;
}

/// What is wrong with this value; empty: nothing.
std::string_view judge(const TopicConfigKind& kind, std::string_view value) {
  switch (kind.values) {
    case kNumber:
      return parse_number(value) ? "" : "is no number";
    case kRatio:
      return parse_ratio(value) ? "" : "is no number from 0 to 1";
    case kPolicy:
      for (const auto each : split(value, ','))
        if (!has_policy(each, "compact") && !has_policy(each, "delete"))
          return "is neither delete nor compact nor both";
      return "";
    case kTimestamps:
      return value == kind.default_value || value == kLogAppendTime
                 ? ""
                 : "is neither CreateTime nor LogAppendTime";
    case kOnlyDefault:
      return value == kind.default_value ? "" : "is not what this broker does";
  }
  return "";
}

std::string hex_of(const Uuid& id) {
  std::string text;
  for (const std::uint8_t byte : id.bytes) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace

Uuid random_uuid() {
  Uuid id;
  const auto got = getrandom(id.bytes.data(), id.bytes.size(), 0);
  check(got == static_cast<ssize_t>(id.bytes.size()), "the system gave no random bytes");
  return id;
}

std::string uuid_text(const Uuid& id) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  std::uint32_t bits = 0;
  int have = 0;
  for (const std::uint8_t byte : id.bytes) {
    bits = (bits << 8) | byte;
    for (have += 8; have >= 6; have -= 6) text += kDigits[(bits >> (have - 6)) & 63];
  }
  text += kDigits[(bits << (6 - have)) & 63];
  return text;
}

std::span<const TopicConfigKind> topic_config_kinds() {
  return kConfigKinds;
}

std::int64_t Topic::config(std::string_view wanted, std::int64_t otherwise) const {
  const auto found = configs.find(std::string(wanted));
  return found == configs.end() ? otherwise : parse_number(found->second).value_or(otherwise);
}

bool Topic::compacted() const {
  const auto found = configs.find("cleanup.policy");
  return found != configs.end() && has_policy(found->second, "compact");
}

bool Topic::deletes() const {
  const auto found = configs.find("cleanup.policy");
  return found == configs.end() || has_policy(found->second, "delete");
}

double Topic::dirty_ratio() const {
  const auto found = configs.find("min.cleanable.dirty.ratio");
  return found == configs.end() ? 0.5 : parse_ratio(found->second).value_or(0.5);
}

bool Topic::log_append_time() const {
  const auto found = configs.find("message.timestamp.type");
  return found != configs.end() && found->second == kLogAppendTime;
}

Refusal check_topic_name(std::string_view name) {
  const bool legal = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (legal && !name.empty() && name.size() <= 249 && name != "." && name != "..") return {};
  return {KafkaError::kInvalidTopicException,
          "a topic's name has 1 to 249 letters, digits, dots, underscores and hyphens"};
}

Refusal check_topic_configs(const TopicConfigs& configs) {
  for (const auto& [name, value] : configs) {
    const auto kind = std::find_if(std::begin(kConfigKinds), std::end(kConfigKinds),
                                   [&](const auto& each) { return each.name == name; });
    if (kind == std::end(kConfigKinds))
      return {KafkaError::kInvalidConfig, fmt::format("this broker has no setting {}", name)};
    if (const auto wrong = judge(*kind, value); !wrong.empty())
      return {KafkaError::kInvalidConfig, fmt::format("{}={} {}", name, value, wrong)};
    if (value.find_first_of("\t\n=") != value.npos)
      return {KafkaError::kInvalidConfig, fmt::format("{} has a forbidden character", name)};
  }
  return {};
}

std::string Topics::folder_of(const Uuid& id) const {
  return settings_.data_dir + "/logs/" + hex_of(id);
}

Result<std::unique_ptr<Topics>> Topics::open(Files& files, const TopicsSettings& settings,
                                             Log& log) {
  std::unique_ptr<Topics> topics(new Topics(files, settings, log));
  if (auto made = files.make_folder(settings.data_dir + "/logs"); !made)
    return std::move(made).error();
  const std::string path = settings.data_dir + "/topics";
  auto exists = files.exists(path);
  if (!exists) return std::move(exists).error();
  if (*exists) {
    auto text = read_file(files, path);
    if (!text) return std::move(text).error();
    auto rows = parse(*text, path);
    if (!rows) return std::move(rows).error();
    topics->open_all(*rows);
  }
  topics->remove_leftovers();
  return topics;
}

Result<std::vector<Topics::Row>> Topics::parse(const std::string& text, const std::string& path) {
  const Error foreign{.code = ErrorCode::kCorrupt,
                      .message = path + " is not a topic table that this version can read",
                      .hint = "choose another folder with --data-dir"};
  auto lines = split(text, '\n');
  if (lines.front() != kFirstLine || !lines.back().empty()) return foreign;
  std::vector<Row> rows;
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
    const auto parts = split(lines[i], '\t');
    if (parts.size() < 3) return foreign;
    Row row{.name = std::string(parts[0])};
    const ByteVec id = from_hex(parts[1]);
    const auto partitions = parse_number(parts[2]);
    if (check_topic_name(row.name).refused() || id.size() != row.id.bytes.size() || !partitions)
      return foreign;
    std::copy(id.begin(), id.end(), row.id.bytes.begin());
    row.partitions = static_cast<std::int32_t>(*partitions);
    for (std::size_t j = 3; j < parts.size(); ++j) {
      const auto sign = parts[j].find('=');
      if (sign == parts[j].npos) return foreign;
      row.configs.emplace(parts[j].substr(0, sign), parts[j].substr(sign + 1));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

/// Recovery reads every batch, so it runs on as many threads as there are cores.
void Topics::open_all(const std::vector<Row>& rows) {
  std::vector<std::shared_ptr<Topic>> opened;
  std::vector<std::pair<Topic*, std::size_t>> work;
  for (const Row& row : rows) {
    opened.push_back(std::make_shared<Topic>(Topic{row.name, row.id, row.configs, {}}));
    opened.back()->partitions.resize(static_cast<std::size_t>(row.partitions));
    for (std::size_t i = 0; i < opened.back()->partitions.size(); ++i)
      work.emplace_back(opened.back().get(), i);
  }
  std::atomic<std::size_t> next = 0;
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i)
      threads.emplace_back([&] {
        for (std::size_t at; (at = next++) < work.size();)
          work[at].first->partitions[work[at].second] =
              open_partition(*work[at].first, work[at].second);
      });
  }
  for (auto& topic : opened) topics_.emplace(topic->name, std::move(topic));
}

std::uint64_t Topics::segment_bytes_of(const Topic& topic) const {
  const auto general = static_cast<std::int64_t>(settings_.log.segment_bytes);
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(topic.config("segment.bytes", general), 1 << 14));
}

std::shared_ptr<Partition> Topics::open_partition(const Topic& topic, std::size_t index) const {
  LogSettings settings = settings_.log;
  settings.segment_bytes = segment_bytes_of(topic);
  return Partition::open(files_, fmt::format("{}-{}", topic.name, index),
                         fmt::format("{}/{}", folder_of(topic.id), index), settings,
                         settings_.wait_for_sync, log_);
}

/// What a deletion did not get to.
void Topics::remove_leftovers() {
  const auto folders = files_.list(settings_.data_dir + "/logs");
  if (!folders) return;
  for (const std::string& folder : *folders) {
    const bool known = std::any_of(topics_.begin(), topics_.end(), [&](const auto& each) {
      return hex_of(each.second->id) == folder;
    });
    if (!known) remove_folder(settings_.data_dir + "/logs/" + folder);
  }
}

void Topics::remove_folder(const std::string& folder) {
  const auto partitions = files_.list(folder);
  if (!partitions) return;
  for (const std::string& partition : *partitions) {
    const std::string inner = folder + "/" + partition;
    if (const auto names = files_.list(inner))
      for (const std::string& name : *names)
        if (auto gone = files_.remove(inner + "/" + name); !gone)
          log_.warn("{}", gone.error().message);
    if (auto gone = files_.remove(inner); !gone) log_.warn("{}", gone.error().message);
  }
  if (auto gone = files_.remove(folder); !gone) log_.warn("{}", gone.error().message);
}

Status Topics::keep_folders(const Uuid& id) {
  if (settings_.log.recycle) return Done{};
  if (auto synced = files_.sync_folder(folder_of(id)); !synced) return synced;
  return files_.sync_folder(settings_.data_dir + "/logs");
}

std::shared_ptr<const Topic> Topics::find(std::string_view name) const {
  const std::shared_lock lock(mutex_);
  const auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : found->second;
}

std::shared_ptr<const Topic> Topics::find(const Uuid& id) const {
  const std::shared_lock lock(mutex_);
  for (const auto& [name, topic] : topics_)
    if (topic->id == id) return topic;
  return nullptr;
}

std::vector<std::shared_ptr<const Topic>> Topics::all() const {
  const std::shared_lock lock(mutex_);
  std::vector<std::shared_ptr<const Topic>> topics;
  topics.reserve(topics_.size());
  for (const auto& [name, topic] : topics_) topics.push_back(topic);
  return topics;
}

Refusal Topics::publish(const std::string& name, std::shared_ptr<const Topic> topic) {
  Table next;
  {
    const std::shared_lock lock(mutex_);
    next = topics_;
  }
  next.erase(name);
  if (topic) next.emplace(name, std::move(topic));
  std::string text = std::string(kFirstLine) + '\n';
  for (const auto& [each, row] : next) {
    text += fmt::format("{}\t{}\t{}", each, hex_of(row->id), row->partitions.size());
    for (const auto& [key, value] : row->configs) text += fmt::format("\t{}={}", key, value);
    text += '\n';
  }
  if (auto written = replace_file(files_, settings_.data_dir + "/topics", text); !written) {
    log_.error("{}", written.error().message);
    return {KafkaError::kKafkaStorageError, written.error().message};
  }
  const std::unique_lock lock(mutex_);
  topics_.swap(next);
  return {};
}

Refusal Topics::create(const std::string& name, std::int32_t partitions,
                       const TopicConfigs& configs) {
  if (auto refusal = check_topic_name(name); refusal.refused()) return refusal;
  if (auto refusal = check_topic_configs(configs); refusal.refused()) return refusal;
  if (partitions < 1 || partitions > settings_.partitions_max)
    return {KafkaError::kInvalidPartitions,
            fmt::format("a topic has 1 to {} partitions", settings_.partitions_max)};
  const std::lock_guard one_at_a_time(changes_);
  if (find(name)) return {KafkaError::kTopicAlreadyExists, fmt::format("{} exists", name)};
  auto topic = std::make_shared<Topic>(Topic{name, settings_.new_id(), configs, {}});
  for (std::size_t i = 0; i < static_cast<std::size_t>(partitions); ++i)
    topic->partitions.push_back(open_partition(*topic, i));
  if (auto kept = keep_folders(topic->id); !kept)
    return {KafkaError::kKafkaStorageError, kept.error().message};
  return publish(name, topic);
}

Refusal Topics::remove(const std::string& name) {
  const std::lock_guard one_at_a_time(changes_);
  const auto topic = find(name);
  if (!topic) return {KafkaError::kUnknownTopicOrPartition, "there is no such topic"};
  if (auto refusal = publish(name, nullptr); refusal.refused()) return refusal;
  remove_folder(folder_of(topic->id));  // open files stay readable until their readers are done
  return {};
}

Refusal Topics::add_partitions(const std::string& name, std::int32_t count) {
  const std::lock_guard one_at_a_time(changes_);
  const auto topic = find(name);
  if (!topic) return {KafkaError::kUnknownTopicOrPartition, "there is no such topic"};
  if (count <= static_cast<std::int32_t>(topic->partitions.size()) ||
      count > settings_.partitions_max)
    return {KafkaError::kInvalidPartitions,
            fmt::format("{} has {} partitions; it can only get more, up to {}", name,
                        topic->partitions.size(), settings_.partitions_max)};
  auto grown = std::make_shared<Topic>(*topic);
  for (std::size_t i = topic->partitions.size(); i < static_cast<std::size_t>(count); ++i)
    grown->partitions.push_back(open_partition(*grown, i));
  if (auto kept = keep_folders(topic->id); !kept)
    return {KafkaError::kKafkaStorageError, kept.error().message};
  return publish(name, grown);
}

Refusal Topics::set_configs(const std::string& name, const TopicConfigs& configs) {
  if (auto refusal = check_topic_configs(configs); refusal.refused()) return refusal;
  const std::lock_guard one_at_a_time(changes_);
  const auto topic = find(name);
  if (!topic) return {KafkaError::kUnknownTopicOrPartition, "there is no such topic"};
  auto changed = std::make_shared<Topic>(*topic);
  changed->configs = configs;
  auto refusal = publish(name, changed);
  if (!refusal.refused())
    for (const auto& partition : changed->partitions)
      partition->set_segment_bytes(segment_bytes_of(*changed));
  return refusal;
}

}  // namespace ds::kafka::broker
