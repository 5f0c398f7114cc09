#include "pipeline/pipeline.h"

#include <algorithm>
#include <utility>

#include "pipeline/headers.h"

namespace ds {
namespace {

constexpr Nanos kPoll = 50 * kMillisecond;
constexpr Nanos kPollPaused = 5 * kMillisecond;  // how late the end of a pause may be seen
constexpr Nanos kAskGroup = 500 * kMillisecond;
constexpr Nanos kCloseTimeout = 10 * kSecond;

}  // namespace

Pipeline::Pipeline(PipelineSettings settings, std::vector<std::unique_ptr<Sink>> sinks,
                   const Clock& clock, Log& log)
    : settings_(std::move(settings)), clock_(clock), log_(log) {
  check(!sinks.empty(), "a pipeline has a sink");
  for (auto& sink : sinks) {
    writers_.push_back(std::make_unique<Writer>(std::move(sink), settings_, clock_, log_));
    description_ += (description_.empty() ? "" : "; ") + writers_.back()->description();
  }
}

Result<std::unique_ptr<Pipeline>> Pipeline::make(PipelineSettings settings, PipelineParts parts,
                                                 const Clock& clock, Log& log) {
  auto pipeline = std::unique_ptr<Pipeline>(
      new Pipeline(std::move(settings), std::move(parts.sinks), clock, log));
  pipeline->group_offsets_ = std::move(parts.group_offsets);
  auto source = parts.make_source(*pipeline);
  if (!source) return std::move(source).error();
  if (pipeline->error_) return *pipeline->error_;
  pipeline->source_ = std::move(source).value();
  return pipeline;
}

Result<std::unique_ptr<Pipeline>> Pipeline::start(PipelineSettings settings, PipelineParts parts,
                                                  const Clock& clock, Log& log) {
  auto pipeline = make(std::move(settings), std::move(parts), clock, log);
  if (!pipeline) return pipeline;
  Pipeline& running = **pipeline;
  for (auto& writer : running.writers_) writer->start();
  running.fetcher_ = std::jthread([&running] { running.fetch_until_over(); });
  return pipeline;
}

Result<std::unique_ptr<Pipeline>> Pipeline::by_hand(PipelineSettings settings, PipelineParts parts,
                                                    const Clock& clock, Log& log) {
  return make(std::move(settings), std::move(parts), clock, log);
}

bool Pipeline::turn() {
  if (finished_) return false;
  const bool more = fetch_once(false);
  for (auto& writer : writers_) writer->turn();
  if (!more) finish();
  return more;
}

Pipeline::~Pipeline() {
  if (fetcher_.joinable()) stop();
}

void Pipeline::stop() {
  drain();
  std::unique_lock lock(mutex_);
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
  PipelineAccount account;
  {
    const std::lock_guard lock(mutex_);
    account = account_;
    account.state = error_          ? PipelineState::kFailed
                    : finished_     ? PipelineState::kDone
                    : shown_paused_ ? PipelineState::kPaused
                                    : PipelineState::kReading;
  }
  const bool ended =
      account.state == PipelineState::kFailed || account.state == PipelineState::kDone;
  for (const auto& writer : writers_) account.sinks.push_back(writer->account());
  const SinkAccount& first = account.sinks.front();
  account.by_brand = first.sum.by_brand;
  account.stored = first.sum.stored;
  account.stored_us = first.stored_us;
  for (const SinkAccount& sink : account.sinks) {
    if (sink.sum.stored < account.stored) {
      account.stored = sink.sum.stored;
      account.stored_us = sink.stored_us;
    }
    // What two sinks refuse is one dead letter.
    account.dead_lettered = std::max(account.dead_lettered, sink.sum.dead_lettered);
    account.duplicates_suppressed += sink.sum.duplicates_suppressed;
    account.uniqueness_not_shown += sink.sum.uniqueness_not_shown;
    account.retired += sink.sum.retired;
    account.lag = std::max(account.lag, sink.lag);
    account.lag_seconds = std::max(account.lag_seconds, sink.lag_seconds);
    account.errors += sink.errors;
    if (!sink.last_error.empty()) account.last_error = sink.last_error;
    account.queue_bytes = std::max(account.queue_bytes, sink.queue_bytes);
    account.last_store = std::max(account.last_store, sink.last_store);
    if (ended || account.state == PipelineState::kRetrying) continue;
    if (sink.state == PipelineState::kRetrying || sink.state == PipelineState::kDraining)
      account.state = sink.state;
  }
  return account;
}

std::vector<std::pair<std::int64_t, std::uint64_t>> Pipeline::take_unshown() {
  return writers_.front()->take_unshown();
}

// ---- The fetch thread

void Pipeline::fetch_until_over() {
  while (fetch_once(true)) {
  }
  for (auto& writer : writers_) writer->join();
  finish();
}

bool Pipeline::fetch_once(bool waits) {
  if (writers_over()) return false;
  hold_back_or_go_on();
  batches_.clear();
  // Polling goes on while the writers drain: it is what keeps the group's membership.
  const Nanos wait = !waits ? 0 : paused_ ? kPollPaused : kPoll;
  if (auto polled = source_->poll(wait, batches_); !polled) {
    fail(polled.error());
    return false;
  }
  enqueue(batches_);
  batches_.clear();  // what they hold is the writers' to let go
  refetch_where_asked();
  look_at_the_ends();
  look_at_the_others();
  commit(false);
  return true;
}

void Pipeline::finish() {
  commit(true);
  source_->close(clock_.now() + kCloseTimeout);
  commit(true);  // only to hear what was confirmed
  const std::lock_guard lock(mutex_);
  finished_ = true;
  changed_.notify_all();
}

/// When one has failed the others are over too: what they have stored is stored.
bool Pipeline::writers_over() {
  bool all = true;
  for (const auto& writer : writers_) {
    if (const auto error = writer->error()) {
      fail(*error);
      return true;
    }
    all = all && writer->ended();
  }
  return all;
}

/// Behind a poll, which has told us what is not ours any more.
void Pipeline::refetch_where_asked() {
  if (!source_->sure()) return;
  bool asked = false;
  for (auto& writer : writers_) asked |= writer->take_refetch();
  if (!asked) return;
  for (const auto& [partition, offset] : wanted_by_any()) source_->seek(partition, offset);
}

void Pipeline::hold_back_or_go_on() {
  // Half empty is early enough to go on, and keeps the two states from chattering.
  const std::size_t limit = settings_.queue_bytes_max / (paused_ ? 2 : 1);
  const bool paused = std::ranges::any_of(writers_, [&](const auto& writer) {
    return writer->draining() || writer->queue_bytes() >= limit;
  });
  if (paused == paused_) return;
  paused_ = paused;
  source_->pause(paused);
  const std::lock_guard lock(mutex_);
  shown_paused_ = paused;
}

void Pipeline::enqueue(std::vector<kafka::Fetched>& batches) {
  if (batches.empty()) return;
  count(batches);
  if (somebody_wants_more(batches)) return;
  for (auto& writer : writers_) writer->enqueue(batches);
}

void Pipeline::count(const std::vector<kafka::Fetched>& batches) {
  const std::int64_t wall_ms = clock_.wall_ms();
  const std::lock_guard lock(mutex_);
  for (const kafka::Fetched& fetched : batches) {
    began_.emplace(fetched.from, fetched.first_offset);
    if (account_.first_fetch == 0) account_.first_fetch = fetched.at;
    account_.bytes += fetched.bytes.size();
    for_each_header(fetched, [&](const auto& header) {
      account_.read += static_cast<std::uint64_t>(std::max(header.record_count, 0));
    });
    add_latencies(fetched, wall_ms, account_.fetched_us);
  }
}

/// A partition that starts at the group's offset, while a store that keeps its own stands before
/// it (a file of last week, say): then everything is read from there. Once: what the log no longer
/// holds will not come.
bool Pipeline::somebody_wants_more(const std::vector<kafka::Fetched>& batches) {
  if (maybe_ahead_.empty()) return false;
  bool ahead = false;
  const Offsets wanted = wanted_by_any();
  for (const kafka::Fetched& fetched : batches)
    if (maybe_ahead_.erase(fetched.from) != 0)
      if (const auto at = wanted.find(fetched.from); at != wanted.end())
        ahead |= at->second < fetched.first_offset;
  if (!ahead) return false;
  // Everything that came is dropped here, so what had no place yet starts where it began.
  Offsets from = wanted;
  for (const kafka::Fetched& fetched : batches) from.emplace(fetched.from, fetched.first_offset);
  for (const auto& [partition, offset] : from) source_->seek(partition, offset);
  return true;
}

void Pipeline::look_at_the_ends() {
  // A source may still tell of what it is giving up. Kept, that would be committed again when the
  // partition comes back, and set the group back to where we once left it.
  const auto only_ours = [this](Offsets offsets) {
    std::erase_if(offsets, [this](const auto& entry) { return !ours_.contains(entry.first); });
    return offsets;
  };
  const Offsets ends = only_ours(source_->high_watermarks());
  const Offsets committed = only_ours(source_->committed());
  for (auto& writer : writers_) {
    writer->see_ends(ends);
    writer->stand_at(settings_.reset_offsets ? Offsets() : committed);
  }
}

/// A run to the log's end ends for all of the group together: what others hold is read when they
/// have committed it, and who still has something to read may leave that to us.
void Pipeline::look_at_the_others() {
  if (!settings_.until || !group_offsets_ || !was_assigned_) return;
  const bool all_ours = std::ranges::all_of(
      *settings_.until, [&](const auto& end) { return ours_.contains(end.first); });
  const Nanos now = clock_.now();
  if (all_ours || now - asked_group_at_ < kAskGroup) return;
  asked_group_at_ = now;
  auto offsets = group_offsets_();
  if (!offsets) return log_.debug("{}", offsets.error().message);
  std::erase_if(*offsets, [&](const auto& entry) { return ours_.contains(entry.first); });
  for (auto& writer : writers_) writer->see_others(*offsets);
}

void Pipeline::commit(bool at_once) {
  const Offsets positions = stored_by_all();
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

Sink::Offsets Pipeline::stored_by_all() const {
  Offsets least = writers_.front()->positions();
  for (std::size_t i = 1; i < writers_.size(); ++i) {
    const Offsets other = writers_[i]->positions();
    std::erase_if(least, [&](const auto& entry) { return !other.contains(entry.first); });
    for (auto& [partition, offset] : least) offset = std::min(offset, other.at(partition));
  }
  return least;
}

Pipeline::Offsets Pipeline::wanted_by_any() const {
  Offsets least;
  for (const auto& writer : writers_)
    for (const auto& [partition, offset] : writer->wanted()) {
      const auto [at, is_new] = least.emplace(partition, offset);
      if (!is_new) at->second = std::min(at->second, offset);
    }
  return least;
}

Pipeline::Offsets Pipeline::on_assigned(const kafka::Assigned& assigned) {
  was_assigned_ = true;
  ours_.insert(assigned.partitions.begin(), assigned.partitions.end());
  for (auto& writer : writers_) writer->see_others({});  // what was theirs may be ours now
  Offsets starts;
  std::map<kafka::TopicPartition, std::size_t> told;  // by how many writers
  for (auto& writer : writers_) {
    const auto own = writer->assign(assigned);
    if (!own) {
      fail(own.error());
      return {};
    }
    for (const auto& [partition, offset] : *own) {
      const auto [at, is_new] = starts.emplace(partition, offset);
      if (!is_new) at->second = std::min(at->second, offset);
      ++told[partition];
    }
  }
  // Where one has no word to say, the group's offset counts, unless another stands before it.
  std::erase_if(starts, [&](const auto& entry) {
    const bool by_all = told.at(entry.first) == writers_.size();
    if (!by_all) maybe_ahead_.insert(entry.first);
    return !by_all;
  });
  return starts;
}

void Pipeline::on_revoked(const std::vector<kafka::TopicPartition>& partitions) {
  for (auto& writer : writers_) writer->release(partitions);
  if (source_) commit(true);
  forget(partitions);
}

void Pipeline::on_lost(const std::vector<kafka::TopicPartition>& partitions) {
  for (auto& writer : writers_) writer->release(partitions);
  forget(partitions);
}

void Pipeline::forget(const std::vector<kafka::TopicPartition>& partitions) {
  for (auto& writer : writers_) writer->forget(partitions);
  for (const kafka::TopicPartition& partition : partitions) {
    ours_.erase(partition);
    committed_.erase(partition);
    maybe_ahead_.erase(partition);
  }
}

void Pipeline::drain() {
  for (auto& writer : writers_) writer->drain();
}

void Pipeline::fail(const Error& error) {
  for (auto& writer : writers_) writer->give_up();
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = error;
}

}  // namespace ds
