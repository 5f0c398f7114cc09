#include "house/sim_broker.h"

#include <algorithm>
#include <cerrno>

#include "kafka/wire/record_batch.h"

namespace ds::simulation {

using kafka::BatchHeader;
using kafka::KafkaError;
using kafka::broker::GroupOffsets;
using kafka::broker::Groups;
using kafka::broker::Partition;
using kafka::broker::ProducerIds;
using kafka::broker::Topics;

namespace {

constexpr std::uint64_t kSegmentBytes = 8 << 10;
constexpr std::size_t kFetchBytes = 16 << 10;
constexpr Nanos kGroupTick = 100 * kMillisecond;

}  // namespace

SimBroker::SimBroker(World& world, bool sync,
                     std::function<void(std::int32_t, std::int64_t)> on_commit)
    : world_(world),
      sync_(sync),
      on_commit_(std::move(on_commit)),
      disk_(std::make_unique<SimDisk>()) {
  check(disk_->make_folder("/data").ok() && disk_->sync_folder("/").ok(), "a new disk's folder");
  open();
  check(life_ != nullptr, "an empty folder can be opened");
  check(!life_->topics->create(kTopic, kPartitions, {}).refused() &&
            !life_->topics->create(kRunsTopic, 1, {{"cleanup.policy", "compact"}}).refused(),
        "topics can be made");
}

void SimBroker::open() {
  auto life = std::make_unique<Life>();
  life->number = ++lives_;
  auto topics =
      Topics::open(*disk_,
                   {.data_dir = "/data",
                    .log = {.segment_bytes = kSegmentBytes, .recycle = !sync_, .boot_id = {boot_}},
                    .wait_for_sync = sync_,
                    .new_id = [this] { return kafka::Uuid{{++topic_ids_}}; }},
                   world_.log);
  auto offsets = GroupOffsets::open(*disk_, "/data", world_.log);
  auto ids = ProducerIds::open(*disk_, "/data");
  if (!topics || !offsets || !ids)
    return world_.broken("the broker does not start: " + (!topics    ? topics.error().message
                                                          : !offsets ? offsets.error().message
                                                                     : ids.error().message));
  life->topics = std::move(*topics);
  life->offsets = std::move(*offsets);
  life->ids = std::move(*ids);
  life->groups = std::make_unique<Groups>(
      kafka::broker::GroupSettings{.initial_delay = 0},
      [this](const std::string&) { return "m" + std::to_string(members_++); }, world_.log);
  life_ = std::move(life);
  back_at_ = world_.now();
  ++world_.life_of_broker;
  const auto tick = [this](const auto& self, std::uint64_t number) -> void {
    world_.in(kGroupTick, [this, self, number] {
      if (!life_ || life_->number != number) return;
      life_->groups->tick(world_.now());
      self(self, number);
    });
  };
  tick(tick, life_->number);
  disk_->on_change([this](const SimDisk::Change& change) {
    if (spoil_in_ < 0 || spoil_in_-- > 0) return 0;
    ++disk_errors;
    ++world_.faults;
    const bool sync = change.kind == SimDisk::Change::Kind::kSync ||
                      change.kind == SimDisk::Change::Kind::kSyncFolder;
    spoiled_ = true;
    spoiled_sync_ |= sync;
    world_.tell("the disk fails at " + change.path + (sync ? ", a sync" : ""));
    return sync ? EIO : ENOSPC;
  });
}

// ---- What goes wrong

void SimBroker::crash() {
  if (!life_) return;
  ++world_.faults;
  const bool power = sync_ && world_.random.below(2);
  life_.reset();
  ++world_.life_of_broker;
  disk_->on_change(nullptr);
  spoil_in_ = -1;
  // What a failed sync has left is only in memory, and a mere kill would show it to readers, as
  // Linux would. A power loss tells the truth; where nobody waits for syncs it is promised nothing.
  const bool forgets = power || (sync_ && spoiled_sync_);
  disk_ = forgets ? disk_->after_power_loss(world_.random) : disk_->after_kill();
  if (forgets) {
    ++boot_;
    ++power_losses;
  } else {
    ++kills;
  }
  spoiled_ = spoiled_sync_ = false;
  world_.tell(power ? "the broker loses its power" : "the broker is killed");
  come_back(world_.between(50 * kMillisecond, 2 * kSecond));
}

void SimBroker::come_back(Nanos after) {
  world_.in(after, [this] {
    open();
    world_.tell("the broker is back");
    check_promises();
  });
}

void SimBroker::spoil_disk() {
  if (!life_) return;
  spoil_in_ = static_cast<int>(world_.random.below(8));
  // Somebody looks after it: a partition that has gone offline needs a restart.
  world_.in(world_.between(kSecond, 3 * kSecond), [this] {
    spoil_in_ = -1;
    if (sync_ || spoiled_sync_) crash();
  });
}

void SimBroker::compact() {
  Partition* runs = find(kRunsTopic, 0);
  if (!runs || !runs->online()) return;
  const auto done = kafka::broker::compact(*disk_, *runs,
                                           {.now_ms = world_.clock.wall_ms(),
                                            .delete_retention_ms = 500,
                                            .dirty_ratio = 0.1,
                                            .only_synced = sync_},
                                           life_->compacted, [] { return false; });
  if (done && done->bytes_before > 0) {
    ++compactions;
    world_.note(done->bytes_after);
  }
}

// ---- Requests

Partition* SimBroker::find(const std::string& topic, std::int32_t partition) const {
  const auto found = life_ ? life_->topics->find(topic) : nullptr;
  return found ? found->partition(partition) : nullptr;
}

void SimBroker::answer_when_synced(World::Task answer) {
  if (!sync_) return answer();
  life_->after_sync.push_back(std::move(answer));
  if (std::exchange(life_->sync_soon, true)) return;
  world_.in(world_.between(0, 20 * kMillisecond), [this, number = life_->number] {
    if (life_ && life_->number == number) sync_round();
  });
}

void SimBroker::sync_round() {
  life_->sync_soon = false;
  for (const auto& topic : life_->topics->all())
    for (const auto& partition : topic->partitions)
      if (partition->has_unsynced()) partition->sync().ok();
  for (const auto& answer : std::exchange(life_->after_sync, {})) answer();
}

void SimBroker::produce(const std::string& topic, std::int32_t index, ByteVec batch,
                        const Reply<ProduceAnswer>& reply) {
  Partition* const partition = find(topic, index);
  if (!partition) return;  // nobody is there
  const BatchHeader header = *BatchHeader::read(batch);
  const auto appended = partition->append(header, batch);
  if (appended.error != KafkaError::kNone) {
    ++refused;
    return reply({appended.error, -1});
  }
  const std::int64_t next = appended.base_offset + header.last_offset_delta + 1;
  answer_when_synced([this, topic, index, partition, next, reply, appended] {
    if (!partition->online() || (sync_ && partition->ends().high_watermark < next))
      return reply({KafkaError::kKafkaStorageError, -1});
    std::int64_t& acked = acked_[{topic, index}];
    acked = std::max(acked, next);
    reply({KafkaError::kNone, appended.base_offset});
  });
}

void SimBroker::fetch(std::int32_t index, std::int64_t offset, const Reply<FetchAnswer>& reply) {
  Partition* const partition = find(kTopic, index);
  if (!partition) return;
  auto found = partition->find(offset, kFetchBytes, true);
  auto bytes = std::make_shared<ByteVec>(found.slice.size);
  if (found.slice.segment) {
    const auto got = found.slice.segment->file().read_at(*bytes, found.slice.position);
    if (!got || *got != bytes->size()) found.ends.error = KafkaError::kKafkaStorageError;
  }
  reply({found.ends.error, found.ends.high_watermark, std::move(bytes)});
}

void SimBroker::commit(const std::map<std::int32_t, std::int64_t>& offsets,
                       const kafka::Membership& as, const Reply<KafkaError>& reply) {
  if (!life_) return;
  const KafkaError verdict =
      life_->groups->may_commit(kGroup, as.generation, as.member, as.instance, world_.now());
  if (verdict != KafkaError::kNone) return reply(verdict);
  GroupOffsets::Offsets all;
  for (const auto& [partition, offset] : offsets) {
    on_commit_(partition, offset);
    // A request that was late may bring it back; what is on the disk then is not missed.
    if (const auto kept = committed_.find(partition); kept != committed_.end())
      kept->second = std::min(kept->second, offset);
    all[{kTopic, partition}] = {.offset = offset, .time_ms = world_.clock.wall_ms()};
  }
  if (!life_->offsets->commit(kGroup, all)) return reply(KafkaError::kKafkaStorageError);
  answer_when_synced([this, offsets, reply] {
    if (sync_ && !life_->offsets->sync()) return reply(KafkaError::kKafkaStorageError);
    for (const auto& [partition, offset] : offsets)
      committed_[partition] = committed_now(partition);
    reply(KafkaError::kNone);
  });
}

void SimBroker::committed(const Reply<OffsetsAnswer>& reply) {
  if (!life_) return;
  OffsetsAnswer answer;
  for (std::int32_t i = 0; i < kPartitions; ++i) answer.offsets[i] = committed_now(i);
  reply(answer);
}

void SimBroker::new_producer_id(const Reply<std::int64_t>& reply) {
  if (!life_) return;
  if (const auto id = life_->ids->next()) reply(*id);
}

void SimBroker::join(const kafka::JoinGroupRequest& request,
                     const Reply<kafka::JoinGroupResponse>& reply) {
  if (life_)
    life_->groups->join(request, {"c", "h"}, true, world_.now(),
                        in_this_life([reply](const auto& answer) { reply(answer); }));
}
void SimBroker::sync(const kafka::SyncGroupRequest& request,
                     const Reply<kafka::SyncGroupResponse>& reply) {
  if (life_)
    life_->groups->sync(request, world_.now(),
                        in_this_life([reply](const auto& answer) { reply(answer); }));
}
void SimBroker::heartbeat(const kafka::HeartbeatRequest& request,
                          const Reply<kafka::HeartbeatResponse>& reply) {
  if (life_) reply({.error_code = life_->groups->heartbeat(request, world_.now())});
}
void SimBroker::leave(const kafka::LeaveGroupRequest& request,
                      const Reply<kafka::LeaveGroupResponse>& reply) {
  if (!life_) return;
  life_->groups->leave(kGroup, {request.members[0].member_id, request.members[0].group_instance_id},
                       world_.now());
  reply({});
}

// ---- What must hold

std::int64_t SimBroker::committed_now(std::int32_t partition) const {
  const auto found = life_ ? life_->offsets->find(kGroup, {kTopic, partition}) : std::nullopt;
  return found ? found->offset : -1;
}

std::int64_t SimBroker::end(std::int32_t partition) const {
  Partition* const found = find(kTopic, partition);
  return found ? found->ends().high_watermark : -1;
}

void SimBroker::check_promises() {
  if (!life_) return;
  for (const auto& [which, acked] : acked_) {
    Partition* const partition = find(which.first, which.second);
    if (!partition) return world_.broken(which.first + " has lost a partition");
    const auto ends = partition->ends();
    if (ends.error != KafkaError::kNone) {
      if (!spoiled_) world_.broken(partition->name() + " is offline without a reason");
      continue;
    }
    if (ends.high_watermark < acked)
      world_.broken(fmt::format("{} ends at {}, and {} was acknowledged", partition->name(),
                                ends.high_watermark, acked));
    std::int64_t& seen = seen_high_[which];
    if (ends.high_watermark < seen)
      world_.broken(fmt::format("{}: its high watermark went from {} to {}", partition->name(),
                                seen, ends.high_watermark));
    seen = ends.high_watermark;
  }
  for (const auto& [partition, offset] : committed_)
    if (committed_now(partition) < offset)
      world_.broken(fmt::format("partition {}: {} was committed and confirmed, found {}", partition,
                                offset, committed_now(partition)));
}

ByteVec SimBroker::all_of(const std::string& topic, std::int32_t index) const {
  ByteVec all;
  Partition* const partition = find(topic, index);
  if (!partition) return all;
  for (std::int64_t offset = partition->ends().start; offset < partition->ends().high_watermark;) {
    const auto found = partition->find(offset, 1 << 20, true);
    if (!found.slice.segment) break;
    ByteVec bytes(found.slice.size);
    if (!found.slice.segment->file().read_at(bytes, found.slice.position)) break;
    kafka::BatchCursor batches(bytes);
    while (const auto batch = batches.next()) offset = batch->header.next_offset();
    all.insert(all.end(), bytes.begin(), bytes.end());
  }
  return all;
}

}  // namespace ds::simulation
