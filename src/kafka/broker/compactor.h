// The thread that compacts the topics with cleanup.policy=compact, one partition after the other.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <thread>

#include "kafka/broker/compaction.h"
#include "kafka/broker/core.h"

namespace ds::kafka::broker {

/// Threads:  its own, with less weight than the lanes'; they wait for it only while a new segment
///           takes the place of old ones, which touches no file.
/// Lifetime: the destructor gives up what it is at, and joins. Borrows the core.
class Compactor {
 public:
  explicit Compactor(Core& core);
  ~Compactor();

 private:
  struct Known {
    CompactionState state;
    Nanos not_before = 0;  // after an error
  };

  void run(std::stop_token stop);
  void compact_all(const std::stop_token& stop);
  void compact_one(const Topic& topic, Partition& partition, Known& known,
                   const std::stop_token& stop);

  Core& core_;
  std::map<std::string, Known> known_;  // by folder
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: it uses the rest
};

}  // namespace ds::kafka::broker
