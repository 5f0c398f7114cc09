// Measures this machine's clock against the cluster's, with small records in `datastorm.clock`.
//
// A storm tells of its clock, and a pipeline holds its own against it:
//
//   const ClockTeller teller(make_keeper, {.run = run, .shard = 0, .topic = "tweets"}, clock);
//
//   ClockWatch watch(client, "tweets", clock);
//   … watch.look() …    // {ahead: [2999.3 ms, 3000.7 ms]}, or why it is not known
//
// Both do so on a thread of their own and through a connection of their own. What fails is tried
// again later and stops nobody; who is refused three times asks no more.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "kafka/client/client_settings.h"
#include "kafka/client/topic_keeper.h"
#include "ledger/clock_bounds.h"

namespace ds {

constexpr const char* kClockTopic = "datastorm.clock";

/// The settings that both want: nobody is to wait long for them at the end.
kafka::ClientSettings for_clocks(kafka::ClientSettings client);

/// Microseconds since 1970 by the system's time of day.
std::int64_t system_wall_us();
using WallClock = std::function<std::int64_t()>;

/// Makes the topic if it is missing, measures, and tells what is known in the very records that it
/// measures by: a few at once, then one a second.
///
/// Lifetime: borrows the clock. The destructor ends it, after the call under way.
class ClockTeller {
 public:
  using MakeKeeper = std::function<Result<std::unique_ptr<kafka::TopicKeeper>>()>;
  ClockTeller(MakeKeeper make, ClockOwner owner, const Clock& clock,
              WallClock wall_us = system_wall_us);
  ~ClockTeller();

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::jthread thread_;  // last: joins before what it uses goes
};

/// What is known of this machine's clock and those of the storms that send into a topic.
struct ClockLook {
  std::optional<ClockDifference> difference;
  std::string why_not;  // when there is none
};

/// Writes nothing, and makes no topic, before some storm has told of its clock.
///
/// Threads: look() and stop() from any. Lifetime: as above.
class ClockWatch {
 public:
  ClockWatch(const kafka::ClientSettings& client, const std::string& topic, const Clock& clock,
             WallClock wall_us = system_wall_us);
  ~ClockWatch();

  ClockLook look() const;
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::jthread thread_;
};

}  // namespace ds
