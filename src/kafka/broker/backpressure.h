// Holds producers back while the broker is full of what live groups have not read (keep_unread).
//
//   if (!pressure.has_room()) …            // Produce holds the frame, nothing of it is appended
//   pressure.spend(bytes);                 // … or appends and counts
//   pressure.pass_begins(); … pressure.pass_ends(limit - kept, slack);   // retention
//
// Retention aims at `slack` below the limit, so that there is room while readers keep up; who finds
// half of that used asks for the next pass at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <string_view>

namespace ds::kafka::broker {

/// What is written for the sake of the reading itself, dead letters and claims, has a reserve: it
/// is never held back, since that would keep the reader from making room, and other topics do not
/// push it out.
inline bool has_reserve(std::string_view topic) {
  return topic.starts_with("datastorm.") || topic.starts_with("__") || topic.ends_with(".dlq");
}

/// Threads: any; start() before the lanes, the passes on one thread.
/// Cost:    two atomics a request. What is appended during a pass may be counted twice until the
///          next one, never less than once.
class Backpressure {
 public:
  /// `make_room` must only hand over: it is called on a lane.
  void start(std::uint64_t limit, std::function<void()> make_room) {
    make_room_ = std::move(make_room);
    allowed_ = static_cast<std::int64_t>(limit);
  }
  bool on() const { return make_room_ != nullptr; }

  bool has_room() const { return !on() || spent_ < allowed_; }
  void spend(std::uint64_t bytes) {
    if (!on()) return;
    if ((spent_ += static_cast<std::int64_t>(bytes)) > allowed_ - slack_ / 2) ask_for_room();
  }
  /// One pass at a time is asked for.
  void ask_for_room() {
    if (!asked_.exchange(true)) make_room_();
  }

  void pass_begins() {
    asked_ = false;
    spent_before_ = spent_;
  }
  void pass_ends(std::int64_t room, std::int64_t slack) {
    slack_ = slack;
    allowed_ = spent_before_ + room;
  }

  std::atomic<std::uint64_t> producers_held = 0;  // connections, at this moment
  std::atomic<std::uint64_t> held_ns = 0;         // of all, since the start
  std::atomic<std::uint64_t> unread_bytes = 0;    // of live groups, at the last pass
  std::atomic<std::uint64_t> live_groups = 0;

 private:
  std::function<void()> make_room_;      // empty: never full
  std::atomic<std::int64_t> spent_ = 0;  // bytes appended since the start
  std::atomic<std::int64_t> allowed_ = 0;
  std::atomic<std::int64_t> slack_ = 0;
  std::atomic<bool> asked_ = false;
  std::int64_t spent_before_ = 0;
};

}  // namespace ds::kafka::broker
