// Faults that a scenario plays on its own run, and how long each takes to get over:
//
//   [faults]
//   freeze-sink = "30s for 5s"                        the store takes nothing
//   slow-sink = "1m for 10s by 50ms"                  each of its writes takes so much longer
//   pause-partition = "90s for 5s partition 3"        nothing of it reaches the pipeline
//   lose-acknowledgements = "2m for 5s every 3"       the broker has it, and nobody is told
//   duplicate = ["3m for 1s", "4m for 1s every 10"]   a request reaches the broker twice
//   skew-clock = "5m for 10s by -3s"                  the storm's wall clock is off
//
// A fault is over when no more records are on their way, from being due to being stored, than were
// at the most in the seconds before it began.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace ds::cli {

enum class FaultKind {
  kFreezeSink,
  kSlowSink,
  kPausePartition,
  kLoseAcknowledgements,
  kDuplicate,
  kSkewClock
};

struct FaultWords {
  FaultKind kind;
  std::string_view name;
  std::string_view option;  // "by", "partition", "every"; empty: it takes none
  std::string_view usual;   // of the option; empty: it has to be said
  std::string_view upon;    // what it falls upon, many of them
  std::string_view help;
};
std::span<const FaultWords> fault_words();

struct Fault {
  FaultKind kind;
  Nanos at = 0, length = 0;
  std::int64_t amount = 0;  // nanoseconds, a partition, or every so many
  std::string text = {};    // as it was given, its kind first
};
/// "freeze-sink 30s for 5s".
Result<Fault> parse_fault(std::string_view text);

/// What became of one.
struct FaultShown {
  std::string fault;
  bool begun = false;
  std::uint64_t injected = 0;  // how many of `upon` it fell upon
  std::string upon;
  std::uint64_t behind_max = 0;
  std::optional<double> recovery_s = {};  // from its end on

  static void fields(auto& self, auto& io) {
    io("fault", self.fault);
    io("begun", self.begun);
    io("injected", self.injected);
    io("upon", self.upon);
    io("behindMax", self.behind_max);
    io("recoveryS", self.recovery_s);
  }
};
/// "duplicate 30s for 5s: fell upon 12 of the requests, 500 records behind at the most, over 0.31 s
/// after its end"
std::string sentence_of(const FaultShown& shown);

struct FaultTarget {
  std::function<void(const Fault&, bool on)> turn;
  std::function<std::uint64_t(FaultKind)> injected;  // so far, by all of that kind
  std::function<std::uint64_t()> behind;             // records due and not yet stored
};

/// Plays them by the clock. Threads: one calls turn(), or start() makes one that does; the rest
/// any.
class FaultPlay {
 public:
  FaultPlay(std::vector<Fault> faults, FaultTarget target, const Clock& clock);

  /// Time counts from here.
  void start();
  /// What is to be done by now; often.
  void turn(Nanos since_start);
  /// What is on ends now, and nothing begins any more; recovery is measured on.
  void lift();
  /// The end; what became of each.
  std::vector<FaultShown> stop();

 private:
  enum class State { kWaits, kOn, kEnded, kOver };
  struct Played {
    Fault fault;
    State state = State::kWaits;
    std::uint64_t usual_behind = 0, injected_before = 0;
    Nanos ended = 0;
    FaultShown shown = {};
  };
  struct Seen {
    Nanos at;
    std::uint64_t behind;
  };
  void begin(Played& played);
  void end(Played& played, Nanos now);
  void watch(Played& played, std::uint64_t behind, Nanos now);

  std::mutex mutex_;
  std::vector<Played> faults_;
  const FaultTarget target_;
  const Clock& clock_;
  Nanos started_ = 0;
  bool lifted_ = false;
  std::deque<Seen> seen_;  // of the last seconds
  std::jthread thread_;    // last: joins before what it uses
};

}  // namespace ds::cli
