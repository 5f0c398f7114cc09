#include "pipeline/pipeline.h"

#include <algorithm>
#include <utility>

#include "kafka/wire/record_batch.h"

namespace ds {
namespace {

constexpr Nanos kPoll = 50 * kMillisecond;
constexpr Nanos kPollPaused = 5 * kMillisecond;  // how late the end of a pause may be seen
constexpr Nanos kCloseTimeout = 10 * kSecond;
constexpr Nanos kRetryFirst = 100 * kMillisecond;
constexpr Nanos kRetryMax = 5 * kSecond;

/// What the headers of fetched batches tell.
template <typename Visit>
void for_each_header(const kafka::Fetched& fetched, Visit visit) {
  kafka::BatchCursor batches(fetched.bytes);
  while (const auto batch = batches.next()) visit(batch->header);
}

std::int64_t next_offset(const kafka::Fetched& fetched) {
  std::int64_t next = fetched.first_offset;
  for_each_header(fetched, [&](const auto& header) { next = header.next_offset(); });
  return next;
}

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

/// 100 ms, doubled with each try up to 5 s.
Nanos backoff(int attempt) {
  return std::min(kRetryMax, kRetryFirst << std::min(attempt, 10));
}

void add_latencies(const kafka::Fetched& fetched, std::int64_t wall_ms, Histogram& into) {
  for_each_header(fetched, [&](const auto& header) {
    if (header.record_count > 0)
      into.record((wall_ms - header.base_timestamp) * 1000,
                  static_cast<std::uint64_t>(header.record_count));
  });
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

Pipeline::Pipeline(PipelineSettings settings, std::unique_ptr<Sink> sink, const Clock& clock,
                   Log& log)
    : settings_(std::move(settings)),
      sink_(std::move(sink)),
      sink_description_(sink_->description()),
      clock_(clock),
      log_(log) {}

Result<std::unique_ptr<Pipeline>> Pipeline::start(PipelineSettings settings, PipelineParts parts,
                                                  const Clock& clock, Log& log) {
  auto pipeline = std::unique_ptr<Pipeline>(
      new Pipeline(std::move(settings), std::move(parts.sink), clock, log));
  auto source = parts.make_source(*pipeline);
  if (!source) return std::move(source).error();
  if (pipeline->error_) return *pipeline->error_;
  pipeline->source_ = std::move(source).value();
  Pipeline& running = *pipeline;
  running.writer_ = std::jthread([&running] { running.store_until_over(); });
  running.fetcher_ = std::jthread([&running] { running.fetch_until_over(); });
  return pipeline;
}

Pipeline::~Pipeline() {
  if (fetcher_.joinable()) stop();
}

void Pipeline::stop() {
  std::unique_lock lock(mutex_);
  move_to(Phase::kDraining);
  changed_.wait(lock, [&] { return finished_.load(); });
}

bool Pipeline::wait(Nanos timeout) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::nanoseconds(timeout),
                           [&] { return finished_.load(); });
}

Status Pipeline::outcome() const {
  const std::lock_guard lock(mutex_);
  return error_ ? Status(*error_) : Status(Done{});
}

PipelineAccount Pipeline::account() const {
  const std::lock_guard lock(mutex_);
  PipelineAccount account = account_;
  account.state = error_                      ? PipelineState::kFailed
                  : finished_                 ? PipelineState::kDone
                  : attempt_ > 0              ? PipelineState::kRetrying
                  : phase_ != Phase::kRunning ? PipelineState::kDraining
                  : paused_                   ? PipelineState::kPaused
                                              : PipelineState::kReading;
  account.queue_bytes = queue_bytes_;
  for (const auto& [partition, end] : ends_)
    if (const auto at = positions_.find(partition); at != positions_.end())
      account.lag += static_cast<std::uint64_t>(std::max<std::int64_t>(0, end - at->second));
  if (account.lag == 0) account.lag_seconds = 0;
  return account;
}

// ---- The fetch thread

void Pipeline::fetch_until_over() {
  std::vector<kafka::Fetched> batches;
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (phase_ == Phase::kOver) break;
    }
    refetch_where_asked();
    hold_back_or_go_on();
    batches.clear();
    // Polling goes on while the writer drains: it is what keeps the group's membership.
    if (auto polled = source_->poll(paused_ ? kPollPaused : kPoll, batches); !polled) {
      const std::lock_guard lock(mutex_);
      fail(polled.error());
      break;
    }
    enqueue(batches);
    look_at_the_ends();
    commit(false);
  }
  writer_.join();
  commit(true);
  source_->close(clock_.now() + kCloseTimeout);
  commit(true);  // only to hear what was confirmed
  const std::lock_guard lock(mutex_);
  finished_ = true;
  changed_.notify_all();
}

void Pipeline::refetch_where_asked() {
  Offsets wanted;
  {
    const std::lock_guard lock(mutex_);
    if (!refetch_) return;
    wanted = *std::exchange(refetch_, std::nullopt);
  }
  for (const auto& [partition, offset] : wanted) source_->seek(partition, offset);
}

void Pipeline::hold_back_or_go_on() {
  bool paused;
  {
    const std::lock_guard lock(mutex_);
    // Half empty is early enough to go on, and keeps the two states from chattering.
    const std::size_t limit = settings_.queue_bytes_max / (paused_ ? 2 : 1);
    paused = phase_ != Phase::kRunning || queue_bytes_ >= limit;
    if (paused == paused_) return;
    paused_ = paused;
  }
  source_->pause(paused);
}

void Pipeline::enqueue(std::vector<kafka::Fetched>& batches) {
  if (batches.empty()) return;
  const std::lock_guard lock(mutex_);
  const std::int64_t wall_ms = clock_.wall_ms();
  for (kafka::Fetched& fetched : batches) {
    starts_.emplace(fetched.from, fetched.first_offset);
    began_.emplace(fetched.from, fetched.first_offset);
    // What is dropped here is fetched again, or by whoever comes after us.
    if (phase_ != Phase::kRunning || refetch_) continue;
    if (account_.first_fetch == 0) account_.first_fetch = fetched.at;
    account_.bytes += fetched.bytes.size();
    for_each_header(fetched, [&](const auto& header) {
      account_.read += static_cast<std::uint64_t>(std::max(header.record_count, 0));
    });
    add_latencies(fetched, wall_ms, account_.fetched_us);
    queue_bytes_ += fetched.bytes.size();
    queue_.push_back(std::move(fetched));
  }
  changed_.notify_all();
}

void Pipeline::look_at_the_ends() {
  const Offsets ends = source_->high_watermarks();
  const Offsets committed = source_->committed();
  const std::lock_guard lock(mutex_);
  ends_ = ends;
  // A partition of which nothing has come yet stands where the group left it.
  if (!settings_.reset_offsets)
    for (const auto& [partition, offset] : committed) positions_.emplace(partition, offset);
  if (phase_ == Phase::kRunning && queue_.empty() && !storing_ && reached_the_end())
    move_to(Phase::kDraining);
}

void Pipeline::commit(bool at_once) {
  Offsets positions;
  {
    const std::lock_guard lock(mutex_);
    positions = positions_;
  }
  const Nanos now = clock_.now();
  if (positions != committed_ && (at_once || now - committed_at_ >= settings_.commit_interval)) {
    source_->commit(positions);
    committed_ = positions;
    committed_at_ = now;
  }
  const Offsets confirmed = source_->committed();
  const std::lock_guard lock(mutex_);
  account_.committed = 0;
  for (const auto& [partition, offset] : confirmed)
    if (const auto start = began_.find(partition); start != began_.end())
      account_.committed +=
          static_cast<std::uint64_t>(std::max<std::int64_t>(0, offset - start->second));
}

std::map<kafka::TopicPartition, std::int64_t> Pipeline::on_assigned(
    const std::vector<kafka::TopicPartition>& partitions) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !storing_; });
  const auto offsets = sink_->next_offsets(settings_.cluster_id);
  if (!offsets) {
    fail(offsets.error());
    return {};
  }
  Offsets starts;
  for (const kafka::TopicPartition& partition : partitions)
    if (const auto at = offsets->find(partition); at != offsets->end()) starts.insert(*at);
  for (const auto& [partition, offset] : starts) positions_[partition] = offset;
  return starts;
}

void Pipeline::on_revoked(const std::vector<kafka::TopicPartition>& partitions) {
  const auto gone = [&](const kafka::TopicPartition& partition) {
    return std::find(partitions.begin(), partitions.end(), partition) != partitions.end();
  };
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !storing_; });
    std::erase_if(queue_, [&](const kafka::Fetched& fetched) {
      if (!gone(fetched.from)) return false;
      queue_bytes_ -= fetched.bytes.size();
      return true;
    });
  }
  if (source_) commit(true);
  const std::lock_guard lock(mutex_);
  for (Offsets* offsets : {&positions_, &starts_, &committed_, &ends_})
    std::erase_if(*offsets, [&](const auto& entry) { return gone(entry.first); });
}

// ---- The writer thread

void Pipeline::store_until_over() {
  for (;;) {
    std::vector<kafka::Fetched> batches = take();
    if (batches.empty()) return;
    store(std::move(batches));
  }
}

/// Waits for something to store; nothing when it is over.
std::vector<kafka::Fetched> Pipeline::take() {
  std::unique_lock lock(mutex_);
  const auto running = [&] { return phase_ == Phase::kRunning; };
  if (attempt_ > 0) {  // the sink did not take it: later, but a stop is worth a try at once
    const Phase before = phase_;
    changed_.wait_for(lock, std::chrono::nanoseconds(backoff(attempt_ - 1)),
                      [&] { return phase_ != before; });
  }
  while (phase_ != Phase::kOver) {
    changed_.wait(lock, [&] { return !queue_.empty() || !running(); });
    if (settings_.flush > 0)
      changed_.wait_for(lock, std::chrono::nanoseconds(settings_.flush),
                        [&] { return queue_bytes_ >= settings_.store_bytes_max || !running(); });
    std::vector<kafka::Fetched> batches = take_from_queue();
    storing_ = !batches.empty();
    if (storing_) return batches;
    if (!running()) move_to(Phase::kOver);
  }
  return {};
}

std::vector<kafka::Fetched> Pipeline::take_from_queue() {
  std::vector<kafka::Fetched> batches;
  std::size_t bytes = 0;
  std::uint64_t wanted = settings_.total - std::min(settings_.total, account_.stored);
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

void Pipeline::store(std::vector<kafka::Fetched> batches) {
  const Result<Stored> stored = sink_->store(batches);
  const std::lock_guard lock(mutex_);
  storing_ = false;
  if (stored) {
    if (attempt_ > 0) log_.info("{} stores again", sink_description_);
    attempt_ = 0;
    confirm(batches, *stored);
  } else {
    const Error& error = stored.error();
    ++account_.errors;
    account_.last_error = error.message;
    if (error.code == ErrorCode::kRefused)
      start_over();
    else if (error.code == ErrorCode::kTimeout)
      put_back(std::move(batches));
    else
      fail(error);
  }
  changed_.notify_all();
}

void Pipeline::confirm(const std::vector<kafka::Fetched>& batches, const Stored& stored) {
  const std::int64_t wall_ms = clock_.wall_ms();
  for (const kafka::Fetched& fetched : batches) {
    positions_[fetched.from] = next_offset(fetched);
    add_latencies(fetched, wall_ms, account_.stored_us);
  }
  account_.stored += stored.stored;
  account_.duplicates_suppressed += stored.duplicates_suppressed;
  account_.undecodable += stored.undecodable;
  account_.retired += stored.retired;
  account_.last_store = clock_.now();
  if (stored.stored > 0)
    account_.lag_seconds = static_cast<double>(wall_ms - stored.last_ms) / 1000.0;
  for (const auto& [brand, counts] : stored.by_brand) {
    auto& by_brand = account_.by_brand;
    const bool fits = by_brand.size() < PipelineAccount::kBrandsMax || by_brand.contains(brand);
    auto& sum = by_brand[fits ? brand : "(other)"];
    for (std::size_t i = 0; i < counts.size(); ++i) sum[i] += counts[i];
  }
  if (reached_the_end()) {
    clear_queue();  // neither stored nor committed: whoever comes after us reads it
    move_to(Phase::kOver);
  }
}

void Pipeline::put_back(std::vector<kafka::Fetched> batches) {
  if (attempt_++ == 0) log_.warn("{}; trying again until it works", account_.last_error);
  for (auto batch = batches.rbegin(); batch != batches.rend(); ++batch) {
    queue_bytes_ += batch->bytes.size();
    queue_.push_front(std::move(*batch));
  }
  if (phase_ == Phase::kDraining && clock_.now() >= drain_until_)
    fail({.code = ErrorCode::kTimeout,
          .message =
              fmt::format("what was fetched last could not be stored: {}", account_.last_error),
          .hint = "nothing is lost: its offsets are not committed, and a restart reads it again"});
}

/// Another consumer has moved the store's offsets: everything is read again from where they are.
void Pipeline::start_over() {
  log_.warn("{}; reading again from the store's offsets", account_.last_error);
  const auto offsets = sink_->next_offsets(settings_.cluster_id);
  if (!offsets) return fail(offsets.error());
  clear_queue();
  Offsets wanted = starts_;
  for (const Offsets* better : {&std::as_const(positions_), &*offsets})
    for (auto& [partition, offset] : wanted)
      if (const auto at = better->find(partition); at != better->end()) offset = at->second;
  for (const auto& [partition, offset] : wanted)
    if (offsets->contains(partition)) positions_[partition] = offset;
  refetch_ = std::move(wanted);
}

// ---- With the mutex held

bool Pipeline::reached_the_end() const {
  if (settings_.total != 0 && account_.stored >= settings_.total) return true;
  if (!settings_.until) return false;
  return std::all_of(settings_.until->begin(), settings_.until->end(), [&](const auto& end) {
    const auto at = positions_.find(end.first);
    return at != positions_.end() && at->second >= end.second;
  });
}

void Pipeline::clear_queue() {
  queue_.clear();
  queue_bytes_ = 0;
}

void Pipeline::move_to(Phase phase) {
  if (phase <= phase_) return;
  phase_ = phase;
  if (phase == Phase::kDraining) drain_until_ = clock_.now() + settings_.drain_timeout;
  changed_.notify_all();
}

void Pipeline::fail(const Error& error) {
  if (!error_) error_ = error;
  clear_queue();
  move_to(Phase::kOver);
}

}  // namespace ds
