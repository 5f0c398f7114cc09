#include "storm/plan.h"

#include <algorithm>
#include <cmath>

namespace ds {

Plan::Plan(Schedule schedule, std::uint64_t batch_size, std::uint64_t total, Nanos start,
           Share share)
    : batch_size_(batch_size), total_(total), share_(share) {
  schedule.arrive_in_lots(batch_size);
  parts_.push_back({0, start, std::move(schedule)});
}

std::optional<Nanos> Plan::intended(std::uint64_t batch, Nanos now) const {
  auto part = std::prev(
      std::upper_bound(parts_.begin(), parts_.end(), batch,
                       [](std::uint64_t b, const Part& each) { return b < each.from_batch; }));
  std::optional<Nanos> at;
  if (part->schedule.is_flat_out()) {
    at = now;
  } else {
    const double records =
        static_cast<double>(batch - part->from_batch) * static_cast<double>(batch_size_);
    if (const auto due = part->schedule.instant(records)) at = part->from + *due;
  }
  // A batch of an older part that its worker had not reached is due at the change at the latest.
  if (const auto next = std::next(part); next != parts_.end())
    at = std::min(at.value_or(next->from), next->from);
  return at;
}

Plan::Turn Plan::turn_of(std::uint64_t batch, Nanos now) const {
  const std::uint64_t first = batch * batch_size_;
  const bool behind = end_ < now && now - end_ > kGrace;
  if (behind || (total_ != 0 && first >= total_)) return {.answer = Answer::kFinished};
  const auto due = intended(batch, now);
  if (!due) {
    const bool ends = now >= end_ || parts_.back().schedule.length().has_value();
    if (ends) return {.answer = Answer::kFinished};
    return {.answer = Answer::kWait, .intended = now + kSecond};
  }
  if (*due >= end_) return {.answer = Answer::kFinished};
  if (*due > now) return {.answer = Answer::kWait, .intended = *due};
  const auto mix = std::prev(
      std::upper_bound(mixes_.begin(), mixes_.end(), batch,
                       [](std::uint64_t b, const MixPart& each) { return b < each.from_batch; }));
  const std::uint64_t records = total_ == 0 ? batch_size_ : std::min(batch_size_, total_ - first);
  return {.answer = Answer::kBegin,
          .intended = *due,
          .records = static_cast<std::uint32_t>(records),
          .mix_batch = batch - mix->from_batch,
          .mix = mix->mix};
}

Plan::Turn Plan::look(std::uint64_t batch, Nanos now) const {
  const std::lock_guard lock(mutex_);
  return turn_of(batch, now);
}

void Plan::take_up(std::uint64_t first, std::uint64_t records) {
  const std::lock_guard lock(mutex_);
  begun_ = records;
  next_batch_ = first;
  Part& part = parts_.front();
  const double before = static_cast<double>(first) * static_cast<double>(batch_size_);
  if (const auto due = part.schedule.instant(before)) part.from -= *due;
}

Nanos Plan::origin() const {
  const std::lock_guard lock(mutex_);
  return parts_.front().from;
}

Plan::Turn Plan::begin(std::uint64_t batch, Nanos now, std::uint64_t made) {
  const std::lock_guard lock(mutex_);
  const Turn turn = turn_of(batch, now);
  if (turn.answer == Answer::kBegin) {
    next_batch_ = std::max(next_batch_, batch + 1);
    begun_ += turn.records - std::min<std::uint64_t>(made, turn.records);
    // Workers come with times of their own: one that waited for the lock is not before the other.
    if (last_begin_) spacing_ns_.record(std::max<Nanos>(0, now - *last_begin_), 1);
    last_begin_ = std::max(now, last_begin_.value_or(now));
  }
  return turn;
}

Histogram Plan::spacing_ns() const {
  const std::lock_guard lock(mutex_);
  return spacing_ns_;
}

void Plan::clear_spacing() {
  const std::lock_guard lock(mutex_);
  spacing_ns_ = Histogram();
}

std::uint64_t Plan::change_schedule(Schedule schedule, Nanos now) {
  const std::lock_guard lock(mutex_);
  if (parts_.back().from_batch == next_batch_) parts_.pop_back();
  schedule.arrive_in_lots(batch_size_);
  parts_.push_back({next_batch_, now, std::move(schedule)});
  return next_batch_;
}

std::uint64_t Plan::change_mix(std::uint32_t mix) {
  const std::lock_guard lock(mutex_);
  if (mixes_.back().from_batch == next_batch_) mixes_.pop_back();
  mixes_.push_back({next_batch_, mix});
  return next_batch_;
}

void Plan::finish_at(Nanos end) {
  const std::lock_guard lock(mutex_);
  end_ = std::min(end_, end);
}

std::uint64_t Plan::scheduled(Nanos now) const {
  const std::lock_guard lock(mutex_);
  const Part& part = parts_.back();
  if (part.schedule.is_flat_out()) return begun_;
  // A batch is due with its first record, so whole batches are.
  const double due = part.schedule.due(std::min(now, end_) - part.from);
  const auto batches =
      static_cast<std::uint64_t>(std::ceil(due / static_cast<double>(batch_size_) - 1e-9));
  std::uint64_t records = (part.from_batch + batches) * batch_size_;
  if (total_ != 0) records = std::min(records, total_);
  return std::max(share_.records(records, batch_size_), begun_);
}

std::optional<std::uint64_t> Plan::scheduled_at_end() const {
  {
    const std::lock_guard lock(mutex_);
    if (end_ == std::numeric_limits<Nanos>::max() || parts_.back().schedule.is_flat_out()) {
      if (total_ == 0) return std::nullopt;
      return share_.records(total_, batch_size_);
    }
  }
  return scheduled(std::numeric_limits<Nanos>::max());
}

std::optional<double> Plan::wanted_rate(Nanos now) const {
  const std::lock_guard lock(mutex_);
  const Part& part = parts_.back();
  if (part.schedule.is_flat_out()) return std::nullopt;
  return part.schedule.rate(now - part.from);
}

}  // namespace ds
