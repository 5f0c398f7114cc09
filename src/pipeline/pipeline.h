// From Kafka to the row: a fetch thread that owns the source, and for each sink a writer with a
// bounded queue and a thread (writer.h). Offsets are committed after every sink's confirmation,
// back on the fetch thread, and only as far as every record below is stored in all of them.
// `consume` and `up` start the same object.
//
//   auto pipeline = Pipeline::start(settings, {.make_source = …, .sinks = one(sink)}, clock, log);
//   while (!(*pipeline)->finished()) show((*pipeline)->account());
//   (*pipeline)->stop();                            // drains; a second call does nothing
//   Status outcome = (*pipeline)->outcome();
//
// Queues are counted in bytes. When the longest is full the source is paused, which keeps its
// membership: a slow sink costs neither memory nor a rebalance. With several sinks the slowest sets
// the pace, and each shows its own lag.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/histogram.h"
#include "base/log.h"
#include "kafka/client/source.h"
#include "pipeline/writer.h"
#include "sink/sink.h"

namespace ds {

struct PipelineSettings {
  std::string cluster_id;  // the store's offsets are kept by it
  /// How long the writer waits for more before it stores what it has. With 0 what comes while one
  /// transaction runs is the next one.
  Nanos flush = 0;
  std::size_t store_bytes_max = 8 << 20;   // in one transaction
  std::size_t queue_bytes_max = 64 << 20;  // the longest queue; what it holds, others share
  /// Ends at the end of the record batch that brings the stored records to this; 0: no end.
  std::uint64_t total = 0;
  /// Ends when every partition named is stored up to its offset: the topic's end when the run
  /// began, without the partitions that held nothing then.
  std::optional<std::map<kafka::TopicPartition, std::int64_t>> until;
  bool reset_offsets = false;  // as the source and the sink were told
  Nanos commit_interval = 200 * kMillisecond;
  Nanos drain_timeout = 30 * kSecond;
};

struct PipelineParts {
  std::function<Result<std::unique_ptr<kafka::Source>>(kafka::AssignmentListener&)> make_source;
  /// What the group has committed: how far its other members have got. Asked on the fetch thread
  /// now and then when the run ends at the log's end; may be empty when there are no others.
  std::function<Result<Sink::Offsets>()> group_offsets = {};
  std::vector<std::unique_ptr<Sink>> sinks;  // at least one
};

inline std::vector<std::unique_ptr<Sink>> one(std::unique_ptr<Sink> sink) {
  std::vector<std::unique_ptr<Sink>> sinks;
  sinks.push_back(std::move(sink));
  return sinks;
}

/// A moment's counts. With several sinks `stored` is what all of them have stored, lag and latency
/// are the slowest's, and brands are the first's; each sink's own figures lie in `sinks`.
struct PipelineAccount {
  PipelineState state = PipelineState::kReading;
  std::uint64_t read = 0;  // records fetched, as their batches' headers count them
  std::uint64_t stored = 0;
  std::uint64_t duplicates_suppressed = 0;
  std::uint64_t dead_lettered = 0;
  std::uint64_t uniqueness_not_shown = 0;
  std::uint64_t retired = 0;    // rows that the store has trimmed, and still accounts for
  std::uint64_t committed = 0;  // offsets that the group has confirmed, from where reading began
  std::uint64_t lag = 0;        // records between what is stored and the ends, as last seen
  double lag_seconds = 0;       // the age of the newest record stored while there is lag, else 0
  std::uint64_t errors = 0;     // failed tries to store
  std::string last_error;
  std::uint64_t bytes = 0;  // fetched
  std::size_t queue_bytes = 0;
  /// By brand (past kBrandsMax under "(other)"): positive, negative, neutral.
  std::map<std::string, std::array<std::uint64_t, 3>, std::less<>> by_brand;
  /// From the first record's own timestamp in each record batch (a wall clock's, maybe another
  /// machine's: differences that are negative are counted apart) to the moment named, in
  /// microseconds with a millisecond's grain. Counted in records.
  Histogram fetched_us;
  Histogram stored_us;
  Nanos first_fetch = 0;
  Nanos last_store = 0;
  std::vector<SinkAccount> sinks;

  static constexpr std::size_t kBrandsMax = 1000;
};

/// Threads: start, ask and stop from any thread.
/// Lifetime: the destructor stops and drains.
class Pipeline final : private kafka::AssignmentListener {
 public:
  static Result<std::unique_ptr<Pipeline>> start(PipelineSettings settings, PipelineParts parts,
                                                 const Clock& clock, Log& log);
  /// The same without threads, at the caller's own pace: for simulations. It reads and stores in
  /// turn(); stop() and wait() are not for it.
  static Result<std::unique_ptr<Pipeline>> by_hand(PipelineSettings settings, PipelineParts parts,
                                                   const Clock& clock, Log& log);
  /// Of one by hand: polls the source once, lets each sink store what it has, commits. False when
  /// that was the last.
  bool turn();
  ~Pipeline() override;

  bool finished() const { return finished_.load(); }
  /// Waits until it has finished by itself or `timeout` has passed; true when it has finished.
  bool wait(Nanos timeout);
  /// Fetches no more, stores what is fetched, commits, leaves. Gives up after drain_timeout when
  /// the sink does not take it; what is not stored is not committed.
  void stop();
  /// After the end: what stopped it, or done.
  Status outcome() const;

  PipelineAccount account() const;
  /// Where each partition goes on, below which all is stored by every sink. One of which nothing is
  /// known is left out.
  Sink::Offsets stored_by_all() const;
  /// The records stored since the last call, by the first sink: when they were due (ms) and how
  /// many.
  std::vector<std::pair<std::int64_t, std::uint64_t>> take_unshown();
  /// The sinks', one after the other.
  const std::string& description() const { return description_; }

 private:
  using Offsets = Sink::Offsets;

  Pipeline(PipelineSettings settings, std::vector<std::unique_ptr<Sink>> sinks, const Clock& clock,
           Log& log);

  static Result<std::unique_ptr<Pipeline>> make(PipelineSettings settings, PipelineParts parts,
                                                const Clock& clock, Log& log);

  // The fetch thread's.
  void fetch_until_over();
  /// False when there is nothing more to fetch for.
  bool fetch_once(bool waits);
  void finish();
  bool writers_over();
  void refetch_where_asked();
  void hold_back_or_go_on();
  void enqueue(std::vector<kafka::Fetched>& batches);
  void count(const std::vector<kafka::Fetched>& batches);
  bool somebody_wants_more(const std::vector<kafka::Fetched>& batches);
  void look_at_the_ends();
  void look_at_the_others();
  void commit(bool at_once);
  Offsets wanted_by_any() const;
  Offsets on_assigned(const kafka::Assigned& assigned) override;
  void on_revoked(const std::vector<kafka::TopicPartition>& partitions) override;
  void on_lost(const std::vector<kafka::TopicPartition>& partitions) override;
  void forget(const std::vector<kafka::TopicPartition>& partitions);

  void drain();
  void fail(const Error& error);

  const PipelineSettings settings_;
  const Clock& clock_;
  Log& log_;
  std::unique_ptr<kafka::Source> source_;
  // The fetch thread's.
  std::function<Result<Sink::Offsets>()> group_offsets_;
  std::set<kafka::TopicPartition> ours_;
  bool was_assigned_ = false;
  Nanos asked_group_at_ = 0;
  Nanos committed_at_ = 0;
  Offsets committed_;
  Offsets began_;  // where reading began, for the account: also of partitions that are gone
  std::set<kafka::TopicPartition> maybe_ahead_;  // of a store that keeps its own offsets
  bool paused_ = false;
  std::vector<kafka::Fetched> batches_;  // of a poll; a member for its memory

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool shown_paused_ = false;
  PipelineAccount account_;
  std::optional<Error> error_;
  std::atomic<bool> finished_{false};

  std::vector<std::unique_ptr<Writer>> writers_;
  std::string description_;
  std::jthread fetcher_;  // last: starts after, joins before, what it uses
};

}  // namespace ds
