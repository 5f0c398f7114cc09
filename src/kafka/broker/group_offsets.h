// What groups have committed, and what they read: maps in memory, and a file that they are read
// from at a start. Layout: docs/formats/log.md.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/log.h"
#include "net/files.h"

namespace ds::kafka::broker {

struct GroupOffset {
  std::int64_t offset = -1;
  std::int32_t leader_epoch = -1;
  std::string metadata;
  std::int64_t time_ms = 0;
  bool operator==(const GroupOffset&) const = default;
};

using PartitionName = std::pair<std::string, std::int32_t>;

/// Threads: any.
class GroupOffsets {
 public:
  using Offsets = std::map<PartitionName, GroupOffset>;
  using Readers = std::map<std::string, std::set<std::string>>;  // group -> topics

  /// Reads the file and writes it anew without what is out of date.
  static Result<std::unique_ptr<GroupOffsets>> open(Files& files, const std::string& data_dir,
                                                    Log& log);

  /// All of them, or none: after an error nothing has changed.
  Status commit(const std::string& group, const Offsets& offsets);
  /// Brings what was committed before the call to the disk. Blocks; calls that come together share
  /// one sync. A failure is final: commits fail from then on.
  Status sync();

  Offsets of_group(const std::string& group) const;
  std::optional<GroupOffset> find(const std::string& group, const PartitionName& partition) const;
  std::vector<std::string> groups() const;

  /// What a group's members read, for when there are none for a moment: between two of them, or
  /// after a restart. Written when it changes; no topics: forgotten. It holds in memory whatever
  /// the file says.
  Status note_topics(const std::string& group, std::set<std::string> topics);
  Readers readers() const;

  Status remove_group(const std::string& group);
  Status remove_topic(const std::string& topic);

 private:
  static constexpr std::uint64_t kRewriteAbove = 16u << 20;

  GroupOffsets(Files& files, std::string path) : files_(files), path_(std::move(path)) {}
  Status load(Log& log);
  void apply(ByteView payload);
  Status append(const ByteVec& records);
  void set_topics(const std::string& group, std::set<std::string> topics);
  Status rewrite();

  Files& files_;
  const std::string path_;
  mutable std::mutex mutex_;
  std::map<std::string, Offsets> groups_;
  Readers readers_;
  std::shared_ptr<File> file_;
  std::uint64_t end_ = 0;
  std::uint64_t rewrite_at_ = kRewriteAbove;
  std::uint64_t written_ = 0;  // records appended since the start
  bool broken_ = false;

  std::mutex sync_mutex_;
  std::uint64_t synced_ = 0;
};

}  // namespace ds::kafka::broker
