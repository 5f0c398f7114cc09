// epoll, for one thread. What a Lane loops on, and what a worker that drives its own
// connections (storm, pipeline) uses directly.
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "net/fd.h"

namespace ds {

/// Told when its descriptor is ready. May unwatch and destroy itself or others from on_ready.
class Watcher {
 public:
  virtual ~Watcher() = default;
  /// `events`: EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP… as epoll reports them.
  virtual void on_ready(std::uint32_t events) = 0;
};

/// Threads: one, but for wake(), which any thread may call.
class Poller {
 public:
  Poller();

  void watch(int fd, std::uint32_t events, Watcher& watcher);
  void change(int fd, std::uint32_t events, Watcher& watcher);
  void unwatch(int fd, Watcher& watcher);

  /// Waits up to `timeout` (negative: for ever, 0: not at all), then calls each ready watcher once.
  /// Returns how many were called.
  int wait(Nanos timeout);

  /// Makes a wait() under way, or the next one, return at once.
  void wake();

 private:
  Fd epoll_;
  Fd wake_;
  struct Ready {
    Watcher* watcher;
    std::uint32_t events;
  };
  std::vector<Ready> ready_;  // of the wait() under way; unwatch() blanks its watcher in it
};

}  // namespace ds
