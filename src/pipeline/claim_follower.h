// Follows the topic of claims into the store's table `runs`, so that the file alone can be
// verified.
//
//   auto follower = ClaimFollower::start(make_source, *RunsTable::open(path), clock, log);
//   …
//   follower->stop(admin.end_offsets(kRunsTopic));   // reads as far, and writes it down
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/client/source.h"
#include "sink/sqlite_store.h"

namespace ds {

/// Threads: one of its own; stop() from any.
/// Lifetime: the destructor stops.
class ClaimFollower final : private kafka::AssignmentListener {
 public:
  using MakeSource =
      std::function<Result<std::unique_ptr<kafka::Source>>(kafka::AssignmentListener&)>;

  /// The source reads kRunsTopic, without a group: claims are read from the beginning each time,
  /// and the table takes only what differs.
  static Result<std::unique_ptr<ClaimFollower>> start(const MakeSource& make_source,
                                                      RunsTable table, const Clock& clock,
                                                      Log& log);
  ~ClaimFollower() override;

  /// Reads on until `ends` (by partition), or until nothing came for a while when they are not
  /// known; at most `patience`.
  void stop(std::optional<std::map<std::int32_t, std::int64_t>> ends = std::nullopt,
            Nanos patience = 5 * kSecond);

 private:
  ClaimFollower(RunsTable table, const Clock& clock, Log& log)
      : table_(std::move(table)), clock_(clock), log_(log) {}

  void follow(std::stop_token stop);
  bool poll();  // false: nothing came
  void take(const kafka::Fetched& fetched);
  enum Turn { kOneOfMany, kLast };
  void write_down(Turn turn = kOneOfMany);
  bool read_to_the_end();
  std::map<kafka::TopicPartition, std::int64_t> on_assigned(const kafka::Assigned&) override {
    return {};
  }
  void on_revoked(const std::vector<kafka::TopicPartition>&) override {}

  RunsTable table_;
  const Clock& clock_;
  Log& log_;
  std::unique_ptr<kafka::Source> source_;
  std::map<std::string, std::string> pending_;  // claims read and not yet written down
  std::map<std::int32_t, std::int64_t> read_;   // next offsets
  Nanos failing_since_ = 0;                     // 0: it does not fail
  bool said_ = false;

  std::mutex mutex_;  // of what stop() tells
  std::optional<std::map<std::int32_t, std::int64_t>> ends_;
  Nanos patience_ = 5 * kSecond;

  std::jthread thread_;  // last: joins before what it uses goes
};

}  // namespace ds
