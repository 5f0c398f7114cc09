// Which wall seconds have passed: each is told once and in order, however late one asks.
//
//   SecondHand hand(clock.wall_ms());
//   … later: auto [first_t, seconds] = hand.passed(clock.wall_ms());
#pragma once

#include <algorithm>
#include <cstdint>

namespace ds {

class SecondHand {
 public:
  struct Passed {
    std::int64_t first_t = 0;  // ms, the begin of the first
    std::int64_t seconds = 0;
    bool operator==(const Passed&) const = default;
  };

  /// The second that `wall_ms` lies in is the first one to be told.
  explicit SecondHand(std::int64_t wall_ms) : open_(begin_of(wall_ms)) {}

  /// The seconds that have ended since the last call. A clock that was set back by a little is
  /// waited for; one that was set back far, or that jumped (a machine that slept), is followed.
  Passed passed(std::int64_t wall_ms) {
    const std::int64_t now = begin_of(wall_ms);
    if (now < open_ - kWaitForMs) open_ = now;
    if (now > open_ + kCatchUpMs) open_ = now - 1000;
    const Passed passed{open_, std::max<std::int64_t>(0, now - open_) / 1000};
    open_ += passed.seconds * 1000;
    return passed;
  }

  /// The begin of the second that has not ended.
  std::int64_t open_second() const { return open_; }
  std::int64_t ms_until_next(std::int64_t wall_ms) const {
    return std::clamp<std::int64_t>(open_ + 1000 - wall_ms, 1, 1000);
  }

 private:
  static constexpr std::int64_t kWaitForMs = 2'000;
  static constexpr std::int64_t kCatchUpMs = 300'000;
  static std::int64_t begin_of(std::int64_t wall_ms) { return wall_ms / 1000 * 1000; }

  std::int64_t open_;
};

}  // namespace ds
