#include "pipeline/claim_follower.h"

#include "kafka/wire/record_batch.h"

namespace ds {
namespace {

constexpr Nanos kPoll = 250 * kMillisecond;
constexpr Nanos kWriteInterval = kSecond;
/// A store that is written without a pause lets others in when it can.
constexpr Nanos kWorthSaying = 30 * kSecond;

}  // namespace

Result<std::unique_ptr<ClaimFollower>> ClaimFollower::start(const MakeSource& make_source,
                                                            RunsTable table, const Clock& clock,
                                                            Log& log) {
  auto follower = std::unique_ptr<ClaimFollower>(new ClaimFollower(std::move(table), clock, log));
  auto source = make_source(*follower);
  if (!source) return std::move(source).error().while_trying("follow the claims");
  follower->source_ = std::move(source).value();
  ClaimFollower& running = *follower;
  running.thread_ = std::jthread([&running](std::stop_token stop) { running.follow(stop); });
  return follower;
}

ClaimFollower::~ClaimFollower() {
  stop();
}

void ClaimFollower::stop(std::optional<std::map<std::int32_t, std::int64_t>> ends, Nanos patience) {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ends_ = std::move(ends);
    patience_ = patience;
  }
  thread_.request_stop();
  thread_.join();
}

void ClaimFollower::follow(std::stop_token stop) {
  Nanos written = clock_.now();
  while (!stop.stop_requested() && source_) {
    poll();
    if (clock_.now() - written < kWriteInterval) continue;
    write_down();
    written = clock_.now();
  }
  const Nanos until = clock_.now() + [&] {
    const std::lock_guard lock(mutex_);
    return patience_;
  }();
  for (int quiet = 0; source_ && clock_.now() < until && !read_to_the_end() && quiet < 2;)
    quiet = poll() || ends_ ? 0 : quiet + 1;
  write_down(kLast);
  if (source_) source_->close(clock_.now() + kSecond);
}

bool ClaimFollower::poll() {
  std::vector<kafka::Fetched> batches;
  if (auto polled = source_->poll(kPoll, batches); !polled) {
    log_.error("claims are no longer followed: {}", polled.error().message);
    source_.reset();
    return false;
  }
  for (const kafka::Fetched& fetched : batches) take(fetched);
  return !batches.empty();
}

void ClaimFollower::take(const kafka::Fetched& fetched) {
  ByteVec scratch;
  kafka::BatchCursor batches(fetched.bytes);
  while (const auto batch = batches.next()) {
    read_[fetched.from.partition] = batch->header.next_offset();
    if (batch->header.control() || !batch->header.verify(batch->bytes)) continue;
    kafka::RecordReader records(*batch, scratch);
    ClaimBook check;
    while (const auto record = records.next()) {
      if (!record->key) continue;
      const std::string_view key = as_text(*record->key);
      const std::string_view value = as_text(record->value.value_or(ByteView{}));
      if (check.add(key, value)) pending_[std::string(key)] = value;
    }
  }
}

void ClaimFollower::write_down(Turn turn) {
  if (pending_.empty()) return;
  std::vector<ClaimRecord> records;
  for (const auto& [key, value] : pending_) records.push_back({key, value});
  if (auto written = table_.put(records, clock_.wall_ms()); !written) {
    if (failing_since_ == 0) failing_since_ = clock_.now();
    const bool lasts = turn == kLast || clock_.now() - failing_since_ >= kWorthSaying;
    if (lasts && !std::exchange(said_, true))
      log_.warn("claims could not be written down: {}", written.error().message);
    return;  // they stay pending
  }
  failing_since_ = 0;
  said_ = false;
  pending_.clear();
}

bool ClaimFollower::read_to_the_end() {
  if (!ends_) return false;
  for (const auto& [partition, end] : *ends_)
    if (end > 0 && read_[partition] < end) return false;
  return true;
}

}  // namespace ds
