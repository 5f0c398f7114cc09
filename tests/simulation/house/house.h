// A house out of one seed: a broker, producers, a group of consumers and a store, disturbed for
// some thousand operations, then left alone until all is at rest, then counted.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "house/sim_broker.h"
#include "house/sim_consumer.h"
#include "house/sim_producer.h"
#include "house/sim_store.h"
#include "house/world.h"

namespace ds::simulation {

struct HouseCounts {
  std::int64_t operations = 0, faults = 0, kills = 0, power_losses = 0, disk_errors = 0,
               compactions = 0, acknowledged = 0, stored = 0, written_again = 0,
               processes_killed = 0, unclaimed = 0, runs = 0, simulated_s = 0;
  void add(const HouseCounts& other);
};

class House {
 public:
  explicit House(std::uint64_t seed);

  /// What was broken, or nothing. `operations`: at least so many, most of them disturbed.
  std::string run(std::int64_t operations);
  std::uint64_t trace() const { return world_.trace; }
  std::string story() const;
  HouseCounts counts() const;

 private:
  void disturb();
  void start_producer();
  void start_consumer(std::optional<std::string> instance);
  bool at_rest() const;
  void check_step();
  void check_end();

  World world_;
  const bool sync_, keeps_offsets_;
  SimStore store_;
  SimBroker broker_;
  std::vector<std::unique_ptr<SimProducer>> producers_;
  std::vector<std::unique_ptr<SimConsumer>> consumers_;
  std::uint64_t runs_ = 0;
  int instances_ = 0;
  std::int64_t processes_killed_ = 0;
  std::int64_t unclaimed_ = 0;
};

}  // namespace ds::simulation
