// A consumer's process: the real pipeline and group member, by hand, over a simulated network.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "house/sim_broker.h"
#include "house/sim_store.h"
#include "house/world.h"
#include "pipeline/pipeline.h"

namespace ds::simulation {

constexpr Nanos kSession = 3 * kSecond;

/// Lifetime: stays with the world after its process's death, since answers may still come for it.
class SimConsumer {
 public:
  SimConsumer(World& world, SimBroker& broker, SimStore& store, std::optional<std::string> instance,
              std::string name);
  ~SimConsumer();

  /// One turn of its loop, unless it is halted; then when to come again.
  void turn();
  void kill();
  void halt(Nanos time) { halted_until_ = world_.now() + time; }
  bool works() const { return !dead_ && world_.now() >= halted_until_; }
  bool dead() const { return dead_; }
  const std::optional<std::string>& instance() const { return instance_; }
  /// What it believes to be its own, and may.
  std::set<std::int32_t> owned() const;
  const std::string& name() const { return name_; }
  std::string in_words() const;

 private:
  class Source;
  World& world_;
  const std::optional<std::string> instance_;
  const std::string name_;
  std::unique_ptr<Pipeline> pipeline_;
  Source* source_ = nullptr;  // the pipeline's
  bool dead_ = false;
  Nanos halted_until_ = 0;
};

}  // namespace ds::simulation
