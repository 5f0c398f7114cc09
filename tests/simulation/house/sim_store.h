// Where the simulated pipelines store: a database that outlives them, and the sink that each of
// them has on it. Two kinds, as the real ones are: one that keeps the offsets in the rows' own
// transaction and refuses who has lost its place, and one where a row written again falls on
// itself.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "house/sim_broker.h"
#include "house/world.h"
#include "record/identity.h"
#include "sink/sink.h"

namespace ds::simulation {

class SimStore {
 public:
  SimStore(World& world, bool keeps_offsets) : world_(world), keeps_offsets_(keeps_offsets) {}

  std::unique_ptr<Sink> sink();
  /// Everything of the partition below it is stored.
  std::int64_t stored_to(std::int32_t partition) const {
    return rows_[static_cast<std::size_t>(partition)].prefix;
  }
  /// The rows of a partition by offset.
  const std::map<std::int64_t, RecordId>& rows(std::int32_t partition) const {
    return rows_[static_cast<std::size_t>(partition)].by_offset;
  }
  void freeze(Nanos time) { frozen_until_ = world_.now() + time; }

  std::int64_t stored = 0, written_twice = 0, refused = 0, failed = 0;

 private:
  class Door;
  struct Rows {
    std::map<std::int64_t, RecordId> by_offset;
    std::int64_t prefix = 0;
    std::int64_t next = 0;  // as the transactions have it
  };
  void put(std::int32_t partition, std::int64_t offset, const RecordId& id);

  World& world_;
  const bool keeps_offsets_;
  Nanos frozen_until_ = 0;
  Rows rows_[kPartitions];
};

}  // namespace ds::simulation
