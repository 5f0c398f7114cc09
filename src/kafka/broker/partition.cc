#include "kafka/broker/partition.h"

#include <algorithm>
#include <tuple>

namespace ds::kafka::broker {
namespace {

constexpr const char* kProducersFile = "/producers";
constexpr std::size_t kProducersBytesMax = 16 << 20;
constexpr std::int16_t kLogAppendTimeBit = 8;

/// The batch, and its header, with one time for all of its records.
BatchHeader stamped(BatchHeader header, ByteSpan batch, std::int64_t time_ms) {
  header.attributes = static_cast<std::int16_t>(header.attributes | kLogAppendTimeBit);
  header.max_timestamp = time_ms;
  header.write(batch.data());
  seal(batch);
  header.crc = load_be<std::uint32_t>(batch.data() + kBatchCrcAt);
  return header;
}

}  // namespace

std::unique_ptr<Partition> Partition::open(Files& files, std::string name,
                                           const std::string& folder, const LogSettings& settings,
                                           bool wait_for_sync, Log& log) {
  std::unique_ptr<Partition> partition(new Partition(std::move(name), wait_for_sync, log));
  std::int64_t& saved_to = partition->producers_saved_to_;
  if (auto bytes = read_file(files, folder + kProducersFile, kProducersBytesMax))
    if (auto saved = ProducerState::decode(as_bytes(*bytes)))
      std::tie(partition->producers_, saved_to) = std::move(*saved);
  std::vector<BatchHeader> known;  // to what was saved
  auto opened = PartitionLog::open(
      files, folder, settings,
      [&](const BatchHeader& header) {
        if (header.base_offset >= saved_to)
          partition->producers_.note(header);
        else if (header.producer_id >= 0)
          known.push_back(header);
      },
      log);
  if (!opened) {
    partition->go_offline(opened.error());
    return partition;
  }
  partition->log_ = std::move(*opened);
  if (partition->log_->end_offset() < saved_to) {  // what comes at these offsets now is others'
    partition->producers_.forget_from(partition->log_->end_offset());
    // What was saved is of a later time than the log: its windows have lost what the log still has.
    for (const BatchHeader& header : known) partition->producers_.forget(header.producer_id);
    for (const BatchHeader& header : known) partition->producers_.note(header);
    if (auto saved = partition->save_producers(files); !saved) partition->go_offline(saved.error());
  }
  // What was found may have been served before as synced, whatever the marks say.
  if (wait_for_sync && partition->has_unsynced()) partition->sync().ok();
  return partition;
}

void Partition::go_offline(const Error& why) {
  if (!offline_.exchange(true))
    operator_log_.error("partition {} is offline: {}{}{}", name_, why.message,
                        why.hint.empty() ? "" : "; ", why.hint);
}

/// What the batch that holds this offset bears; -1: its producer's, or it cannot be told any more.
std::int64_t Partition::append_time_of(std::int64_t offset) const {
  if (offset < log_->start_offset()) return -1;
  const auto slice = log_->find(offset, log_->end_offset(), 1, true);
  if (!slice || !slice->segment) return -1;
  const auto header = read_header(slice->segment->file(), slice->position);
  return header && header->log_append_time() ? header->max_timestamp : -1;
}

std::optional<Partition::Appended> Partition::settle_locked(const BatchHeader& header) const {
  if (offline_) return Appended{.error = KafkaError::kKafkaStorageError};
  const auto verdict = producers_.check(header);
  if (verdict.error != KafkaError::kNone)
    return Appended{.error = verdict.error, .start_offset = log_->start_offset()};
  if (verdict.duplicate_of)
    return Appended{KafkaError::kNone, *verdict.duplicate_of, log_->start_offset(),
                    log_->end_offset(), append_time_of(*verdict.duplicate_of)};
  return std::nullopt;
}

std::optional<Partition::Appended> Partition::settle(const BatchHeader& header) {
  const std::lock_guard lock(mutex_);
  return settle_locked(header);
}

Partition::Appended Partition::settle_or_refuse(const BatchHeader& header) {
  const std::lock_guard lock(mutex_);
  if (const auto settled = settle_locked(header)) return *settled;
  producers_.refuse(header);
  return {.error = KafkaError::kNotEnoughReplicas, .start_offset = log_->start_offset()};
}

Partition::Appended Partition::append(const BatchHeader& sent, ByteSpan batch,
                                      const Clock* append_time) {
  std::unique_lock lock(mutex_);
  if (const auto settled = settle_locked(sent)) return *settled;
  const BatchHeader header = append_time ? stamped(sent, batch, append_time->wall_ms()) : sent;
  const auto base = log_->append(header, batch);
  if (!base) {
    if (log_->sync_failed())
      go_offline(base.error());
    else
      operator_log_.error("partition {}: {}", name_, base.error().message);
    // Nothing of this producer may be stored before it: a new one may begin with any sequence.
    producers_.refuse(header);
    return {.error = KafkaError::kKafkaStorageError};
  }
  BatchHeader stored = header;
  stored.base_offset = *base;
  producers_.note(stored);
  const Appended appended{KafkaError::kNone, *base, log_->start_offset(), log_->end_offset(),
                          append_time ? header.max_timestamp : -1};
  if (!wait_for_sync_) wake_waiters(lock);
  return appended;
}

/// Unlocks: whoever is woken may ask this partition at once.
void Partition::wake_waiters(std::unique_lock<std::mutex>& lock) {
  std::vector<std::shared_ptr<FetchWait>> waiters;
  waiters.swap(waiters_);
  lock.unlock();
  for (const auto& waiter : waiters) waiter->finish();
}

Partition::Ends Partition::ends_locked() const {
  if (offline_) return {.error = KafkaError::kKafkaStorageError};
  return {KafkaError::kNone, log_->start_offset(), high_watermark()};
}

Partition::Ends Partition::ends() {
  const std::lock_guard lock(mutex_);
  return ends_locked();
}

Partition::Found Partition::find(std::int64_t offset, std::size_t bytes_max, bool at_least_one) {
  const std::lock_guard lock(mutex_);
  Found found{ends_locked(), {}};
  if (found.ends.error != KafkaError::kNone) return found;
  if (offset < found.ends.start || offset > log_->end_offset()) {
    found.ends.error = KafkaError::kOffsetOutOfRange;
    return found;
  }
  auto slice = log_->find(offset, high_watermark(), bytes_max, at_least_one);
  if (slice) {
    found.slice = std::move(*slice);
  } else {
    operator_log_.error("partition {}: {}", name_, slice.error().message);
    found.ends.error = KafkaError::kKafkaStorageError;
  }
  return found;
}

Result<PartitionLog::TimedOffset> Partition::find_time(std::int64_t timestamp) {
  const std::lock_guard lock(mutex_);
  if (offline_) return Error{ErrorCode::kStorage, name_ + " is offline"};
  return log_->find_time(timestamp);
}

void Partition::wait_for_append(const std::shared_ptr<FetchWait>& waiter) {
  const std::lock_guard lock(mutex_);
  std::erase_if(waiters_, [](const auto& each) { return each->done.load(); });
  waiters_.push_back(waiter);
}

bool Partition::has_unsynced() {
  const std::lock_guard lock(mutex_);
  return !offline_ && log_->synced_offset() < log_->end_offset();
}

Status Partition::sync() {
  PartitionLog::Unsynced unsynced;
  {
    const std::lock_guard lock(mutex_);
    if (offline_) return Error{ErrorCode::kStorage, name_ + " is offline"};
    unsynced = log_->unsynced();
  }
  Status status = Done{};
  for (const auto& segment : unsynced.segments)
    if (status) status = segment->file().sync();
  if (status && unsynced.folder) status = log_->sync_folder();

  std::unique_lock lock(mutex_);
  if (status) status = log_->note_synced(unsynced);
  if (!status) go_offline(status.error());  // never tried again: the kernel has marked them clean
  if (wait_for_sync_) wake_waiters(lock);
  return status;
}

std::vector<std::shared_ptr<Segment>> Partition::drop_before(std::int64_t offset) {
  const std::lock_guard lock(mutex_);
  if (offline_) return {};
  return log_->drop_before(offset);
}

Partition::Oldest Partition::oldest() {
  const std::lock_guard lock(mutex_);
  const Segment* segment = offline_ ? nullptr : log_->oldest();
  if (!segment) return {};
  return {segment->end(), segment->max_timestamp(), segment->next_offset()};
}

std::optional<std::vector<std::shared_ptr<Segment>>> Partition::drop_oldest(std::int64_t offset) {
  const std::lock_guard lock(mutex_);
  if (offline_ || !log_->oldest() || log_->oldest()->next_offset() > offset) return std::nullopt;
  return log_->drop_oldest();
}

std::shared_ptr<Segment> Partition::drop_spare() {
  const std::lock_guard lock(mutex_);
  return offline_ ? nullptr : log_->drop_spare();
}

std::uint64_t Partition::bytes_from(std::int64_t offset) {
  const std::lock_guard lock(mutex_);
  return offline_ ? 0 : log_->bytes_from(offset);
}

std::vector<std::shared_ptr<Segment>> Partition::closed_segments(bool only_synced) {
  const std::lock_guard lock(mutex_);
  if (offline_) return {};
  return log_->closed(only_synced ? log_->synced_offset() : log_->end_offset());
}

bool Partition::replace(const std::vector<std::shared_ptr<Segment>>& old,
                        std::shared_ptr<Segment> fresh) {
  const std::lock_guard lock(mutex_);
  return !offline_ && log_->replace(old, std::move(fresh));
}

void Partition::set_segment_bytes(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (log_) log_->set_segment_bytes(bytes);
}

std::uint64_t Partition::segment_bytes() {
  const std::lock_guard lock(mutex_);
  return log_ ? log_->segment_bytes() : 0;
}

Status Partition::save_producers(Files& files) {
  ByteVec bytes;
  std::int64_t end = 0;
  {
    const std::lock_guard lock(mutex_);
    if (offline_) return Error{ErrorCode::kStorage, name_ + " is offline"};
    if (producers_.size() == 0 && producers_saved_to_ == 0) return Done{};
    end = log_->end_offset();
    bytes = producers_.encode(end);
  }
  if (auto saved = replace_file(files, folder() + kProducersFile, as_text(bytes)); !saved)
    return saved;
  const std::lock_guard lock(mutex_);
  producers_saved_to_ = end;
  return Done{};
}

Status Partition::save_silent_producers(Files& files) {
  {
    const std::lock_guard lock(mutex_);
    if (offline_ || producers_.count_between(producers_saved_to_, log_->start_offset()) == 0)
      return Done{};
  }
  return save_producers(files);
}

void Partition::expire_producers(std::int64_t now_ms, std::int64_t lives_ms) {
  const std::lock_guard lock(mutex_);
  producers_.expire(now_ms, lives_ms);
}

Status Partition::sync_marks() {
  {
    const std::lock_guard lock(mutex_);
    if (offline_) return Error{ErrorCode::kStorage, name_ + " is offline"};
    if (auto copied = log_->copy_marks(); !copied) return copied;
  }
  auto synced = log_->sync_marks();
  if (!synced) go_offline(synced.error());
  return synced;
}

std::uint64_t Partition::bytes() {
  const std::lock_guard lock(mutex_);
  return log_ ? log_->bytes() : 0;
}

}  // namespace ds::kafka::broker
