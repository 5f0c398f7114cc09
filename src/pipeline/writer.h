// The writing half of the pipeline: one sink, its queue and the thread that feeds it. With several
// sinks every writer gets the same batches (their bytes are shared), goes at its own pace, and
// knows its own place in each partition; what all of them have stored may be committed.
//
//   fetch thread ──▶ Pipeline ──▶ Writer ──▶ Sink
//                            └──▶ Writer ──▶ Sink
//
// A sink that fails in a way that may pass is asked again, later and later with full jitter, for
// ever; the account says so. Another failure ends the writer, and with it the pipeline.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/histogram.h"
#include "base/log.h"
#include "base/retry_wait.h"
#include "kafka/client/source.h"
#include "sink/sink.h"

namespace ds {

struct PipelineSettings;

enum class PipelineState { kReading, kPaused, kRetrying, kDraining, kDone, kFailed };
/// "reading", "paused: the sink is slower", …
std::string_view name_of(PipelineState state);

/// A moment of one sink.
struct SinkAccount {
  std::string sink;  // its description
  PipelineState state = PipelineState::kReading;
  Stored sum;                // since the start
  std::uint64_t lag = 0;     // records between what it has stored and the ends, as last seen
  std::uint64_t errors = 0;  // failed tries to store
  std::string last_error;
  std::size_t queue_bytes = 0;
  /// From the first record's own timestamp in each record batch; see PipelineAccount.
  Histogram stored_us;
  double lag_seconds = 0;  // the age of the newest record stored while there is lag, else 0
  Nanos last_store = 0;
};

/// Threads:  start to account are the fetch thread's; account(), drain() and give_up() anybody's.
/// Lifetime: borrows settings, clock and log; the destructor gives up and joins.
class Writer final : private Patience {
 public:
  using Offsets = Sink::Offsets;

  Writer(std::unique_ptr<Sink> sink, const PipelineSettings& settings, const Clock& clock,
         Log& log);
  ~Writer() override;
  void start();
  /// In place of start(), for who has no threads: stores once what is queued, if anything is.
  void turn();

  /// Where the store itself wants these to go on; it is where the writer stands from now on.
  Result<Offsets> assign(const kafka::Assigned& assigned);
  /// A partition of which nothing has come yet stands where the group left it.
  void stand_at(const Offsets& committed);
  /// Waits for the sink, not for ever: after a grace it has to give up. Then lets go of what is
  /// queued of them; forget() follows when the positions have been committed.
  void release(const std::vector<kafka::TopicPartition>& partitions);
  void forget(const std::vector<kafka::TopicPartition>& partitions);

  /// Takes what is new to it.
  void enqueue(const std::vector<kafka::Fetched>& batches);
  /// Whether it has lost its place to another consumer: then it has asked the store again, and
  /// wants everything from wanted() on. To be called while what it knows of is surely ours.
  bool take_refetch();
  /// The next offset to enqueue, of each partition that it knows.
  Offsets wanted() const;
  /// Everything below is stored.
  Offsets positions() const;
  std::size_t queue_bytes() const;
  /// See Pipeline.
  std::vector<std::pair<std::int64_t, std::uint64_t>> take_unshown();
  void see_ends(const Offsets& ends);
  /// How far others of the group have got in what they read; nothing of it is ours.
  void see_others(Offsets positions);

  /// Stores what is queued, then is over; gives up after the settings' drain_timeout.
  void drain();
  /// Is over as soon as the sink returns; what is queued is dropped.
  void give_up();
  bool ended() const;
  void join();
  std::optional<Error> error() const;
  bool draining() const;

  SinkAccount account() const;
  const std::string& description() const { return description_; }

 private:
  enum class Phase { kRunning, kDraining, kOver };

  bool wait(Nanos time, const Error& why) override;
  bool over() const override;  // as Patience means it

  void store_until_over();
  std::vector<kafka::Fetched> take();
  /// Without waiting; nothing while there is nothing, or when it is over.
  std::vector<kafka::Fetched> take_now();
  void store(std::vector<kafka::Fetched> batches);

  // With mutex_ held.
  std::vector<kafka::Fetched> take_from_queue();
  void confirm(const std::vector<kafka::Fetched>& batches, const Stored& stored);
  void put_back(std::vector<kafka::Fetched> batches);
  void start_over();
  void note(const Error& why);
  bool reached_the_end() const;
  void clear_queue();
  void move_to(Phase phase);
  void fail(const Error& error);
  bool must_give_up() const;

  const std::unique_ptr<Sink> sink_;
  const std::string description_;
  const PipelineSettings& settings_;
  const Clock& clock_;
  Log& log_;
  Random random_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Phase phase_ = Phase::kRunning;
  Nanos drain_until_ = 0;
  std::deque<kafka::Fetched> queue_;
  std::size_t queue_bytes_ = 0;
  bool storing_ = false;  // the thread is in the sink
  bool yield_ = false;    // and shall come back
  bool refetch_ = false;  // its place is lost: nothing is enqueued until it is found
  std::string topic_id_;
  int attempt_ = 0;  // of storing what is next
  Offsets starts_;   // where each partition's reading began
  Offsets wanted_;   // the next to enqueue
  Offsets positions_;
  Offsets ends_;
  Offsets others_;
  SinkAccount account_;
  static constexpr std::size_t kUnshownMax = 100'000;
  std::vector<std::pair<std::int64_t, std::uint64_t>> unshown_;
  std::optional<Error> error_;

  std::jthread thread_;  // last: starts after, joins before, what it uses
};

}  // namespace ds
