#include "storm/sensors.h"

#include <deque>
#include <map>
#include <mutex>

#include "base/thread_name.h"

namespace ds {

Sensors::Sensors(const SensorSettings& settings, const Clock& clock, Log& log, SensorLedger* ledger)
    : settings_(settings),
      clock_(clock),
      log_(log),
      ledger_(ledger),
      started_(clock.now()),
      started_wall_ms_(clock.wall_ms()),
      plan_(settings, started_, started_wall_ms_) {
  if (ledger_ != nullptr) ledger_->began(started_wall_ms_);
}

void Sensors::begin() {
  thread_ = std::jthread([this](std::stop_token stop) {
    name_thread("sensors");
    run(stop);
    ended_ = clock_.now();
    finished_ = true;
  });
}

void Sensors::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  wake();
  thread_.join();
}

Account Sensors::account() const {
  Account sum;
  counts_.add_to(sum);
  sum.scheduled = scheduled_.load(std::memory_order_relaxed);
  return sum;
}

Histogram Sensors::latency_us() const {
  Histogram sum;
  counts_.add_to(sum);
  return sum;
}

namespace {

constexpr std::size_t kChunk = 4096;            // readings given to the feed at once
constexpr std::uint64_t kOnTheirWay = 1 << 18;  // readings, before it waits
constexpr Nanos kStep = 5 * kMillisecond;       // how long it gathers at most

/// Straight into Kafka: the feed gathers and sends.
class KafkaSensors final : public Sensors {
 public:
  KafkaSensors(const SensorSettings& settings, const SensorsViaKafka& via, const Clock& clock,
               Log& log, SensorLedger* ledger)
      : Sensors(settings, clock, log, ledger),
        feed_(std::make_unique<kafka::TopicFeed>(
            via.feed, [this](std::span<const kafka::TopicFeed::Told> told) { hear(told); }, clock,
            log)) {
    begin();
  }
  ~KafkaSensors() override { stop(); }

 private:
  struct Chunk {
    std::uint64_t first, count, left;
    bool stored = true;  // all that was heard of; which of them was not is not told
  };

  void run(std::stop_token stop) override {
    while (feed_->away() && !stop.stop_requested()) sleep(kMillisecond);
    std::uint64_t next = 0;
    while (next < plan_.end() && !stop.stop_requested()) {
      const std::uint64_t due = plan_.due_by(clock_.now());
      set_due(due);
      if (next < due && on_their_way() < kOnTheirWay)
        next = give(next, std::min<std::uint64_t>(due, next + kChunk));
      else
        sleep(next < due ? kMillisecond
                         : std::clamp<Nanos>(plan_.due(next) - clock_.now(), 0, kStep));
    }
    set_due(next);
    const Nanos until = clock_.now() + 10 * kSecond;
    while (on_their_way() > 0 && clock_.now() < until) sleep(kMillisecond);
    feed_.reset();  // tells the rest
  }
  void wake() override { woken_.notify_all(); }

  std::uint64_t give(std::uint64_t first, std::uint64_t end) {
    {
      const std::lock_guard lock(mutex_);
      chunks_.emplace(++chunk_, Chunk{first, end - first, end - first});
      on_their_way_ += end - first;
    }
    std::uint8_t text[kReadingBytesMax];
    std::size_t bytes = 0;
    for (std::uint64_t i = first; i < end; ++i) {
      const Reading reading = plan_.reading(i);
      const auto size = static_cast<std::size_t>(put_json(text, reading) - text);
      feed_->add(chunk_, ByteView(text, size), reading.producer_id);
      bytes += size;
    }
    counts_.enqueued(end - first, {}, plan_.due(first), clock_.now() - plan_.due(first));
    counts_.written(end - first, bytes);
    feed_->send();
    return end;
  }

  /// On the feed's thread. All of a chunk count from its first reading's instant: a step at most.
  void hear(std::span<const kafka::TopicFeed::Told> told) {
    const Nanos now = clock_.now();
    const std::lock_guard lock(mutex_);
    for (const auto& [ticket, records, stored] : told) {
      Chunk& chunk = chunks_.at(ticket);
      const Nanos latency = now - plan_.due(chunk.first);
      if (stored)
        counts_.delivered(records, latency, now, true);
      else
        counts_.unknown(records, latency);
      chunk.stored = chunk.stored && stored;
      chunk.left -= records;
      on_their_way_ -= records;
      if (chunk.left > 0) continue;
      settle(chunk.first, chunk.count,
             chunk.stored ? SensorLedger::Outcome::kAcknowledged : SensorLedger::Outcome::kUnknown);
      chunks_.erase(ticket);
    }
  }

  std::uint64_t on_their_way() {
    const std::lock_guard lock(mutex_);
    return on_their_way_;
  }
  void sleep(Nanos time) {
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, std::chrono::nanoseconds(time));
  }

  std::mutex mutex_;
  std::condition_variable woken_;
  std::map<std::uint64_t, Chunk> chunks_;
  std::uint64_t chunk_ = 0, on_their_way_ = 0;
  std::unique_ptr<kafka::TopicFeed> feed_;
};

}  // namespace

Result<std::unique_ptr<Sensors>> Sensors::start(const SensorSettings& settings,
                                                const SensorsViaKafka& via, const Clock& clock,
                                                Log& log, SensorLedger* ledger) {
  kafka::Admin admin(via.feed.client, clock, log);  // so that a wrong address is told here
  if (auto topic = admin.ensure_topic(via.feed.topic); !topic) return std::move(topic).error();
  if (ledger != nullptr)
    if (auto announced = ledger->announce(settings); !announced)
      return std::move(announced).error();
  return std::unique_ptr<Sensors>(new KafkaSensors(settings, via, clock, log, ledger));
}

}  // namespace ds
