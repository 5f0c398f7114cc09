// What a run is to do, second by second: the one thing that its workers share. Rates and mixes
// change while it runs; a change holds "from batch b on", where b is the first batch that no worker
// has begun, so that the claim of a run stays exact.
#pragma once

#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/histogram.h"
#include "storm/schedule.h"

namespace ds {

/// Whose batches this process makes: those whose stream, batch mod `streams`, is `shard` mod
/// `shards`.
struct Share {
  std::uint32_t shard = 0, shards = 1;
  std::uint32_t streams = 1;

  bool owns(std::uint64_t batch) const { return batch % streams % shards == shard; }
  /// Of the first `records`, in batches of `batch_size`.
  std::uint64_t records(std::uint64_t records, std::uint64_t batch_size) const {
    const std::uint64_t whole = records / batch_size;
    return batches(whole) * batch_size + (owns(whole) ? records % batch_size : 0);
  }
  /// Of the first `batches`.
  std::uint64_t batches(std::uint64_t batches) const {
    const auto of_first = [&](std::uint64_t some) {
      return some / shards + (some % shards > shard ? 1 : 0);
    };
    return batches / streams * of_first(streams) + of_first(batches % streams);
  }
};

/// Threads: any. Cost: a short lock per generator batch (thousands a second at the most).
class Plan {
 public:
  /// `total` records (0: no end) in batches of `batch_size`; time counts from `start`.
  Plan(Schedule schedule, std::uint64_t batch_size, std::uint64_t total, Nanos start,
       Share share = {});

  /// What was due before the end is still begun, but only for this long after it: a run that
  /// could not keep up leaves the rest scheduled and not sent, and its account says so.
  static constexpr Nanos kGrace = 100 * kMillisecond;

  /// Goes on where an earlier process of this share left off, before anything is begun: `first` is
  /// its first batch that is not all made and is due now, `records` are those that are. The
  /// schedule's time counts on from there.
  void take_up(std::uint64_t first, std::uint64_t records);
  /// What the schedule's time counts from.
  Nanos origin() const;

  enum class Answer { kBegin, kWait, kFinished };
  struct Turn {
    Answer answer = Answer::kWait;
    Nanos intended = 0;         // kBegin: what latency counts from; kWait: ask again then
    std::uint32_t records = 0;  // kBegin: the batch's size, less for the last
    std::uint64_t mix_batch = 0;
    std::uint32_t mix = 0;
  };
  /// Asks for a batch; when it is due it counts as begun. `made`: records of it that an earlier
  /// process has made.
  Turn begin(std::uint64_t batch, Nanos now, std::uint64_t made = 0);
  /// What begin() would answer; nothing is begun.
  Turn look(std::uint64_t batch, Nanos now) const;

  /// From the first batch that nobody has begun on. Returns that batch.
  std::uint64_t change_schedule(Schedule schedule, Nanos now);
  std::uint64_t change_mix(std::uint32_t mix);
  /// Nothing that is due at `end` or later is begun. The earliest end counts.
  void finish_at(Nanos end);

  /// Records of all batches of this share that are due by `now`; in a closed loop, of those begun.
  std::uint64_t scheduled(Nanos now) const;
  /// What that will be at the end; in a closed loop, the most. Nothing when there is no end.
  std::optional<std::uint64_t> scheduled_at_end() const;
  /// Between the begins of one batch and the next, whoever made them.
  Histogram spacing_ns() const;
  void clear_spacing();
  /// Records a second wanted at `now`; nothing when it is as fast as it goes.
  std::optional<double> wanted_rate(Nanos now) const;

 private:
  struct Part {
    std::uint64_t from_batch;
    Nanos from;
    Schedule schedule;
  };
  struct MixPart {
    std::uint64_t from_batch;
    std::uint32_t mix;
  };
  std::optional<Nanos> intended(std::uint64_t batch, Nanos now) const;
  Turn turn_of(std::uint64_t batch, Nanos now) const;  // with mutex_ held

  const std::uint64_t batch_size_;
  const std::uint64_t total_;
  const Share share_;
  mutable std::mutex mutex_;
  std::vector<Part> parts_;
  std::vector<MixPart> mixes_{{0, 0}};
  std::uint64_t next_batch_ = 0;  // the first that nobody has begun
  std::uint64_t begun_ = 0;       // records of all batches begun
  std::optional<Nanos> last_begin_;
  Histogram spacing_ns_;
  Nanos end_ = std::numeric_limits<Nanos>::max();
};

}  // namespace ds
