#include "broker_world.h"

#include <algorithm>
#include <utility>

#include "kafka/broker/compaction.h"

namespace ds::fault {

using kafka::BatchHeader;
using kafka::KafkaError;
using kafka::RecordBatchBuilder;
using kafka::broker::Core;
using kafka::broker::GroupOffset;
using kafka::broker::GroupOffsets;
using kafka::broker::Partition;
using kafka::broker::ProducerIds;
using kafka::broker::Topics;

namespace {

constexpr std::uint64_t kSegmentBytes = 16 << 10;
constexpr const char* kGroup = "readers";
constexpr std::int64_t kProducer = 7'000;

}  // namespace

void Findings::must_be_none(Promise& check) const {
  check.zero("lost", lost);
  check.zero("phantom", phantom);
  check.zero("offsets reused", reused);
  check.zero("watermark back", watermark_back);
  check.zero("commits back", commits_back);
  check.zero("ids twice", ids_twice);
  check.zero("duplicates taken", duplicates);
  check.zero("refused", refused);
}

struct World::Life {
  Life(SimDisk& disk, const Clock& clock, Log& log, bool sync)
      : core{.settings = {.durability = {.mode = sync ? kafka::broker::DurabilityMode::kSync
                                                      : kafka::broker::DurabilityMode::kCache}},
             .clock = clock,
             .log = log,
             .files = disk} {}
  Core core;
};

World::World(const WorldSettings& settings, std::uint64_t seed, Findings& findings)
    : settings_(settings), random_(seed), findings_(findings), disk_(std::make_unique<SimDisk>()) {
  check(disk_->make_folder("/data").ok(), "a new disk takes a folder");
  check(disk_->sync_folder("/").ok(), "and keeps it");
  life_ = open(*disk_, boot_);
}

World::~World() = default;

std::unique_ptr<World::Life> World::open(SimDisk& disk, std::uint8_t boot) {
  auto life = std::make_unique<Life>(disk, clock_, told_, settings_.sync);
  auto topics = Topics::open(
      disk,
      {.data_dir = "/data",
       .log = {.segment_bytes = kSegmentBytes, .recycle = settings_.recycle, .boot_id = {boot}},
       .wait_for_sync = settings_.sync,
       .new_id = [this] { return kafka::Uuid{{++topic_ids_}}; }},
      told_);
  auto offsets = GroupOffsets::open(disk, "/data", told_);
  auto ids = ProducerIds::open(disk, "/data");
  if (!topics || !offsets || !ids) {
    findings_.say(findings_.refused, !topics    ? topics.error().message
                                     : !offsets ? offsets.error().message
                                                : ids.error().message);
    return nullptr;
  }
  life->core.topics = std::move(*topics);
  life->core.offsets = std::move(*offsets);
  life->core.producer_ids = std::move(*ids);
  return life;
}

// ---- what a broker does

void World::step() {
  const auto draw = random_.below(100);
  if (topics_.empty() || draw < 2) return perform(Op::kCreate);
  if (draw < 62) return perform(Op::kAppend);
  if (draw < 82) return perform(Op::kSync);
  if (draw < 89) return perform(Op::kCommit);
  if (draw < 93) return perform(Op::kDrop);
  if (draw < 97) return perform(Op::kDrawId);
  if (draw < 98) return perform(Op::kGrow);
  if (draw < 99 && topics_.size() > 2) return perform(Op::kRemove);
  if (settings_.compacts) return perform(Op::kCompact);
}

void World::perform(Op op) {
  now_ = op;
  switch (op) {
    case Op::kAppend:
      return append();
    case Op::kSync:
      return sync();
    case Op::kCommit:
      return commit();
    case Op::kDrop:
      return drop();
    case Op::kDrawId:
      return draw_id();
    case Op::kCreate:
      return create();
    case Op::kRemove:
      return remove();
    case Op::kGrow:
      return grow();
    case Op::kCompact:
      return compact();
    case Op::kRecover:
      return;
  }
}

std::pair<std::string, std::size_t> World::any_partition() {
  auto topic =
      std::next(topics_.begin(), static_cast<std::ptrdiff_t>(random_.below(topics_.size())));
  return {topic->first, random_.below(topic->second.partitions.size())};
}

/// Its contents name it: topic, partition and sequence, then noise.
ByteVec World::make_batch(const std::string& name, std::size_t index, const PartitionModel& model) {
  RecordBatchBuilder builder(
      {.producer_id = kProducer, .producer_epoch = 0, .base_sequence = model.sequence});
  const auto records = 1 + random_.below(4);
  const std::size_t size = random_.below(8) == 0 ? random_.below(6000) : random_.below(300);
  for (std::uint64_t i = 0; i < records; ++i) {
    std::string value =
        fmt::format("{}/{}/{} ", name, index, model.sequence + static_cast<std::int32_t>(i));
    while (value.size() < size) value += static_cast<char>(random_());
    builder.add({.timestamp = 1'700'000'000'000 + model.end(), .value = as_bytes(value)});
  }
  return builder.build().value();
}

void World::append() {
  const auto [name, index] = any_partition();
  PartitionModel& model = topics_[name].partitions[index];
  const auto topic = life_->core.topics->find(name);
  if (!topic) return;
  Partition* partition = topic->partition(static_cast<std::int32_t>(index));
  if (!partition) return;
  ByteVec batch = make_batch(name, index, model);
  const BatchHeader header = *BatchHeader::read(batch);
  PartitionModel::Batch expected{model.end(), model.end() + header.record_count, batch};
  kafka::assign_base_offset(expected.bytes, expected.base, 0);
  model.batches.push_back(expected);
  model.next = expected.next;
  const auto appended = partition->append(header, batch);
  if (appended.error != KafkaError::kNone) {
    ++failures_;
    model.batches.pop_back();
    model.next = expected.base;
    model.failed.push_back(std::move(expected));
    return;
  }
  if (model.fenced) findings_.say(findings_.phantom, name + " took a batch after a failed sync");
  if (appended.base_offset != expected.base)
    findings_.say(findings_.reused, fmt::format("{}-{}: offset {} where {} was next", name, index,
                                                appended.base_offset, expected.base));
  model.sequence += header.record_count;
  model.written = expected.next;
  if (!settings_.sync) model.acked = expected.next;
}

void World::sync() {
  if (!settings_.sync) return;  // nobody does in durability cache
  const auto [name, index] = any_partition();
  PartitionModel& model = topics_[name].partitions[index];
  const auto topic = life_->core.topics->find(name);
  if (!topic || !topic->partition(static_cast<std::int32_t>(index))) return;
  const std::int64_t end = model.written;
  if (topic->partition(static_cast<std::int32_t>(index))->sync()) {
    if (model.fenced) findings_.say(findings_.phantom, name + ": a failed sync was tried again");
    model.acked = std::max(model.acked, end);
  } else {
    ++failures_;
    model.fenced = true;
  }
}

void World::commit() {
  const auto [name, index] = any_partition();
  const kafka::broker::PartitionName partition{name, static_cast<std::int32_t>(index)};
  auto& [sure, tried] = commits_.try_emplace(partition, -1, -1).first->second;
  tried = std::max(tried, topics_[name].partitions[index].acked);
  const GroupOffsets::Offsets offsets{
      {partition, GroupOffset{.offset = tried, .metadata = std::string(random_.below(400), 'm')}}};
  auto status = life_->core.offsets->commit(kGroup, offsets);
  if (status && settings_.sync) status = life_->core.offsets->sync();
  if (status)
    sure = tried;
  else
    ++failures_;
}

void World::drop() {
  const auto [name, index] = any_partition();
  PartitionModel& model = topics_[name].partitions[index];
  const auto topic = life_->core.topics->find(name);
  if (!topic || !topic->partition(static_cast<std::int32_t>(index)) || model.acked <= model.start)
    return;
  Partition& partition = *topic->partition(static_cast<std::int32_t>(index));
  if (random_.below(2)) {  // as retention does: the oldest segment
    const auto oldest = partition.oldest();
    if (oldest.bytes == 0 || oldest.next_offset > model.acked) return;
    model.start = std::max(model.start, oldest.next_offset);
    if (const auto dropped = partition.drop_oldest(oldest.next_offset))
      life_->core.remove_segments(partition, *dropped);
  } else {  // as DeleteRecords does
    model.start += 1 + static_cast<std::int64_t>(
                           random_.below(static_cast<std::uint64_t>(model.acked - model.start)));
    life_->core.remove_segments(partition, partition.drop_before(model.start));
  }
}

void World::create() {
  if (topics_.size() > 4) return;
  const std::string name = fmt::format("topic-{}", topics_made_++);
  const auto partitions = 1 + random_.below(3);
  TopicModel& model = topics_[name];
  model.partitions.resize(partitions);
  if (life_->core.topics->create(name, static_cast<std::int32_t>(partitions), {}).refused()) {
    ++failures_;
    doubtful_.insert(name);
    topics_.erase(name);
    return;
  }
  model.state = TopicModel::State::kThere;
}

void World::remove() {
  const std::string name = any_partition().first;
  topics_[name].state = TopicModel::State::kGoing;
  std::erase_if(commits_, [&](const auto& each) { return each.first.first == name; });
  if (life_->core.topics->remove(name).refused()) {
    ++failures_;
    doubtful_.insert(name);
  } else if (!life_->core.offsets->remove_topic(name)) {
    ++failures_;
  }
  topics_.erase(name);
}

void World::grow() {
  const std::string name = any_partition().first;
  TopicModel& model = topics_[name];
  if (model.partitions.size() > 3) return;
  const std::size_t count = model.partitions.size() + 1;
  if (life_->core.topics->add_partitions(name, static_cast<std::int32_t>(count)).refused()) {
    ++failures_;
    doubtful_.insert(name);
    return;
  }
  model.partitions.resize(count);
}

void World::draw_id() {
  const auto id = life_->core.producer_ids->next();
  if (!id) {
    ++failures_;
    return;
  }
  if (*id <= last_id_)
    findings_.say(findings_.ids_twice, fmt::format("producer id {} after {}", *id, last_id_));
  last_id_ = *id;
}

/// The records have no keys, so that all of them stay: only segments become one. Where the log's
/// beginning was deleted, batches would lose the records below it: then they are not whole any
/// more, and the model knows whole ones alone.
void World::compact() {
  const auto [name, index] = any_partition();
  if (topics_[name].partitions[index].start > 0) return;
  const auto topic = life_->core.topics->find(name);
  Partition* partition = topic ? topic->partition(static_cast<std::int32_t>(index)) : nullptr;
  if (!partition || !partition->online()) return;
  kafka::broker::CompactionState anew;
  if (!kafka::broker::compact(*disk_, *partition, {.dirty_ratio = 0, .only_synced = settings_.sync},
                              anew, [] { return false; }))
    ++failures_;
}

// ---- what a crash may leave

void World::verify(std::unique_ptr<SimDisk> disk, bool power) {
  const Op before = std::exchange(now_, Op::kRecover);
  auto life = open(*disk, power ? boot_ + 1 : boot_);
  if (life) judge(*life, power);
  now_ = before;
}

void World::open_once(SimDisk& disk, bool power) {
  Findings nothing;
  std::swap(findings_, nothing);
  open(disk, power ? boot_ + 1 : boot_);
  std::swap(findings_, nothing);
}

void World::judge(Life& life, bool power) {
  const bool promised = settings_.sync || !power;
  for (auto& [name, model] : topics_) {
    const auto topic = life.core.topics->find(name);
    if (!topic) {
      if (model.state == TopicModel::State::kThere && promised && !doubtful_.contains(name))
        findings_.say(findings_.lost, fmt::format("topic {} is gone", name));
      continue;
    }
    for (std::size_t i = 0; i < model.partitions.size(); ++i) {
      const std::string which =
          fmt::format("{}-{}{}", name, i, power ? " after a power loss" : " after a kill");
      PartitionModel& part = model.partitions[i];
      if (i >= topic->partitions.size()) {
        if (promised) findings_.say(findings_.lost, which + " is gone");
        continue;
      }
      Partition& partition = *topic->partitions[i];
      if (!partition.online()) {
        findings_.say(findings_.refused, which + " is refused: " + told_.last());
        continue;
      }
      const std::int64_t end = promised ? (power ? part.acked : part.written) : 0;
      judge_partition(partition, part, end, promised, which);
    }
  }
  for (const auto& [partition, offsets] : commits_) {
    const auto found = life.core.offsets->find(kGroup, partition);
    const std::int64_t offset = found ? found->offset : -1;
    if (offset > offsets.second || (promised && offset < offsets.first))
      findings_.say(findings_.commits_back,
                    fmt::format("{}-{}: committed {}, found {}", partition.first, partition.second,
                                offsets.first, offset));
  }
  const auto id = life.core.producer_ids->next();
  if (promised && (!id || *id <= last_id_))
    findings_.say(findings_.ids_twice,
                  fmt::format("producer id {} was given before {}", id ? *id : -1, last_id_));
}

void World::judge_partition(Partition& partition, PartitionModel& model, std::int64_t promised,
                            bool dependable, const std::string& name) {
  const auto ends = partition.ends();
  // A log that begins later than it did has a hole, also where nothing in it was acknowledged.
  if (ends.start > model.start && (settings_.sync || promised > model.start))
    findings_.say(findings_.lost, fmt::format("{}: starts at {} where {} was to be kept", name,
                                              ends.start, model.start));
  if (ends.high_watermark < promised)
    findings_.say(findings_.watermark_back, fmt::format("{}: serves up to {}, acknowledged {}",
                                                        name, ends.high_watermark, promised));
  std::int64_t at = ends.start;
  const PartitionModel::Batch* last = nullptr;
  while (at < ends.high_watermark) {
    const auto found = partition.find(at, 1 << 20, true);
    ByteVec bytes(found.slice.size);
    if (found.ends.error != KafkaError::kNone || bytes.empty() ||
        !found.slice.segment->file().read_at(bytes, found.slice.position)) {
      findings_.say(findings_.lost, fmt::format("{}: nothing at offset {} below {}", name, at,
                                                ends.high_watermark));
      return;
    }
    for (ByteView rest(bytes); !rest.empty();) {
      const auto base = load_be<std::int64_t>(rest.data());
      const auto same_base = [base](const auto& each) { return each.base == base; };
      const auto batch = std::lower_bound(
          model.batches.begin(), model.batches.end(), base,
          [](const auto& each, std::int64_t wanted) { return each.base < wanted; });
      const auto matches = [&](const PartitionModel::Batch& each) {
        return rest.size() >= each.bytes.size() &&
               std::equal(each.bytes.begin(), each.bytes.end(), rest.begin());
      };
      const PartitionModel::Batch* is = nullptr;
      if (batch != model.batches.end() && batch->base == base && matches(*batch)) is = &*batch;
      if (!is && base >= promised)
        for (const auto& each : model.failed)
          if (same_base(each) && matches(each)) is = &each;
      if (!is && !dependable)
        for (const auto& each : model.former)
          if (same_base(each) && matches(each)) is = &each;
      if (!is) {
        findings_.say(findings_.phantom,
                      fmt::format("{}: offset {} holds what nobody has sent there", name, base));
        return;
      }
      last = is;
      at = is->next;
      findings_.records_read += is->next - is->base;
      rest = rest.subspan(is->bytes.size());
    }
  }
  if (dependable && last && last->base >= ends.start) judge_duplicates(partition, *last, name);
}

/// The last batch that is served, sent once more, is known.
void World::judge_duplicates(Partition& partition, const PartitionModel::Batch& last,
                             const std::string& name) {
  ByteVec again = last.bytes;
  const auto appended = partition.append(*BatchHeader::read(again), again);
  if (appended.error != KafkaError::kNone || appended.base_offset != last.base)
    findings_.say(
        findings_.duplicates,
        fmt::format("{}: a batch sent again, first at {}, is answered {} with offset {}", name,
                    last.base, static_cast<int>(appended.error), appended.base_offset));
}

void World::restart(std::unique_ptr<SimDisk> disk, bool power) {
  now_ = Op::kRecover;
  life_.reset();
  disk_ = std::move(disk);
  if (power) ++boot_;
  life_ = open(*disk_, boot_);
  check(life_ != nullptr, "a life that cannot begin was reported by verify() before");
  judge(*life_, power);
  adopt(settings_.sync || !power);
}

/// What was found is what is: the model forgets what it only hoped for.
void World::adopt(bool promised) {
  doubtful_.clear();
  std::erase_if(topics_, [&](const auto& each) { return !life_->core.topics->find(each.first); });
  for (auto& [name, model] : topics_) {
    const auto topic = life_->core.topics->find(name);
    model.state = TopicModel::State::kThere;
    model.partitions.resize(topic->partitions.size());
    for (std::size_t i = 0; i < model.partitions.size(); ++i) {
      PartitionModel& part = model.partitions[i];
      const auto ends = topic->partitions[i]->ends();
      const auto lies_there = [&](const PartitionModel::Batch& each) {
        if (each.next > ends.high_watermark || each.next <= ends.start) return false;
        const auto found =
            topic->partitions[i]->find(std::max(each.base, ends.start), 1 << 20, true);
        ByteVec bytes(each.bytes.size());
        return found.slice.size >= bytes.size() &&
               found.slice.segment->file().read_at(bytes, found.slice.position) &&
               bytes == each.bytes;
      };
      // A batch that was refused may have been found in its place.
      for (const auto& each : part.failed)
        if (each.base >= part.acked && lies_there(each)) {
          std::erase_if(part.batches, [&](const auto& other) { return other.base >= each.base; });
          part.batches.push_back(each);
        }
      // So may, where nothing is promised, one of an earlier life.
      if (!promised)
        for (const auto& each : part.former)
          if (lies_there(each)) {
            std::erase_if(part.batches, [&](const auto& other) {
              return other.base < each.next && each.base < other.next;
            });
            part.batches.insert(
                std::ranges::upper_bound(part.batches, each.base, {}, &PartitionModel::Batch::base),
                each);
          }
      for (const auto& each : part.batches)
        if (each.next > ends.high_watermark) part.former.push_back(each);
      part.former.insert(part.former.end(), part.failed.begin(), part.failed.end());
      std::erase_if(part.batches,
                    [&](const auto& each) { return each.next > ends.high_watermark; });
      part.failed.clear();
      part.fenced = !topic->partitions[i]->online();
      part.written = part.acked = part.next = std::max<std::int64_t>(ends.high_watermark, 0);
      part.start = std::max<std::int64_t>(ends.start, 0);
      part.sequence = 0;
      if (!part.batches.empty()) {
        const auto header = *BatchHeader::read(part.batches.back().bytes);
        part.sequence = header.base_sequence + header.record_count;
      }
    }
  }
  for (auto each = commits_.begin(); each != commits_.end();) {
    const auto found = life_->core.offsets->find(kGroup, each->first);
    if (found) each->second = {found->offset, found->offset};
    each = found ? std::next(each) : commits_.erase(each);
  }
}

}  // namespace ds::fault
