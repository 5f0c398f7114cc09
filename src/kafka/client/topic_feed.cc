#include "kafka/client/topic_feed.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>

#include "base/thread_name.h"
#include "base/varint.h"
#include "kafka/client/direct_producer.h"
#include "kafka/wire/murmur2.h"
#include "kafka/wire/record_batch.h"

namespace ds::kafka {
namespace {

constexpr std::size_t kBatchBytesMax = 1'048'576;
constexpr std::size_t kBatchBytesGood = 256 << 10;  // no reason to gather more
constexpr std::size_t kUnderWay = 2;                // batches of a partition
constexpr std::size_t kKeyBytesMax = 20;            // a producer's number
constexpr Nanos kPatience = kSecond;
constexpr Nanos kAnswerMax = 3 * kSecond;
constexpr Nanos kTryAgain = 500 * kMillisecond;
constexpr Nanos kLastWords = kSecond;
constexpr std::size_t kRecordOverheadMax = 32;

}  // namespace

/// What belongs to the feed's thread while there is an outlet.
class TopicFeed::Sender final : public DeliveryListener {
 public:
  Sender(TopicFeed& feed, std::size_t partitions) : feed_(feed), partitions_(partitions) {}

  void use(Outlet& outlet) { outlet_ = &outlet; }

  void take(const Parcel& parcel) {
    ByteView bytes = parcel.bytes;
    const std::int64_t wall_ms = feed_.clock_.wall_ms();
    ++round_;
    for (const Item& item : parcel.items) {
      const ByteView value = bytes.first(item.bytes);
      bytes = bytes.subspan(item.bytes);
      if (feed_.settings_.keyed && item.producer >= 0) {
        const std::string key = std::to_string(item.producer);
        const auto at =
            partition_of_key(as_bytes(key), static_cast<std::int32_t>(partitions_.size()));
        put(partitions_[static_cast<std::size_t>(at)], item.ticket, as_bytes(key), value, wall_ms);
        continue;
      }
      const std::uint64_t of =
          item.producer >= 0 ? static_cast<std::uint64_t>(item.producer) : round_;
      put(partitions_[of % partitions_.size()], item.ticket, std::nullopt, value, wall_ms);
    }
  }

  /// Submits what may go; the rest waits for room.
  void submit() {
    for (std::size_t p = 0; p < partitions_.size(); ++p) {
      Partition& of = partitions_[p];
      while (!of.waiting.empty() && of.under_way < kUnderWay && submit_from(of, p)) continue;
    }
  }

  /// What comes now would wait for an answer anyway.
  bool busy() const {
    return std::ranges::all_of(partitions_,
                               [](const Partition& of) { return of.under_way >= kUnderWay; });
  }
  std::vector<Told>& outcomes() { return outcomes_; }
  bool idle() const { return waiting_ == 0 && under_way_ == 0; }

  void give_up_waiting() {
    for (Partition& of : partitions_) {
      for (const Batch& batch : of.waiting) tell(batch.tickets, false);
      of.waiting.clear();
    }
    waiting_ = 0;
  }

  void on_delivery(const OutBatch& out, const Delivery& delivery) override {
    if (delivery.outcome == Outcome::kWritten) return;
    Partition& of = partitions_[static_cast<std::size_t>(out.partition)];
    const auto found = std::ranges::find(of.sent, out.token, &Sent::token);
    check(found != of.sent.end(), "a batch that was not sent");
    const bool stored = delivery.outcome == Outcome::kAcknowledged;
    tell(found->tickets, stored);
    of.sent.erase(found);
    --of.under_way;
    --under_way_;
    if (stored) moved = true;
  }

  bool moved = false;  // the broker has taken something since this was last cleared

 private:
  using Tickets = std::vector<std::pair<std::uint64_t, std::uint32_t>>;
  struct Batch {
    ByteVec bytes;  // the header's place first
    std::uint32_t records = 0;
    std::int64_t wall_ms = 0, last_ms = 0;
    Tickets tickets;
  };
  struct Sent {
    std::uint64_t token;
    Tickets tickets;
  };
  struct Partition {
    std::deque<Batch> waiting;
    std::deque<Sent> sent;
    std::size_t under_way = 0;
  };

  /// A record: length, attributes, times and offsets as deltas, the key, the value, no headers.
  void put(Partition& to, std::uint64_t ticket, std::optional<ByteView> key, ByteView value,
           std::int64_t wall_ms) {
    const std::size_t room = kRecordOverheadMax + kKeyBytesMax + value.size();
    if (to.waiting.empty() || to.waiting.back().bytes.size() + room > kBatchBytesGood) {
      Batch& fresh = to.waiting.emplace_back();
      fresh.bytes.resize(kBatchHeaderBytes);
      fresh.wall_ms = wall_ms;
      ++waiting_;
    }
    Batch& batch = to.waiting.back();
    std::uint8_t head[kRecordOverheadMax + kKeyBytesMax];
    std::uint8_t* at = head;
    *at++ = 0;
    at = put_zigzag(at, std::max<std::int64_t>(0, wall_ms - batch.wall_ms));
    at = put_zigzag(at, batch.records);
    at = put_zigzag(at, key ? static_cast<std::int64_t>(key->size()) : -1);
    if (key) at = std::copy(key->begin(), key->end(), at);
    at = put_zigzag(at, static_cast<std::int64_t>(value.size()));
    const auto head_bytes = static_cast<std::size_t>(at - head);
    std::uint8_t length[kVarintBytesMax];
    std::uint8_t* const length_end =
        put_zigzag(length, static_cast<std::int64_t>(head_bytes + value.size() + 1));
    batch.bytes.insert(batch.bytes.end(), length, length_end);
    batch.bytes.insert(batch.bytes.end(), head, at);
    batch.bytes.insert(batch.bytes.end(), value.begin(), value.end());
    batch.bytes.push_back(0);
    batch.last_ms = std::max(batch.wall_ms, wall_ms);
    ++batch.records;
    if (!batch.tickets.empty() && batch.tickets.back().first == ticket)
      ++batch.tickets.back().second;
    else
      batch.tickets.emplace_back(ticket, 1);
  }

  bool submit_from(Partition& of, std::size_t number) {
    Batch& batch = of.waiting.front();
    const auto partition = static_cast<std::int32_t>(number);
    const auto slot = outlet_->reserve(partition, kBatchBytesMax);
    if (!slot) return false;
    const auto last = static_cast<std::int32_t>(batch.records) - 1;
    const BatchHeader header{
        .length = static_cast<std::int32_t>(batch.bytes.size() - kBatchLengthEnd),
        .last_offset_delta = last,
        .base_timestamp = batch.wall_ms,
        .max_timestamp = batch.last_ms,
        .producer_id = slot->producer_id,
        .producer_epoch = slot->producer_epoch,
        .base_sequence = slot->base_sequence,
        .record_count = last + 1};
    header.write(batch.bytes.data());
    std::memcpy(slot->bytes.data(), batch.bytes.data(), batch.bytes.size());
    seal(slot->bytes.first(batch.bytes.size()));
    of.sent.push_back({++last_token_, std::move(batch.tickets)});
    ++of.under_way;
    ++under_way_;
    const OutBatch out{.partition = partition,
                       .records = batch.records,
                       .size = static_cast<std::uint32_t>(batch.bytes.size()),
                       .token = last_token_,
                       .intended = feed_.clock_.now()};
    of.waiting.pop_front();
    --waiting_;
    outlet_->submit(*slot, out);
    return true;
  }

  void tell(const Tickets& tickets, bool stored) {
    for (const auto& [ticket, records] : tickets) outcomes_.push_back({ticket, records, stored});
  }

  TopicFeed& feed_;
  Outlet* outlet_ = nullptr;
  std::vector<Partition> partitions_;
  std::vector<Told> outcomes_;
  std::size_t waiting_ = 0, under_way_ = 0;  // batches
  std::uint64_t last_token_ = 0, round_ = 0;
};

TopicFeed::TopicFeed(Settings settings, Done done, const Clock& clock, Log& log)
    : settings_(std::move(settings)),
      done_(std::move(done)),
      clock_(clock),
      log_(log),
      thread_([this](std::stop_token stop) { run(stop); }) {}

TopicFeed::~TopicFeed() {
  thread_.request_stop();
  {
    const std::lock_guard lock(mutex_);
    if (outlet_) outlet_->wake();
  }
  arrived_.notify_all();
}

void TopicFeed::add(std::uint64_t ticket, ByteView value, std::int64_t producer) {
  check(value.size() <= kRecordBytesMax, "a record larger than a batch");
  added_.bytes.insert(added_.bytes.end(), value.begin(), value.end());
  added_.items.push_back({ticket, producer, value.size()});
}

void TopicFeed::send() {
  if (!has_added()) return;
  bool wake;
  {
    const std::lock_guard lock(mutex_);
    const bool first = handed_over_.items.empty();
    const bool was_large = handed_over_.bytes.size() >= kBatchBytesGood;
    if (first) {
      std::swap(handed_over_, added_);
    } else {
      handed_over_.bytes.insert(handed_over_.bytes.end(), added_.bytes.begin(), added_.bytes.end());
      handed_over_.items.insert(handed_over_.items.end(), added_.items.begin(), added_.items.end());
    }
    const bool is_large = handed_over_.bytes.size() >= kBatchBytesGood;
    wake = busy_ ? is_large && !was_large : first;
    if (wake && outlet_) outlet_->wake();
  }
  if (wake) arrived_.notify_all();
  added_.bytes.clear();
  added_.items.clear();
}

bool TopicFeed::away() const {
  const Nanos since = waiting_since_.load(std::memory_order_relaxed);
  return since != 0 && clock_.now() - since > kPatience;
}

void TopicFeed::run(std::stop_token stop) {
  name_thread("feed");
  bool told = false;
  ClientSettings client = settings_.client;
  client.request_timeout = std::min(client.request_timeout, kAnswerMax);  // nobody waits longer
  while (!stop.stop_requested()) {
    Admin admin(client, clock_, log_);
    auto topic = admin.ensure_topic(settings_.topic);
    if (topic) {
      Sender sender(*this, topic->partitions.size());
      ProducerSettings producer;
      producer.topic = settings_.topic.name;
      producer.acks = Acks::kAll;
      producer.idempotent = true;
      producer.batch_bytes_max = kBatchBytesMax;
      producer.buffer_memory = settings_.buffer_memory;
      producer.connections_per_broker = 1;
      producer.delivery_timeout = settings_.give_up;
      auto outlet = make_direct_outlet(client, producer, sender, clock_, log_);
      if (outlet) {
        sender.use(**outlet);
        send_until(stop, sender, **outlet);
        return;
      }
      if (!told) log_.warn("{}; trying again", outlet.error().message);
    } else if (!told) {
      log_.warn("{}; trying again", topic.error().message);
    }
    told = true;
    refuse_what_came();
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, stop, std::chrono::nanoseconds(kTryAgain), [] { return false; });
  }
  refuse_what_came();
}

/// There is no broker to ask.
void TopicFeed::refuse_what_came() {
  Parcel parcel;
  {
    const std::lock_guard lock(mutex_);
    std::swap(parcel, handed_over_);
  }
  std::vector<Told> outcomes;
  for (const Item& item : parcel.items) outcomes.push_back({item.ticket, 1, false});
  if (!outcomes.empty()) done_(outcomes);
}

void TopicFeed::send_until(std::stop_token stop, Sender& sender, Outlet& outlet) {
  {
    const std::lock_guard lock(mutex_);
    outlet_ = &outlet;
  }
  waiting_since_ = 0;
  Parcel parcel;
  Nanos end = 0;  // of the last words
  const auto tell = [&] {
    if (!sender.outcomes().empty()) done_(sender.outcomes());
    sender.outcomes().clear();
  };
  for (;;) {
    parcel.bytes.clear();
    parcel.items.clear();
    bool stopping = stop.stop_requested();
    {
      const std::lock_guard lock(mutex_);
      std::swap(parcel, handed_over_);
      busy_ = false;  // who adds something after this wakes us
    }
    sender.take(parcel);
    sender.submit();
    if (sender.busy()) {
      const std::lock_guard lock(mutex_);
      busy_ = true;  // or leaves it to the answer
    }
    const Nanos now = clock_.now();
    if (stopping) {
      if (end == 0) end = now + kLastWords;
      if (sender.idle() || now >= end) break;
    }
    outlet.turn(sender.idle() && !stopping ? kSecond : 50 * kMillisecond);
    sender.submit();
    tell();
    if (sender.idle())
      waiting_since_ = 0;
    else if (std::exchange(sender.moved, false) || waiting_since_ == 0)
      waiting_since_ = clock_.now();
  }
  {
    const std::lock_guard lock(mutex_);
    outlet_ = nullptr;
    busy_ = false;
  }
  sender.give_up_waiting();
  outlet.close(clock_.now());
  tell();
  refuse_what_came();
}

}  // namespace ds::kafka
