// What the handlers work on.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/broker/backpressure.h"
#include "kafka/broker/broker.h"
#include "kafka/broker/group_offsets.h"
#include "kafka/broker/groups.h"
#include "kafka/broker/producer_ids.h"
#include "kafka/broker/syncer.h"
#include "kafka/broker/topics.h"
#include "net/files.h"

namespace ds::kafka::broker {

struct Counters {
  std::atomic<std::uint64_t> requests = 0;
  std::atomic<std::uint64_t> records_in = 0;
  std::atomic<std::uint64_t> bytes_in = 0;
  std::atomic<std::uint64_t> bytes_out = 0;
  std::atomic<std::uint64_t> refusals = 0;
  std::atomic<std::uint64_t> compactions = 0;
  std::atomic<std::uint64_t> compacted_away = 0;
};

/// Threads:  any; each part says so itself.
/// Lifetime: made before the lanes, ends after them; the syncer ends before them, since it answers.
struct Core {
  static constexpr std::int32_t kNodeId = 1;

  BrokerSettings settings;
  const Clock& clock;
  Log& log;
  Files& files;
  Nanos started = 0;
  std::string cluster_id;
  std::unique_ptr<Topics> topics;
  std::unique_ptr<GroupOffsets> offsets;
  std::unique_ptr<Groups> groups;
  std::unique_ptr<ProducerIds> producer_ids;
  std::unique_ptr<Syncer> syncer;
  std::unique_ptr<PasswordDesk> passwords;  // ends before the lanes, since it answers
  Counters counters;
  Backpressure pressure;

  bool wait_for_sync() const { return settings.durability.mode == DurabilityMode::kSync; }

  /// The topic; made now when there is none and `create` says so (its error says why not).
  Refusal find_or_create(const std::string& name, bool create, std::shared_ptr<const Topic>& topic);
  /// Removes the files of segments that a partition has dropped. Blocks: for the syncer's thread.
  void remove_segments(Partition& partition, const std::vector<std::shared_ptr<Segment>>& segments);
  /// Forgets producers that have been silent for long.
  void expire_producers();
  /// Brings everything to the disk. Blocks, as above.
  void sync_all();
  /// A line for the operator; of very many only some, lest a hostile client fill the disk.
  void log_refusal(const std::string& peer, const std::string& why);
};

}  // namespace ds::kafka::broker
