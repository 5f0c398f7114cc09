// Several sinks of one kind that share what is fetched: each partition always goes to the same of
// them, and each has a thread and connections of its own.
//
//   store(batches) ──┬─▶ worker 0: partitions 0, 3, 6 …  ─┐
//                    ├─▶ worker 1: partitions 1, 4, 7 …   ├─▶ all are done
//                    └─▶ worker 2: partitions 2, 5, 8 …  ─┘
//
// For stores where a replay writes the same again: when one of them fails and the others do not,
// all of it is stored once more.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "sink/sink.h"

namespace ds {

/// Threads:  one calls; a worker a sink.
/// Lifetime: the destructor joins; nothing is under way then.
class ParallelSink final : public Sink {
 public:
  /// At least two, that keep no offsets of their own.
  explicit ParallelSink(std::vector<std::unique_ptr<Sink>> sinks);
  ~ParallelSink() override;

  Result<Offsets> next_offsets(const LogName& log) override;
  void be_patient_with(Patience& patience) override;
  Result<Stored> store(std::span<const kafka::Fetched> batches) override;
  std::string description() const override;

 private:
  struct Worker {
    std::unique_ptr<Sink> sink;
    std::vector<kafka::Fetched> batches;  // its part; a call's, until it is done
    std::optional<Result<Stored>> stored;
    bool has_work = false;
    std::jthread thread;
  };
  void work(Worker& worker);

  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace ds
