// What a storm needs of a cluster beside sending: its topic, where the topic ends, and the few
// records that travel outside the storm (claims). Both engines have one, so that a login which only
// librdkafka knows is enough for all of a run.
#pragma once

#include <cerrno>
#include <cstdint>
#include <map>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace ds::kafka {

struct TopicSpec {
  std::string name;
  std::int32_t partitions = 32;
  std::int16_t replication = -1;  // -1: the broker's default
  std::map<std::string, std::string> configs = {};
};

/// Error::system of the answer that there is no such topic.
constexpr int kNoSuchTopic = ENOENT;

/// By partition.
using Offsets = std::map<std::int32_t, std::int64_t>;

/// When a broker stored a batch, by its own clock, and when we sent it and heard of it, by ours.
struct Stamp {
  std::int32_t broker = -1;
  std::int64_t stored_ms = -1;  // since 1970; -1: in this topic records bear their producers' times
  Nanos sent = 0;               // monotonic: before the request left, and
  Nanos answered = 0;           // when its answer was there
};

/// Threads: one. Every call blocks, at most for ClientSettings::request_timeout.
class TopicKeeper {
 public:
  virtual ~TopicKeeper() = default;
  /// Creates the topic if it is missing, then waits until every partition has a leader; how many
  /// there are. A topic that exists is taken as it is.
  virtual Result<std::int32_t> ready_partitions(const TopicSpec& spec) = 0;
  virtual Result<Offsets> end_offsets(const std::string& topic) = 0;
  /// Stores one finished batch with acks=all, trying again until the time limit; returns its base
  /// offset. After an answer that was lost on the way it may be stored twice.
  virtual Result<std::int64_t> produce_sync(const std::string& topic, std::int32_t partition,
                                            ByteView batch) = 0;
  /// Stores one finished batch, without trying again, in a topic of LogAppendTime.
  virtual Result<Stamp> produce_stamped(const std::string& topic, std::int32_t partition,
                                        ByteView batch) = 0;
};

}  // namespace ds::kafka
