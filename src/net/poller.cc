#include "net/poller.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace ds {
namespace {

constexpr int kEventsMax = 256;  // a turn; the rest waits for the next one

void control(int epoll, int operation, int fd, std::uint32_t events, Watcher* watcher) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = watcher;
  if (epoll_ctl(epoll, operation, fd, &event) != 0)
    fail_check(fmt::format("epoll_ctl({}) of descriptor {}: {}", operation, fd, strerror(errno)),
               std::source_location::current());
}

/// To the nanosecond where the kernel can (Linux 5.11), else rounded up to the millisecond.
int wait_for_events(int epoll, epoll_event* events, Nanos timeout) {
  static const bool has_pwait2 =
      epoll_pwait2(-1, events, kEventsMax, nullptr, nullptr) < 0 && errno != ENOSYS;
  if (timeout < 0) return epoll_wait(epoll, events, kEventsMax, -1);
  if (has_pwait2) {
    const timespec wait{timeout / kSecond, timeout % kSecond};
    return epoll_pwait2(epoll, events, kEventsMax, &wait, nullptr);
  }
  const Nanos ms = (timeout + kMillisecond - 1) / kMillisecond;
  return epoll_wait(epoll, events, kEventsMax, static_cast<int>(std::min<Nanos>(ms, 60'000)));
}

}  // namespace

Poller::Poller()
    : epoll_(epoll_create1(EPOLL_CLOEXEC)), wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  check(epoll_ && wake_, "the system gave no epoll: raise the limit of open files (ulimit -n)");
  control(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), EPOLLIN, nullptr);
}

void Poller::watch(int fd, std::uint32_t events, Watcher& watcher) {
  control(epoll_.get(), EPOLL_CTL_ADD, fd, events, &watcher);
}

void Poller::change(int fd, std::uint32_t events, Watcher& watcher) {
  control(epoll_.get(), EPOLL_CTL_MOD, fd, events, &watcher);
}

void Poller::unwatch(int fd, Watcher& watcher) {
  epoll_event unused{};
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, &unused);  // fails only when closed already
  for (Ready& each : ready_)
    if (each.watcher == &watcher) each.watcher = nullptr;
}

int Poller::wait(Nanos timeout) {
  check(ready_.empty(), "Poller::wait() called by one of its own watchers");
  std::array<epoll_event, kEventsMax> events;
  const int count = wait_for_events(epoll_.get(), events.data(), timeout);
  for (int i = 0; i < count; ++i) {
    if (events[i].data.ptr) {
      ready_.push_back({static_cast<Watcher*>(events[i].data.ptr), events[i].events});
    } else {
      std::uint64_t wakes;
      [[maybe_unused]] const auto got = read(wake_.get(), &wakes, sizeof wakes);
    }
  }
  int called = 0;
  for (std::size_t i = 0; i < ready_.size(); ++i) {
    if (!ready_[i].watcher) continue;
    ready_[i].watcher->on_ready(ready_[i].events);
    ++called;
  }
  ready_.clear();
  return called;
}

void Poller::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto put = write(wake_.get(), &one, sizeof one);
}

}  // namespace ds
