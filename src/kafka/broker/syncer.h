// The broker's one background thread: group commit, and what may take its time.
//
//   syncer.when_synced(partition, [answer](bool stored) { … });   // durability sync
//   syncer.every(kSecond, [&] { drop_what_is_too_old(); });
//
// All appends that wait when a round begins share that round's fdatasync, partition by partition.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "kafka/broker/partition.h"

namespace ds::kafka::broker {

/// Threads:  when_synced() and every() from any thread; tasks run on the syncer's own.
/// Lifetime: the destructor finishes what waits, then joins.
class Syncer {
 public:
  using Task = std::function<void()>;

  explicit Syncer(const Clock& clock);
  ~Syncer();

  /// Syncs the partition and then calls `done`: true when all that was appended before this call is
  /// on the disk.
  void when_synced(std::shared_ptr<Partition> partition, std::function<void(bool)> done);
  /// Calls `task` once, after the syncs that wait now.
  void soon(Task task);
  /// Calls `task` every `interval`; before the first use of the syncer only.
  void every(Nanos interval, Task task);

 private:
  struct Waiting {
    std::shared_ptr<Partition> partition;  // null: nothing to sync, a task only
    std::function<void(bool)> done;
  };
  struct Periodic {
    Nanos interval;
    Nanos next;
    Task task;
  };

  void run(std::stop_token stop);
  static void sync_round(std::vector<Waiting> round);

  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::vector<Waiting> waiting_;
  std::vector<Periodic> periodic_;
  std::jthread thread_;
};

}  // namespace ds::kafka::broker
