#include "net/lane.h"

#include <pthread.h>

#include <algorithm>
#include <memory>

#include "base/check.h"

namespace ds {

Lane::Lane(std::string name, const Clock& clock)
    : clock_(clock), name_(std::move(name)), thread_([this](std::stop_token stop) { run(stop); }) {
  pthread_setname_np(thread_.native_handle(), name_.substr(0, 15).c_str());
}

Lane::~Lane() {
  check(!on_lane(), "a lane cannot end itself");
  thread_.request_stop();
  poller_.wake();
  thread_.join();
}

void Lane::post(Task task) {
  bool first;
  {
    const std::lock_guard lock(inbox_mutex_);
    first = inbox_.empty();
    inbox_.push_back(std::move(task));
  }
  if (first) poller_.wake();  // later ones ride on the first one's wake
}

void Lane::call(const Task& task) {
  if (on_lane()) return task();
  const auto done = std::make_shared<std::promise<void>>();
  auto waiting = done->get_future();
  post([&task, done] {
    task();
    done->set_value();
  });
  waiting.wait();
}

Lane::TimerId Lane::after(Nanos delay, Task task) {
  const Nanos at = clock_.now() + delay;
  const TimerId id = next_timer_++;
  timers_.emplace(std::pair(at, id), std::move(task));
  timer_times_.emplace(id, at);
  return id;
}

void Lane::cancel(TimerId id) {
  const auto found = timer_times_.find(id);
  if (found == timer_times_.end()) return;
  timers_.erase({found->second, id});
  timer_times_.erase(found);
}

void Lane::run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    poller_.wait(fire_timers());
    run_inbox();
  }
  while (run_inbox() > 0) continue;
}

std::size_t Lane::run_inbox() {
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(inbox_mutex_);
    tasks.swap(inbox_);
  }
  for (Task& task : tasks) task();
  return tasks.size();
}

Nanos Lane::fire_timers() {
  if (timers_.empty()) return -1;
  const Nanos now = clock_.now();
  const TimerId end = next_timer_;  // one that sets itself anew must not hold up the sockets
  while (!timers_.empty()) {
    const auto first = timers_.begin();
    const auto [at, id] = first->first;
    if (at > now || id >= end) break;
    const Task task = std::move(first->second);
    timer_times_.erase(id);
    timers_.erase(first);
    task();
  }
  return timers_.empty() ? -1 : std::max<Nanos>(timers_.begin()->first.first - clock_.now(), 0);
}

}  // namespace ds
