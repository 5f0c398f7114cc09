#include "kafka/broker/syncer.h"

#include <algorithm>
#include <chrono>
#include <map>

namespace ds::kafka::broker {

Syncer::Syncer(const Clock& clock)
    : clock_(clock), thread_([this](std::stop_token stop) { run(stop); }) {}

Syncer::~Syncer() {
  thread_.request_stop();
  thread_.join();
}

void Syncer::when_synced(std::shared_ptr<Partition> partition, std::function<void(bool)> done) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back({std::move(partition), std::move(done)});
  wake_.notify_one();
}

void Syncer::soon(Task task) {
  when_synced(nullptr, [task = std::move(task)](bool) { task(); });
}

void Syncer::every(Nanos interval, Task task) {
  const std::lock_guard lock(mutex_);
  periodic_.push_back({interval, clock_.now() + interval, std::move(task)});
  wake_.notify_one();
}

void Syncer::run(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (true) {
    Nanos next = clock_.now() + 3600 * kSecond;
    for (const Periodic& each : periodic_) next = std::min(next, each.next);
    const std::size_t known = periodic_.size();
    wake_.wait_for(lock, stop, std::chrono::nanoseconds(std::max<Nanos>(next - clock_.now(), 0)),
                   [&] { return !waiting_.empty() || periodic_.size() != known; });
    if (stop.stop_requested() && waiting_.empty()) return;

    std::vector<Waiting> round;
    round.swap(waiting_);
    std::vector<Task> due;
    for (Periodic& each : periodic_)
      if (each.next <= clock_.now()) {
        due.push_back(each.task);
        each.next = clock_.now() + each.interval;
      }
    lock.unlock();
    sync_round(std::move(round));
    for (const Task& task : due) task();
    lock.lock();
  }
}

void Syncer::sync_round(std::vector<Waiting> round) {
  std::map<Partition*, bool> synced;
  for (const Waiting& each : round) {
    if (!each.partition) {
      each.done(true);
      continue;
    }
    const auto [entry, first] = synced.try_emplace(each.partition.get(), false);
    if (first) entry->second = each.partition->sync().ok();
    each.done(entry->second);
  }
}

}  // namespace ds::kafka::broker
