// How far two machines' clocks differ, from both sides, by a clock that both can ask: the broker's.
//
// A record is sent at t0 and answered at t3 by our clock; the broker has written into it the
// millisecond T, by its own clock, in which it stored it. Between t0 and t3 its clock therefore
// stood somewhere in [T, T + 1 ms), and it is ahead of ours by at least T - t3 and by less than T +
// 1 ms - t0. What several such samples say together is their intersection:
//
//   our clock    ----t0--------t3----------t0'-----t3'---
//   the broker's ------|  T  |--------------------|  T'  |   it stored both around a tick
//   ahead by         [T-t3 ....... T+1ms-t0]
//                           [T'-t3' ..... T'+1ms-t0']
//
// A sample that meets a millisecond's end is worth most, so the next one is sent to meet it, by
// what is known (wait_us): bounds come down to the way there and back, whatever the clock's grain.
// Clocks drift: what is known is taken as wider by kDriftPpm of the time since, and a sample that
// contradicts it (somebody set a clock) begins anew. So does another broker.
//
// Two machines that hold themselves against one broker's clock differ by the difference of theirs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"

namespace ds {

/// Between these, in microseconds, lies by how much a clock is ahead of another; both may be
/// negative.
struct ClockBounds {
  std::int64_t least_us = 0;
  std::int64_t most_us = 0;

  std::int64_t middle_us() const { return least_us + (most_us - least_us) / 2; }
  bool operator==(const ClockBounds&) const = default;
};

/// By that much at most two clocks part: quartz is good for some 50 parts in a million, warm or
/// cold.
constexpr std::int64_t kDriftPpm = 100;
/// What was known that long ago.
ClockBounds widened(ClockBounds bounds, std::int64_t elapsed_us);

struct ClockSample {
  std::int32_t broker = 0;
  std::int64_t stored_ms = 0;    // by the broker's clock
  std::int64_t sent_us = 0;      // by ours: not after it was sent, and
  std::int64_t answered_us = 0;  // not before it was answered
  Nanos at = 0;                  // monotonic, when it was answered
};

/// How far a broker's clock is ahead of ours. Threads: one.
class ClockEstimate {
 public:
  void add(const ClockSample& sample);
  /// Nothing before the first sample.
  std::optional<ClockBounds> bounds(Nanos now) const;
  std::int32_t broker() const { return broker_; }
  /// How long to wait, from `wall_us` on, for a sample to meet a millisecond's end.
  std::int64_t wait_us(std::int64_t wall_us, Nanos now) const;

 private:
  std::optional<ClockBounds> known_;
  std::int32_t broker_ = -1;
  std::int64_t way_us_ = 0;  // the shortest there and back
  Nanos at_ = 0;
};

/// Whose clock it is: a process of a run, and where it sends.
struct ClockOwner {
  std::uint64_t run = 0;
  std::uint32_t shard = 0;
  std::string topic;
};

/// What a storm says of its clock, in each record that it measures it by but the first. JSON:
///
///   {"v":1,"run":"00a1b2c3d4e5","shard":0,"topic":"tweets","broker":1,"ahead_us":[-812,-240]}
///
/// By so much the broker's clock is ahead of the storm's; when it was so the record's own time
/// tells.
std::string clock_word(const ClockOwner& owner, std::int32_t broker, ClockBounds ahead);

/// How far this machine's clock is ahead of a storm's.
struct ClockDifference {
  ClockBounds ahead;
  std::size_t clocks = 1;  // so many storms' were held against it; this one's is the farthest off

  /// Surely by more than the millisecond that timestamps know.
  bool matters() const { return ahead.least_us > 1000 || ahead.most_us < -1000; }
  /// "this clock is 3.000 s ahead of the storm's (± 0.7 ms): latencies from …", or "within 0.7 ms".
  std::string words() const;
};

/// What storms have said. Threads: one.
class ClockBook {
 public:
  /// Who has been silent for longer is forgotten, and who is that much behind the last is not there
  /// any more.
  static constexpr std::int64_t kForgottenMs = 600'000, kSilentMs = 10'000;
  static constexpr std::size_t kClocksMax = 1000;

  explicit ClockBook(std::string topic) : topic_(std::move(topic)) {}

  /// A record's value and the time that the broker wrote into it. Passes over what is not a word
  /// about a clock, or about one that sends elsewhere.
  void add(std::string_view word, std::int64_t stored_ms);
  bool empty() const { return words_.empty(); }
  /// Against ours: nothing when nobody has spoken lately. Forgets the others.
  std::optional<ClockDifference> compare(const ClockEstimate& ours, std::int64_t wall_us,
                                         Nanos now);

 private:
  struct Word {
    std::int32_t broker = 0;
    ClockBounds ahead;
    std::int64_t stored_ms = 0;
  };

  const std::string topic_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, Word> words_;  // by run and shard
};

}  // namespace ds
