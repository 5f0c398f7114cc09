#include "kafka/broker/group_offsets.h"

#include "kafka/wire/crc32c.h"

namespace ds::kafka::broker {
namespace {

enum class Kind : std::uint8_t { kCommit = 1, kOffsetGone = 2, kGroupGone = 3, kTopics = 4 };

constexpr std::size_t kFrontBytes = 8;  // length and checksum
constexpr std::size_t kPayloadMax = 1 << 20;

template <typename T>
void put(ByteVec& out, T value) {
  out.resize(out.size() + sizeof value);
  store_be(out.data() + out.size() - sizeof value, value);
}
void put(ByteVec& out, const std::string& text) {
  put(out, static_cast<std::uint16_t>(text.size()));
  out.insert(out.end(), text.begin(), text.end());
}

/// Takes fields off a payload whose checksum was right; ok turns false when it is too short all the
/// same.
struct Taker {
  ByteView rest;
  bool ok = true;

  template <typename T>
  T number() {
    if (rest.size() < sizeof(T)) return ok = false, T{};
    const T value = load_be<T>(rest.data());
    rest = rest.subspan(sizeof(T));
    return value;
  }
  std::string text() {
    const auto size = number<std::uint16_t>();
    if (rest.size() < size) return ok = false, std::string();
    std::string value(as_text(rest.first(size)));
    rest = rest.subspan(size);
    return value;
  }
};

void add_record(ByteVec& out, const ByteVec& payload) {
  put(out, static_cast<std::uint32_t>(payload.size()));
  put(out, crc32c(payload));
  out.insert(out.end(), payload.begin(), payload.end());
}

void add_commit(ByteVec& out, const std::string& group, const PartitionName& partition,
                const GroupOffset& offset) {
  ByteVec payload;
  put(payload, static_cast<std::uint8_t>(Kind::kCommit));
  put(payload, group);
  put(payload, partition.first);
  put(payload, partition.second);
  put(payload, offset.offset);
  put(payload, offset.leader_epoch);
  put(payload, offset.metadata);
  put(payload, offset.time_ms);
  add_record(out, payload);
}

void add_topics(ByteVec& out, const std::string& group, const std::set<std::string>& topics) {
  ByteVec payload;
  put(payload, static_cast<std::uint8_t>(Kind::kTopics));
  put(payload, group);
  put(payload, static_cast<std::uint32_t>(topics.size()));
  for (const std::string& topic : topics) put(payload, topic);
  add_record(out, payload);
}

}  // namespace

Result<std::unique_ptr<GroupOffsets>> GroupOffsets::open(Files& files, const std::string& data_dir,
                                                         Log& log) {
  std::unique_ptr<GroupOffsets> offsets(new GroupOffsets(files, data_dir + "/offsets"));
  if (auto loaded = offsets->load(log); !loaded) return std::move(loaded).error();
  return offsets;
}

Status GroupOffsets::load(Log& log) {
  auto file = files_.open(path_, OpenMode::kCreate);
  if (!file) return std::move(file).error();
  auto size = (*file)->size();
  if (!size) return std::move(size).error();
  ByteVec bytes(*size);
  if (auto got = (*file)->read_at(bytes, 0); !got) return std::move(got).error();
  ByteView rest(bytes);
  while (rest.size() >= kFrontBytes) {
    const auto length = load_be<std::uint32_t>(rest.data());
    if (length > kPayloadMax || length > rest.size() - kFrontBytes) break;
    const ByteView payload = rest.subspan(kFrontBytes, length);
    if (crc32c(payload) != load_be<std::uint32_t>(rest.data() + 4)) break;
    apply(payload);
    rest = rest.subspan(kFrontBytes + length);
  }
  if (!rest.empty()) log.warn("{}: cut a torn tail of {} bytes", path_, rest.size());
  return rewrite();
}

void GroupOffsets::apply(ByteView payload) {
  Taker take{payload};
  const auto kind = static_cast<Kind>(take.number<std::uint8_t>());
  const std::string group = take.text();
  if (kind == Kind::kGroupGone) {
    groups_.erase(group);
    readers_.erase(group);
    return;
  }
  if (kind == Kind::kTopics) {
    std::set<std::string> topics;
    for (auto left = take.number<std::uint32_t>(); left > 0 && take.ok; --left)
      topics.insert(take.text());
    if (take.ok) set_topics(group, std::move(topics));
    return;
  }
  PartitionName partition;
  partition.first = take.text();
  partition.second = take.number<std::int32_t>();
  if (kind == Kind::kOffsetGone) {
    const auto found = groups_.find(group);
    if (found == groups_.end()) return;
    found->second.erase(partition);
    if (found->second.empty()) groups_.erase(found);
    return;
  }
  GroupOffset offset;
  offset.offset = take.number<std::int64_t>();
  offset.leader_epoch = take.number<std::int32_t>();
  offset.metadata = take.text();
  offset.time_ms = take.number<std::int64_t>();
  if (take.ok && kind == Kind::kCommit) groups_[group][partition] = std::move(offset);
}

/// A new file with what holds now, in place of the old one at once.
Status GroupOffsets::rewrite() {
  ByteVec all;
  for (const auto& [group, offsets] : groups_)
    for (const auto& [partition, offset] : offsets) add_commit(all, group, partition, offset);
  for (const auto& [group, topics] : readers_) add_topics(all, group, topics);
  if (auto replaced = replace_file(files_, path_, as_text(all)); !replaced) return replaced;
  auto file = files_.open(path_, OpenMode::kWrite);
  if (!file) return std::move(file).error();
  file_ = std::move(*file);
  end_ = all.size();
  rewrite_at_ = std::max(kRewriteAbove, 4 * end_);
  return Done{};
}

Status GroupOffsets::append(const ByteVec& records) {
  if (broken_)
    return Error{ErrorCode::kStorage, path_ + " is closed, since the disk once failed to keep it"};
  if (end_ + records.size() > rewrite_at_)
    if (auto rewritten = rewrite(); !rewritten) return rewritten;
  if (auto written = file_->write_at(records, end_); !written) return written;
  end_ += records.size();
  ++written_;
  return Done{};
}

Status GroupOffsets::commit(const std::string& group, const Offsets& offsets) {
  ByteVec records;
  for (const auto& [partition, offset] : offsets) add_commit(records, group, partition, offset);
  const std::lock_guard lock(mutex_);
  if (auto written = append(records); !written) return written;
  for (const auto& [partition, offset] : offsets) groups_[group][partition] = offset;
  return Done{};
}

Status GroupOffsets::sync() {
  std::uint64_t wanted;
  {
    const std::lock_guard lock(mutex_);
    wanted = written_;
  }
  const std::lock_guard one_at_a_time(sync_mutex_);
  if (synced_ >= wanted) return Done{};
  std::shared_ptr<File> file;
  std::uint64_t written;
  {
    const std::lock_guard lock(mutex_);
    if (broken_) return Error{ErrorCode::kStorage, path_ + " is closed"};
    file = file_;
    written = written_;
  }
  auto status = file->sync();
  if (status) {
    synced_ = written;
  } else {
    const std::lock_guard lock(mutex_);
    broken_ = true;
  }
  return status;
}

GroupOffsets::Offsets GroupOffsets::of_group(const std::string& group) const {
  const std::lock_guard lock(mutex_);
  const auto found = groups_.find(group);
  return found == groups_.end() ? Offsets{} : found->second;
}

std::optional<GroupOffset> GroupOffsets::find(const std::string& group,
                                              const PartitionName& partition) const {
  const std::lock_guard lock(mutex_);
  const auto found = groups_.find(group);
  if (found == groups_.end()) return std::nullopt;
  const auto offset = found->second.find(partition);
  if (offset == found->second.end()) return std::nullopt;
  return offset->second;
}

std::vector<std::string> GroupOffsets::groups() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, offsets] : groups_) names.push_back(name);
  return names;
}

void GroupOffsets::set_topics(const std::string& group, std::set<std::string> topics) {
  if (topics.empty())
    readers_.erase(group);
  else
    readers_[group] = std::move(topics);
}

Status GroupOffsets::note_topics(const std::string& group, std::set<std::string> topics) {
  ByteVec records;
  add_topics(records, group, topics);
  const std::lock_guard lock(mutex_);
  const auto known = readers_.find(group);
  if (known == readers_.end() ? topics.empty() : known->second == topics) return Done{};
  set_topics(group, std::move(topics));
  return append(records);
}

GroupOffsets::Readers GroupOffsets::readers() const {
  const std::lock_guard lock(mutex_);
  return readers_;
}

Status GroupOffsets::remove_group(const std::string& group) {
  ByteVec payload;
  put(payload, static_cast<std::uint8_t>(Kind::kGroupGone));
  put(payload, group);
  ByteVec records;
  add_record(records, payload);
  const std::lock_guard lock(mutex_);
  if (!groups_.contains(group) && !readers_.contains(group)) return Done{};
  if (auto written = append(records); !written) return written;
  groups_.erase(group);
  readers_.erase(group);
  return Done{};
}

Status GroupOffsets::remove_topic(const std::string& topic) {
  const std::lock_guard lock(mutex_);
  ByteVec records;
  for (const auto& [group, offsets] : groups_)
    for (const auto& [partition, offset] : offsets)
      if (partition.first == topic) {
        ByteVec payload;
        put(payload, static_cast<std::uint8_t>(Kind::kOffsetGone));
        put(payload, group);
        put(payload, partition.first);
        put(payload, partition.second);
        add_record(records, payload);
      }
  if (records.empty()) return Done{};
  if (auto written = append(records); !written) return written;
  for (auto& [group, offsets] : groups_)
    std::erase_if(offsets, [&](const auto& each) { return each.first.first == topic; });
  std::erase_if(groups_, [](const auto& each) { return each.second.empty(); });
  return Done{};
}

}  // namespace ds::kafka::broker
