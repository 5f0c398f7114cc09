// A lane: one thread, one epoll loop, the owner of its sockets, timers and buffers.
#pragma once

#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "net/poller.h"

namespace ds {

/// Threads:  everything that a lane owns belongs to its thread, so nothing is locked;
///           post(), call() and on_lane() are the doors for others.
/// Lifetime: the destructor runs what is left in the inbox (and what that posts), ends the loop
///           and joins; timers still waiting are dropped.
///           Whatever watches or has timers on a lane is destroyed on the lane, or after it.
class Lane {
 public:
  using Task = std::function<void()>;
  using TimerId = std::uint64_t;

  Lane(std::string name, const Clock& clock);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// Any thread: runs `task` on the lane, soon. Tasks of one thread run in their order.
  void post(Task task);
  /// Any thread but the lane's own (there it runs at once): runs `task` and waits for it.
  void call(const Task& task);
  bool on_lane() const { return std::this_thread::get_id() == thread_.get_id(); }

  // On the lane's thread only:
  Poller& poller() { return poller_; }
  const Clock& clock() const { return clock_; }
  /// Calls `task` once, `delay` from now; returns what cancel() takes.
  TimerId after(Nanos delay, Task task);
  void cancel(TimerId id);

 private:
  void run(std::stop_token stop);
  std::size_t run_inbox();  // returns how many tasks ran
  Nanos fire_timers();      // returns how long until the next one, or -1

  const Clock& clock_;
  std::string name_;
  Poller poller_;
  std::mutex inbox_mutex_;
  std::vector<Task> inbox_;
  std::map<std::pair<Nanos, TimerId>, Task> timers_;
  std::map<TimerId, Nanos> timer_times_;
  TimerId next_timer_ = 1;
  std::jthread thread_;  // last: starts after, joins before, what it uses
};

}  // namespace ds
