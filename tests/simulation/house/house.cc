#include "house/house.h"

#include <algorithm>
#include <map>

#include "ledger/balance.h"

namespace ds::simulation {

namespace {

constexpr Nanos kToRestMax = 180 * kSecond;

}  // namespace

void HouseCounts::add(const HouseCounts& other) {
  operations += other.operations;
  faults += other.faults;
  kills += other.kills;
  power_losses += other.power_losses;
  disk_errors += other.disk_errors;
  compactions += other.compactions;
  acknowledged += other.acknowledged;
  stored += other.stored;
  written_again += other.written_again;
  processes_killed += other.processes_killed;
  unclaimed += other.unclaimed;
  runs += other.runs;
  simulated_s += other.simulated_s;
}

House::House(std::uint64_t seed)
    : world_(seed),
      sync_(seed % 4 != 3),
      keeps_offsets_(seed % 2 == 0),
      store_(world_, keeps_offsets_),
      broker_(world_, sync_, [this](std::int32_t partition, std::int64_t offset) {
        if (offset > store_.stored_to(partition))
          world_.broken(fmt::format("partition {}: {} is committed, and only {} stored", partition,
                                    offset, store_.stored_to(partition)));
      }) {}

std::string House::run(std::int64_t operations) {
  for (int i = 0; i < kPartitions; ++i) start_producer();
  for (int i = 0; i < 2; ++i) start_consumer(std::nullopt);
  disturb();
  while (world_.is_broken.empty() && world_.operations < operations * 4 / 5 && world_.turn())
    check_step();
  world_.calm = true;
  // Producers go on for a while without trouble, then end.
  while (world_.is_broken.empty() && world_.operations < operations * 9 / 10 && world_.turn())
    check_step();
  for (auto& producer : producers_) producer->finish();
  const Nanos until = world_.now() + kToRestMax;
  while (world_.is_broken.empty() && (world_.operations < operations || !at_rest())) {
    if (world_.now() > until) {
      world_.broken("it does not come to rest");
      break;
    }
    world_.turn();
    check_step();
  }
  if (world_.is_broken.empty()) check_end();
  return world_.is_broken;
}

std::string House::story() const {
  std::string all;
  for (const std::string& line : world_.story) all += "    " + line + "\n";
  for (std::int32_t i = 0; i < kPartitions; ++i)
    all += fmt::format("    partition {}: end {}, stored to {}, committed {}\n", i, broker_.end(i),
                       store_.stored_to(i), broker_.committed_now(i));
  return all;
}

HouseCounts House::counts() const {
  HouseCounts counts{.operations = world_.operations,
                     .faults = world_.faults,
                     .kills = broker_.kills,
                     .power_losses = broker_.power_losses,
                     .disk_errors = broker_.disk_errors,
                     .compactions = broker_.compactions,
                     .acknowledged = 0,
                     .stored = store_.stored,
                     .written_again = store_.written_twice,
                     .processes_killed = processes_killed_,
                     .unclaimed = unclaimed_,
                     .runs = static_cast<std::int64_t>(runs_),
                     .simulated_s = world_.now() / kSecond};
  for (const auto& producer : producers_) counts.acknowledged += producer->acknowledged();
  return counts;
}

// ---- What goes wrong

void House::disturb() {
  world_.in(world_.between(100 * kMillisecond, 2500 * kMillisecond), [this] {
    if (world_.calm) return;
    const auto one_of = [this](auto& all) {
      auto& each = all[world_.random.below(all.size())];
      return each->dead() ? nullptr : each.get();
    };
    const std::uint64_t what = world_.random.below(13);
    world_.note(what);
    if (what < 3) {
      broker_.crash();
    } else if (what == 3) {
      broker_.spoil_disk();
    } else if (what < 6) {
      broker_.compact();
    } else if (what < 8) {
      if (SimConsumer* const consumer = one_of(consumers_)) {
        ++processes_killed_;
        ++world_.faults;
        world_.tell(consumer->name() + " is killed");
        consumer->kill();
        start_consumer(consumer->instance());
      }
    } else if (what == 8) {
      if (SimConsumer* const consumer = one_of(consumers_)) {
        ++world_.faults;
        world_.tell(consumer->name() + " halts");
        consumer->halt(world_.between(200 * kMillisecond, 8 * kSecond));
      }
    } else if (what == 9) {
      if (SimProducer* const producer = one_of(producers_)) {
        ++processes_killed_;
        ++world_.faults;
        world_.tell(fmt::format("producer {} is killed", producer->run()));
        producer->kill();
        start_producer();
      }
    } else if (what == 10) {
      ++world_.faults;
      world_.tell("the store freezes");
      store_.freeze(world_.between(200 * kMillisecond, 4 * kSecond));
    } else if (std::ranges::count_if(consumers_, [](const auto& e) { return !e->dead(); }) < 4) {
      start_consumer(world_.random.below(2) ? std::nullopt
                                            : std::optional("i" + std::to_string(instances_++)));
    }
    disturb();
  });
}

void House::start_producer() {
  producers_.push_back(std::make_unique<SimProducer>(world_, broker_, ++runs_));
  if (world_.calm) producers_.back()->finish();
  world_.in(world_.between(0, 100 * kMillisecond),
            [producer = producers_.back().get()] { producer->turn(); });
}

void House::start_consumer(std::optional<std::string> instance) {
  consumers_.push_back(std::make_unique<SimConsumer>(
      world_, broker_, store_, std::move(instance), fmt::format("consumer {}", consumers_.size())));
  world_.in(world_.between(0, kSecond), [consumer = consumers_.back().get()] { consumer->turn(); });
}

// ---- What must hold

void House::check_step() {
  broker_.check_promises();
  if (!broker_.up() || world_.now() < broker_.back_at() + kSession) return;
  std::int32_t taken = 0;
  for (const auto& consumer : consumers_)
    for (const std::int32_t partition : consumer->owned()) {
      if (taken & 1 << partition) {
        for (const auto& each : consumers_) world_.tell(each->in_words());
        world_.broken(fmt::format("partition {} has two owners", partition));
      }
      taken |= 1 << partition;
    }
}

bool House::at_rest() const {
  if (!broker_.up()) return false;
  for (const auto& producer : producers_)
    if (!producer->at_rest()) return false;
  for (std::int32_t i = 0; i < kPartitions; ++i)
    if (store_.stored_to(i) != broker_.end(i) ||
        (broker_.end(i) > 0 && broker_.committed_now(i) != broker_.end(i)))
      return false;
  return true;
}

/// The topic, the rows and the claims: three accounts of the same records.
void House::check_end() {
  Holdings in_topic, in_rows;
  for (std::int32_t i = 0; i < kPartitions; ++i) {
    const ByteVec bytes = broker_.all_of(kTopic, i);
    const auto& rows = store_.rows(i);
    std::size_t records_read = 0;
    kafka::BatchCursor batches(bytes);
    while (const auto batch = batches.next()) {
      if (!batch->header.verify(batch->bytes)) return world_.broken("a batch is damaged");
      ByteVec scratch;
      kafka::RecordReader records(*batch, scratch);
      while (const auto record = records.next()) {
        const auto id = parse_binary_id(
            {reinterpret_cast<const char*>(record->value->data()), record->value->size()});
        const auto row = rows.find(record->offset);
        if (!id || row == rows.end() || row->second != *id)
          return world_.broken(fmt::format("partition {}: the row of offset {} is not its record",
                                           i, record->offset));
        in_topic.add(*id);
        ++records_read;
      }
    }
    if (records_read != rows.size())
      return world_.broken(
          fmt::format("partition {}: {} records and {} rows", i, records_read, rows.size()));
    for (const auto& [offset, id] : rows) in_rows.add(id);
  }

  ClaimBook book;
  const ByteVec claims = broker_.all_of(kRunsTopic, 0);
  kafka::BatchCursor batches(claims);
  while (const auto batch = batches.next()) {
    ByteVec scratch;
    kafka::RecordReader records(*batch, scratch);
    while (const auto record = records.next()) {
      const auto text = [](ByteView bytes) {
        return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      };
      if (!record->key) continue;
      if (auto added = book.add(text(*record->key), record->value ? text(*record->value) : "");
          !added)
        return world_.broken("a claim cannot be read: " + added.error().message);
    }
  }
  for (const auto& producer : producers_) {
    const ClaimedRun* const claimed = book.find(producer->run());
    if (!claimed) {
      if (!producer->dead()) return world_.broken("a run is not claimed");
      continue;
    }
    for (const Holdings* held : {&in_topic, &in_rows}) {
      const Verdict verdict = balance(*claimed, *held, "row");
      if (!verdict.good() || verdict.foreign != 0)
        return world_.broken(fmt::format("run {}: lost {}, duplicated {}, disordered {}",
                                         producer->run(), verdict.lost, verdict.duplicated,
                                         verdict.disordered));
      const auto acknowledged = static_cast<std::uint64_t>(producer->acknowledged());
      if (verdict.found < acknowledged ||
          (!producer->dead() && (verdict.expected != acknowledged || verdict.unclaimed != 0)))
        return world_.broken(fmt::format("run {}: {} acknowledged, {} claimed, {} found",
                                         producer->run(), acknowledged, verdict.expected,
                                         verdict.found));
      if (held == &in_rows) unclaimed_ += static_cast<std::int64_t>(verdict.unclaimed);
    }
  }
  for (std::int32_t i = 0; i < kPartitions; ++i)
    for (const auto& [offset, id] : store_.rows(i))
      world_.note(mix_bits(id.run ^ id.sequence << 8) ^ static_cast<std::uint64_t>(offset));
}

}  // namespace ds::simulation
