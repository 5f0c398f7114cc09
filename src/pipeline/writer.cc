#include "pipeline/writer.h"

#include <algorithm>
#include <utility>

#include "kafka/wire/record_batch.h"
#include "pipeline/headers.h"
#include "pipeline/pipeline.h"

namespace ds {
namespace {

constexpr Nanos kReleaseGrace = 3 * kSecond;  // well below a session's timeout

/// Cuts off, and returns, what lies behind the record batch with which `records` are reached.
std::optional<kafka::Fetched> cut_behind(kafka::Fetched& fetched, std::uint64_t& records) {
  kafka::BatchCursor batches(fetched.bytes);
  while (const auto batch = batches.next()) {
    const auto count = static_cast<std::uint64_t>(std::max(batch->header.record_count, 0));
    records -= std::min(records, count);
    if (records > 0) continue;
    const ByteView rest = batches.rest();
    if (rest.empty()) return std::nullopt;
    kafka::Fetched tail = fetched;
    tail.bytes = rest;
    tail.first_offset = batch->header.next_offset();
    fetched.bytes = fetched.bytes.first(fetched.bytes.size() - rest.size());
    return tail;
  }
  return std::nullopt;
}

bool contains(const std::vector<kafka::TopicPartition>& partitions,
              const kafka::TopicPartition& partition) {
  return std::ranges::find(partitions, partition) != partitions.end();
}

}  // namespace

std::string_view name_of(PipelineState state) {
  switch (state) {
    case PipelineState::kReading:
      return "reading";
    case PipelineState::kPaused:
      return "paused: the sink is slower";
    case PipelineState::kRetrying:
      return "retrying: the sink refuses";
    case PipelineState::kDraining:
      return "draining";
    case PipelineState::kDone:
      return "done";
    case PipelineState::kFailed:
      return "failed";
  }
  return "unknown";
}

Writer::Writer(std::unique_ptr<Sink> sink, const PipelineSettings& settings, const Clock& clock,
               Log& log)
    : sink_(std::move(sink)),
      description_(sink_->description()),
      settings_(settings),
      clock_(clock),
      log_(log),
      random_(mix_bits(static_cast<std::uint64_t>(clock.now()))) {
  sink_->be_patient_with(*this);
  account_.sink = description_;
}

Writer::~Writer() {
  give_up();
}

void Writer::start() {
  thread_ = std::jthread([this] { store_until_over(); });
}

void Writer::join() {
  if (thread_.joinable()) thread_.join();
}

// ---- For the fetch thread

Result<Writer::Offsets> Writer::assign(const kafka::Assigned& assigned) {
  Offsets own;
  if (!sink_->keeps_offsets() || assigned.partitions.empty()) return own;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !storing_; });
  topic_id_ = assigned.topic_id;
  auto offsets = sink_->next_offsets({settings_.cluster_id, topic_id_});
  if (!offsets) return offsets;
  for (const kafka::TopicPartition& partition : assigned.partitions)
    if (const auto at = offsets->find(partition); at != offsets->end()) own.insert(*at);
  for (const auto& [partition, offset] : own) positions_[partition] = wanted_[partition] = offset;
  return own;
}

void Writer::stand_at(const Offsets& committed) {
  const std::lock_guard lock(mutex_);
  for (const auto& [partition, offset] : committed) positions_.emplace(partition, offset);
  if (phase_ == Phase::kRunning && queue_.empty() && !storing_ && reached_the_end())
    move_to(Phase::kDraining);
}

void Writer::release(const std::vector<kafka::TopicPartition>& partitions) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, std::chrono::nanoseconds(kReleaseGrace),
                         [&] { return !storing_; })) {
    yield_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !storing_; });
    yield_ = false;
  }
  std::erase_if(queue_, [&](const kafka::Fetched& fetched) {
    if (!contains(partitions, fetched.from)) return false;
    queue_bytes_ -= fetched.bytes.size();
    return true;
  });
  for (Offsets* offsets : {&starts_, &wanted_, &ends_})
    std::erase_if(*offsets, [&](const auto& entry) { return contains(partitions, entry.first); });
}

void Writer::forget(const std::vector<kafka::TopicPartition>& partitions) {
  const std::lock_guard lock(mutex_);
  std::erase_if(positions_, [&](const auto& entry) { return contains(partitions, entry.first); });
}

void Writer::enqueue(const std::vector<kafka::Fetched>& batches) {
  const std::lock_guard lock(mutex_);
  for (const kafka::Fetched& fetched : batches) {
    starts_.emplace(fetched.from, fetched.first_offset);
    // What is dropped here is fetched again, or by whoever comes after us.
    if (phase_ != Phase::kRunning || refetch_) continue;
    kafka::Fetched mine = fetched;
    const std::int64_t next = next_offset(fetched);
    auto [wanted, is_new] = wanted_.try_emplace(fetched.from, fetched.first_offset);
    // Below what it wants: fetched again for another writer. (A log that has lost its end is not.)
    if (fetched.first_offset < wanted->second && fetched.high_watermark >= wanted->second) {
      if (next <= wanted->second) continue;
      mine.first_offset = wanted->second;
    }
    wanted->second = next;
    queue_bytes_ += mine.bytes.size();
    queue_.push_back(std::move(mine));
  }
  changed_.notify_all();
}

bool Writer::take_refetch() {
  const std::lock_guard lock(mutex_);
  if (!refetch_ || storing_) return false;
  start_over();
  refetch_ = false;
  return true;
}

Writer::Offsets Writer::wanted() const {
  const std::lock_guard lock(mutex_);
  return wanted_;
}

Writer::Offsets Writer::positions() const {
  const std::lock_guard lock(mutex_);
  return positions_;
}

std::size_t Writer::queue_bytes() const {
  const std::lock_guard lock(mutex_);
  return queue_bytes_;
}

void Writer::see_others(Offsets positions) {
  const std::lock_guard lock(mutex_);
  others_ = std::move(positions);
}

void Writer::see_ends(const Offsets& ends) {
  const std::lock_guard lock(mutex_);
  ends_ = ends;
}

void Writer::drain() {
  const std::lock_guard lock(mutex_);
  move_to(Phase::kDraining);
}

void Writer::give_up() {
  const std::lock_guard lock(mutex_);
  clear_queue();
  move_to(Phase::kOver);
}

bool Writer::draining() const {
  const std::lock_guard lock(mutex_);
  return phase_ != Phase::kRunning;
}

bool Writer::ended() const {
  const std::lock_guard lock(mutex_);
  return phase_ == Phase::kOver && !storing_;
}

bool Writer::over() const {
  const std::lock_guard lock(mutex_);
  return must_give_up();
}

std::optional<Error> Writer::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

SinkAccount Writer::account() const {
  const std::lock_guard lock(mutex_);
  SinkAccount account = account_;
  account.state = error_                      ? PipelineState::kFailed
                  : attempt_ > 0              ? PipelineState::kRetrying
                  : phase_ == Phase::kOver    ? PipelineState::kDone
                  : phase_ != Phase::kRunning ? PipelineState::kDraining
                                              : PipelineState::kReading;
  account.queue_bytes = queue_bytes_;
  for (const auto& [partition, end] : ends_)
    if (const auto at = positions_.find(partition); at != positions_.end())
      account.lag += static_cast<std::uint64_t>(std::max<std::int64_t>(0, end - at->second));
  if (account.lag == 0) account.lag_seconds = 0;
  return account;
}

// ---- The writer's thread

/// In the middle of a store(): the sink wants to try a part of it again.
bool Writer::wait(Nanos time, const Error& why) {
  std::unique_lock lock(mutex_);
  note(why);
  ++attempt_;
  if (phase_ == Phase::kDraining) time = std::min(time, drain_until_ - clock_.now());
  const Phase before = phase_;  // a stop is worth a try at once
  if (!must_give_up() && time > 0)
    changed_.wait_for(lock, std::chrono::nanoseconds(time),
                      [&] { return phase_ != before || must_give_up(); });
  return !must_give_up();
}

void Writer::store_until_over() {
  for (;;) {
    std::vector<kafka::Fetched> batches = take();
    if (batches.empty()) return;
    store(std::move(batches));
  }
}

/// Waits for something to store; nothing when it is over.
std::vector<kafka::Fetched> Writer::take() {
  std::unique_lock lock(mutex_);
  const auto running = [&] { return phase_ == Phase::kRunning; };
  if (attempt_ > 0) {  // the sink did not take it: later, but a stop is worth a try at once
    const Phase before = phase_;
    changed_.wait_for(lock, std::chrono::nanoseconds(retry_wait(attempt_ - 1, random_)),
                      [&] { return phase_ != before; });
  }
  while (phase_ != Phase::kOver) {
    changed_.wait(lock, [&] { return !queue_.empty() || !running(); });
    if (settings_.flush > 0)
      changed_.wait_for(lock, std::chrono::nanoseconds(settings_.flush),
                        [&] { return queue_bytes_ >= settings_.store_bytes_max || !running(); });
    std::vector<kafka::Fetched> batches = take_now();
    if (storing_) return batches;
  }
  return {};
}

std::vector<kafka::Fetched> Writer::take_now() {
  std::vector<kafka::Fetched> batches = take_from_queue();
  storing_ = !batches.empty();
  if (!storing_ && phase_ != Phase::kRunning) move_to(Phase::kOver);
  return batches;
}

void Writer::turn() {
  std::unique_lock lock(mutex_);
  std::vector<kafka::Fetched> batches = take_now();
  lock.unlock();
  if (!batches.empty()) store(std::move(batches));
}

std::vector<kafka::Fetched> Writer::take_from_queue() {
  std::vector<kafka::Fetched> batches;
  std::size_t bytes = 0;
  std::uint64_t wanted = settings_.total - std::min(settings_.total, account_.sum.stored);
  while (!queue_.empty() && bytes < settings_.store_bytes_max) {
    if (settings_.total != 0 && wanted == 0) break;
    kafka::Fetched fetched = std::move(queue_.front());
    queue_.pop_front();
    if (settings_.total != 0)
      if (auto rest = cut_behind(fetched, wanted)) queue_.push_front(std::move(*rest));
    bytes += fetched.bytes.size();
    batches.push_back(std::move(fetched));
  }
  queue_bytes_ -= bytes;
  return batches;
}

void Writer::store(std::vector<kafka::Fetched> batches) {
  const Result<Stored> stored = sink_->store(batches);
  const std::lock_guard lock(mutex_);
  storing_ = false;
  if (stored) {
    if (attempt_ > 0) log_.info("{} stores again", description_);
    attempt_ = 0;
    confirm(batches, *stored);
  } else {
    const Error& error = stored.error();
    if (error.code == ErrorCode::kRefused) {
      note(error);
      log_.warn("{}; reading again from the store's offsets", error.message);
      clear_queue();
      refetch_ = true;
    } else if (error.code == ErrorCode::kTimeout) {
      note(error);
      ++attempt_;
      put_back(std::move(batches));
    } else {
      ++account_.errors;
      account_.last_error = error.message;
      fail(error);
    }
  }
  changed_.notify_all();
}

// ---- With the mutex held

void Writer::note(const Error& why) {
  ++account_.errors;
  account_.last_error = why.message;
  constexpr int kTriesTold = 10;
  if (why.code == ErrorCode::kTimeout && (attempt_ == 0 || attempt_ == kTriesTold))
    log_.warn(
        "{}; {}", why.message,
        attempt_ == 0 ? "trying again until it works" : "it has failed ten times, and is tried on");
}

std::vector<std::pair<std::int64_t, std::uint64_t>> Writer::take_unshown() {
  const std::lock_guard lock(mutex_);
  return std::exchange(unshown_, {});
}

void Writer::confirm(const std::vector<kafka::Fetched>& batches, const Stored& stored) {
  const std::int64_t wall_ms = clock_.wall_ms();
  for (const kafka::Fetched& fetched : batches) {
    positions_[fetched.from] = next_offset(fetched);
    add_latencies(fetched, wall_ms, account_.stored_us);
    for_each_header(fetched, [&](const auto& header) {
      const auto records = static_cast<std::uint64_t>(std::max(header.record_count, 0));
      if (!unshown_.empty() && unshown_.back().first == header.base_timestamp)
        unshown_.back().second += records;
      else if (unshown_.size() < kUnshownMax)  // past it nobody looks
        unshown_.emplace_back(header.base_timestamp, records);
    });
  }
  account_.sum.add(stored, PipelineAccount::kBrandsMax);
  account_.last_store = clock_.now();
  if (stored.stored > 0)
    account_.lag_seconds = static_cast<double>(wall_ms - stored.last_ms) / 1000.0;
  if (reached_the_end()) {
    clear_queue();  // neither stored nor committed: whoever comes after us reads it
    move_to(Phase::kOver);
  }
}

void Writer::put_back(std::vector<kafka::Fetched> batches) {
  for (auto batch = batches.rbegin(); batch != batches.rend(); ++batch) {
    queue_bytes_ += batch->bytes.size();
    queue_.push_front(std::move(*batch));
  }
  if (phase_ == Phase::kOver) clear_queue();
  if (phase_ == Phase::kDraining && clock_.now() >= drain_until_)
    fail({.code = ErrorCode::kTimeout,
          .message =
              fmt::format("what was fetched last could not be stored: {}", account_.last_error),
          .hint = "nothing is lost: its offsets are not committed, and a restart reads it again"});
}

/// Another consumer has moved the store's offsets: everything is read again from where they are.
void Writer::start_over() {
  const auto offsets = sink_->next_offsets({settings_.cluster_id, topic_id_});
  if (!offsets) return fail(offsets.error());
  clear_queue();
  wanted_ = starts_;
  for (const Offsets* better : {&std::as_const(positions_), &*offsets})
    for (auto& [partition, offset] : wanted_)
      if (const auto at = better->find(partition); at != better->end()) offset = at->second;
  for (const auto& [partition, offset] : wanted_)
    if (offsets->contains(partition)) positions_[partition] = offset;
}

bool Writer::reached_the_end() const {
  if (settings_.total != 0 && account_.sum.stored >= settings_.total) return true;
  if (!settings_.until) return false;
  return std::ranges::all_of(*settings_.until, [&](const auto& end) {
    const auto at = positions_.find(end.first), other = others_.find(end.first);
    return (at != positions_.end() && at->second >= end.second) ||
           (other != others_.end() && other->second >= end.second);
  });
}

void Writer::clear_queue() {
  queue_.clear();
  queue_bytes_ = 0;
}

void Writer::move_to(Phase phase) {
  if (phase <= phase_) return;
  phase_ = phase;
  if (phase == Phase::kDraining) drain_until_ = clock_.now() + settings_.drain_timeout;
  changed_.notify_all();
}

void Writer::fail(const Error& error) {
  if (!error_) error_ = error;
  clear_queue();
  move_to(Phase::kOver);
}

bool Writer::must_give_up() const {
  return yield_ || phase_ == Phase::kOver ||
         (phase_ == Phase::kDraining && clock_.now() >= drain_until_);
}

}  // namespace ds
