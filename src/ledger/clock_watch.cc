#include "ledger/clock_watch.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>

#include "base/log.h"
#include "base/thread_name.h"
#include "kafka/client/admin.h"
#include "kafka/wire/record_batch.h"

namespace ds {
namespace {

constexpr Nanos kPatience = kSecond;
constexpr Nanos kMeasureEvery = kSecond;
constexpr Nanos kTryAgainEvery = 2 * kSecond;
constexpr int kAtOnce = 8;  // each halves what is not known, down to the way there and back
constexpr int kRefusalsMax = 3;
constexpr std::int64_t kTail = 1000;  // of what was told before a watch began, so many records
constexpr std::int64_t kLatestMs = std::int64_t{1} << 50;

/// What is told counts for minutes, so little of it is kept.
const kafka::TopicSpec kClockSpec{.name = kClockTopic,
                                  .partitions = 1,
                                  .configs = {{"message.timestamp.type", "LogAppendTime"},
                                              {"retention.ms", "3600000"},
                                              {"segment.bytes", "1048576"}}};

/// Whether to come again soon, or what went wrong.
using Again = Result<bool>;

/// This machine's clock against that of the broker that leads the topic.
class Probe {
 public:
  Probe(const Clock& clock, WallClock wall_us) : clock_(clock), wall_us_(std::move(wall_us)) {}

  /// One sample, by a record of this value.
  Again send(kafka::TopicKeeper& keeper, const std::optional<std::string>& value) {
    kafka::RecordBatchBuilder builder({});
    kafka::RecordBatchBuilder::Record record{.timestamp = clock_.wall_ms()};
    if (value) record.value = as_bytes(*value);
    builder.add(record);
    const auto batch = builder.build();
    if (!batch) return batch.error();
    const auto stamp = keeper.produce_stamped(kClockTopic, 0, *batch);
    if (!stamp) return stamp.error();
    if (stamp->stored_ms < 0 || stamp->stored_ms > kLatestMs)
      return Error{
          .code = ErrorCode::kRefused,
          .message = fmt::format("records in {} do not bear the broker's time", kClockTopic)};
    // Whatever happens between these looks, the sample only gets wider.
    const Nanos before = clock_.now();
    const std::int64_t wall = wall_us_();
    const Nanos after = clock_.now();
    estimate_.add({.broker = stamp->broker,
                   .stored_ms = stamp->stored_ms,
                   .sent_us = wall - (after - stamp->sent) / kMicrosecond - 1,
                   .answered_us = wall - (before - stamp->answered) / kMicrosecond + 1,
                   .at = after});
    return true;
  }

  Nanos wait_to_meet_a_tick() const {
    return estimate_.wait_us(wall_us_(), clock_.now()) * kMicrosecond;
  }
  std::optional<std::string> word_of(const ClockOwner& owner) const {
    const auto known = estimate_.bounds(clock_.now());
    return known ? std::optional(clock_word(owner, estimate_.broker(), *known)) : std::nullopt;
  }
  std::optional<ClockDifference> against(ClockBook& book) const {
    return book.compare(estimate_, wall_us_(), clock_.now());
  }
  bool began() const { return estimate_.broker() >= 0; }

 private:
  const Clock& clock_;
  const WallClock wall_us_;
  ClockEstimate estimate_;
};

/// A thread's sleep; it ends early when the thread is to stop.
class Sleep {
 public:
  bool operator()(Nanos time, const std::stop_token& stop) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    wake_.wait_for(lock, stop, std::chrono::nanoseconds(time), [] { return false; });
    return !stop.stop_requested();
  }

 private:
  std::condition_variable_any wake_;
};

/// Calls `measure` for as long as it is not refused again and again.
void go_on(const std::stop_token& stop, Sleep& sleep, const std::function<Again()>& measure) {
  int refusals = 0;
  while (!stop.stop_requested() && refusals < kRefusalsMax) {
    const Again again = measure();
    refusals = !again && again.error().code == ErrorCode::kRefused ? refusals + 1 : 0;
    sleep(again && *again ? kMeasureEvery : kTryAgainEvery, stop);
  }
}

}  // namespace

std::int64_t system_wall_us() {
  return std::chrono::system_clock::now().time_since_epoch() / std::chrono::microseconds(1);
}

kafka::ClientSettings for_clocks(kafka::ClientSettings client) {
  client.request_timeout = std::min(client.request_timeout, kPatience);
  client.connect_timeout = std::min(client.connect_timeout, kPatience);
  return client;
}

struct ClockTeller::State {
  MakeKeeper make;
  ClockOwner owner;
  Probe probe;
  std::unique_ptr<kafka::TopicKeeper> keeper = nullptr;

  Again tell(const std::stop_token& stop, Sleep& sleep) {
    int count = 1;
    if (!keeper) {
      auto made = make();
      if (!made) return std::move(made).error();
      keeper = std::move(*made);
    }
    if (!probe.began()) {
      count = kAtOnce;
      if (const auto ready = keeper->ready_partitions(kClockSpec); !ready) return ready.error();
    }
    for (int i = 0; i < count && sleep(probe.wait_to_meet_a_tick(), stop); ++i)
      if (const auto sent = probe.send(*keeper, probe.word_of(owner)); !sent) return sent;
    return true;
  }
};

ClockTeller::ClockTeller(MakeKeeper make, ClockOwner owner, const Clock& clock, WallClock wall_us)
    : state_(new State{std::move(make), std::move(owner), Probe(clock, std::move(wall_us))}),
      thread_([state = state_.get()](const std::stop_token& stop) {
        name_thread("clock");
        Sleep sleep;
        go_on(stop, sleep, [&] { return state->tell(stop, sleep); });
        state->keeper.reset();
      }) {}

ClockTeller::~ClockTeller() = default;

struct ClockWatch::State {
  State(const kafka::ClientSettings& client, const std::string& to_watch, const Clock& clock,
        WallClock wall_us)
      : admin(for_clocks(client), clock, log),
        topic(to_watch),
        probe(clock, std::move(wall_us)),
        book(to_watch),
        seen{.difference = {}, .why_not = "it is not measured yet"} {}

  NoLog log;
  kafka::Admin admin;
  const std::string topic;
  Probe probe;
  ClockBook book;
  std::int64_t next = -1;  // offset in the topic of clocks
  mutable std::mutex mutex;
  ClockLook seen;

  void note(ClockLook look) {
    const std::lock_guard lock(mutex);
    seen = std::move(look);
  }

  /// What storms have told since the last time.
  Status read() {
    // It is not waited for: where nobody tells of a clock there is none.
    if (const auto there = admin.describe_topic(kClockTopic); !there) return there.error();
    const auto ends = admin.end_offsets(kClockTopic);
    if (!ends) return ends.error();
    const auto starts = admin.start_offsets(kClockTopic);
    if (!starts) return starts.error();
    if (!ends->contains(0) || !starts->contains(0)) return Done{};
    const std::int64_t end = ends->at(0);
    if (next < 0 || next > end) next = end - kTail;
    next = std::max(next, starts->at(0));
    auto read = admin.read_partition(kClockTopic, 0, next, end,
                                     [&](std::int32_t, const kafka::RecordView& record) {
                                       if (record.value)
                                         book.add(as_text(*record.value), record.timestamp);
                                     });
    if (read) next = end;
    return read;
  }

  Again measure(const std::stop_token& stop, Sleep& sleep) {
    const auto nobody = [&] {
      note({.difference = {},
            .why_not = fmt::format("nobody who sends into {} has told of a clock lately", topic)});
      return false;
    };
    if (const auto done = read(); !done) {
      if (done.error().system == kafka::kNoSuchTopic) return nobody();
      return done.error();
    }
    if (book.empty()) return nobody();
    for (int left = probe.began() ? 1 : kAtOnce;
         left > 0 && sleep(probe.wait_to_meet_a_tick(), stop); --left)
      if (const auto sent = probe.send(admin, std::nullopt); !sent) return sent;
    if (stop.stop_requested()) return false;
    const auto difference = probe.against(book);
    if (!difference) return nobody();
    note({.difference = difference, .why_not = {}});
    return true;
  }
};

ClockWatch::ClockWatch(const kafka::ClientSettings& client, const std::string& topic,
                       const Clock& clock, WallClock wall_us)
    : state_(new State(client, topic, clock, std::move(wall_us))),
      thread_([state = state_.get()](const std::stop_token& stop) {
        name_thread("clock");
        Sleep sleep;
        go_on(stop, sleep, [&] {
          auto measured = state->measure(stop, sleep);
          if (!measured)  // what is known holds on, and gets wider
            state->note({.difference = state->probe.against(state->book),
                         .why_not = measured.error().message});
          return measured;
        });
      }) {}

ClockWatch::~ClockWatch() {
  stop();
}

void ClockWatch::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

ClockLook ClockWatch::look() const {
  const std::lock_guard lock(state_->mutex);
  return state_->seen;
}

}  // namespace ds
