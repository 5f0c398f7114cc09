// The embedded broker's stores and groups over a simulated disk: what its handlers do, without
// sockets and threads. It is killed, loses its power, finds its disk full or failing, and comes
// back.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "house/world.h"
#include "kafka/broker/compaction.h"
#include "kafka/broker/group_offsets.h"
#include "kafka/broker/groups.h"
#include "kafka/broker/producer_ids.h"
#include "kafka/broker/topics.h"
#include "kafka/client/group_member.h"
#include "ledger/claim.h"
#include "net/sim/disk.h"

namespace ds::simulation {

constexpr const char* kTopic = "tweets";
constexpr const char* kGroup = "readers";
constexpr std::int32_t kPartitions = 3;

struct ProduceAnswer {
  kafka::KafkaError error = kafka::KafkaError::kNone;
  std::int64_t base_offset = -1;
};
struct FetchAnswer {
  kafka::KafkaError error = kafka::KafkaError::kNone;
  std::int64_t high_watermark = -1;
  std::shared_ptr<const ByteVec> bytes;
};
struct OffsetsAnswer {
  kafka::KafkaError error = kafka::KafkaError::kNone;
  std::map<std::int32_t, std::int64_t> offsets;  // -1: none was committed
};

class SimBroker {
 public:
  /// `sync`: durability sync, so that it may lose its power; else cache, and it is only killed.
  /// `may_commit` is told of each commit before it counts, to judge it.
  SimBroker(World& world, bool sync,
            std::function<void(std::int32_t partition, std::int64_t offset)> on_commit);

  // Requests; an answer may come later, or not at all when the broker goes down.
  template <typename Answer>
  using Reply = std::function<void(const Answer&)>;
  void produce(const std::string& topic, std::int32_t partition, ByteVec batch,
               const Reply<ProduceAnswer>& reply);
  void fetch(std::int32_t partition, std::int64_t offset, const Reply<FetchAnswer>& reply);
  void commit(const std::map<std::int32_t, std::int64_t>& offsets, const kafka::Membership& as,
              const Reply<kafka::KafkaError>& reply);
  void committed(const Reply<OffsetsAnswer>& reply);
  void new_producer_id(const Reply<std::int64_t>& reply);
  void join(const kafka::JoinGroupRequest& request, const Reply<kafka::JoinGroupResponse>& reply);
  void sync(const kafka::SyncGroupRequest& request, const Reply<kafka::SyncGroupResponse>& reply);
  void heartbeat(const kafka::HeartbeatRequest& request,
                 const Reply<kafka::HeartbeatResponse>& reply);
  void leave(const kafka::LeaveGroupRequest& request,
             const Reply<kafka::LeaveGroupResponse>& reply);

  /// Stops at once and comes back later, with what its disk has kept.
  void crash();
  /// Of the next changes of its disk one fails; a failed sync takes a partition away, so the
  /// broker is restarted some time afterwards.
  void spoil_disk();
  void compact();

  /// Held against what was promised: after each step.
  void check_promises();
  bool up() const { return life_ != nullptr; }
  /// When it came back last. It keeps groups in memory: until their members have heard of that,
  /// each may believe in what the life before has said.
  Nanos back_at() const { return back_at_; }
  std::int64_t end(std::int32_t partition) const;
  std::int64_t committed_now(std::int32_t partition) const;
  /// Everything in a partition, by its own file's bytes.
  ByteVec all_of(const std::string& topic, std::int32_t partition) const;

  std::int64_t kills = 0, power_losses = 0, disk_errors = 0, compactions = 0, refused = 0;

 private:
  struct Life {
    std::uint64_t number;
    std::unique_ptr<kafka::broker::Topics> topics;
    std::unique_ptr<kafka::broker::GroupOffsets> offsets;
    std::unique_ptr<kafka::broker::ProducerIds> ids;
    std::unique_ptr<kafka::broker::Groups> groups;
    kafka::broker::CompactionState compacted;
    std::vector<World::Task> after_sync;  // answers
    bool sync_soon = false;
  };
  void open();
  void come_back(Nanos after);
  kafka::broker::Partition* find(const std::string& topic, std::int32_t partition) const;
  void answer_when_synced(World::Task answer);
  void sync_round();
  /// Calls it unless the broker has gone down meanwhile.
  template <typename Call>
  auto in_this_life(Call call) {
    return [this, number = life_->number, call = std::move(call)](const auto&... told) {
      if (life_ && life_->number == number) call(told...);
    };
  }

  World& world_;
  const bool sync_;
  const std::function<void(std::int32_t, std::int64_t)> on_commit_;
  std::unique_ptr<SimDisk> disk_;
  std::unique_ptr<Life> life_;
  std::uint64_t lives_ = 0;
  Nanos back_at_ = 0;
  std::uint8_t boot_ = 1;
  std::uint8_t topic_ids_ = 0;
  int members_ = 0;
  int spoil_in_ = -1;                                                   // of a change of the disk
  bool spoiled_ = false, spoiled_sync_ = false;                         // in this life
  std::map<std::pair<std::string, std::int32_t>, std::int64_t> acked_;  // promised to clients
  std::map<std::pair<std::string, std::int32_t>, std::int64_t> seen_high_;  // watermarks, told
  std::map<std::int32_t, std::int64_t> committed_;                          // promised, too
};

}  // namespace ds::simulation
