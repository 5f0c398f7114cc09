#include "sink/parallel_sink.h"

#include <algorithm>

#include "base/check.h"

namespace ds {

ParallelSink::ParallelSink(std::vector<std::unique_ptr<Sink>> sinks) {
  check(sinks.size() > 1, "one alone needs no workers");
  for (auto& sink : sinks) {
    check(!sink->keeps_offsets(), "offsets would move apart");
    workers_.push_back(std::make_unique<Worker>());
    workers_.back()->sink = std::move(sink);
  }
  for (auto& worker : workers_)
    worker->thread = std::jthread([this, &worker = *worker] { work(worker); });
}

ParallelSink::~ParallelSink() {
  const std::lock_guard lock(mutex_);
  over_ = true;
  changed_.notify_all();
}

Result<Sink::Offsets> ParallelSink::next_offsets(const LogName& log) {
  return workers_.front()->sink->next_offsets(log);
}

void ParallelSink::be_patient_with(Patience& patience) {
  for (auto& worker : workers_) worker->sink->be_patient_with(patience);
}

std::string ParallelSink::description() const {
  return fmt::format("{}, {} workers", workers_.front()->sink->description(), workers_.size());
}

void ParallelSink::work(Worker& worker) {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return over_ || worker.has_work; });
    if (!worker.has_work) return;
    lock.unlock();
    auto stored = worker.sink->store(worker.batches);
    lock.lock();
    worker.stored = std::move(stored);
    worker.has_work = false;
    changed_.notify_all();
  }
}

Result<Stored> ParallelSink::store(std::span<const kafka::Fetched> batches) {
  for (const kafka::Fetched& fetched : batches) {
    const auto partition = static_cast<std::size_t>(std::max(fetched.from.partition, 0));
    workers_[partition % workers_.size()]->batches.push_back(fetched);
  }
  {
    std::unique_lock lock(mutex_);
    for (auto& worker : workers_) worker->has_work = !worker->batches.empty();
    changed_.notify_all();
    changed_.wait(lock, [&] {
      return std::ranges::none_of(workers_, [](const auto& worker) { return worker->has_work; });
    });
  }
  Stored sum;
  std::optional<Error> error;
  for (auto& worker : workers_) {
    worker->batches.clear();
    const auto stored = std::exchange(worker->stored, std::nullopt);
    if (!stored) continue;
    if (*stored) sum.add(**stored);
    // What will not pass by itself says more than what may.
    else if (!error || error->code == ErrorCode::kTimeout)
      error = stored->error();
  }
  if (error) return std::move(*error);
  return sum;
}

}  // namespace ds
