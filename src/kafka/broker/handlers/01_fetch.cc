// Fetch: whole batches from an offset on; waits for more when there is too little.
//
// The answer holds no record bytes, only where they lie: see Outgoing.
#include <algorithm>
#include <memory>

#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {
namespace {

constexpr std::size_t kAnswerBytesMax = 64u << 20;
constexpr Nanos kWaitMax = 60 * kSecond;

/// A view that is never looked into: the codec needs the records' size and place, not their bytes.
Records stand_in(std::size_t size) {
  static constexpr std::uint8_t kNothing = 0;
  return {ByteView(&kNothing, size)};
}

/// One Fetch until it is answered.
/// Threads:  its connection's lane, but for the waits it leaves with partitions: they only post.
/// Lifetime: while it waits, the timer that ends the wait keeps it.
class Fetch : public std::enable_shared_from_this<Fetch> {
 public:
  Fetch(Call& call, FetchRequest request)
      : core_(call.core),
        lane_(call.server.lane()),
        answer_(call.answer),
        request_(std::move(request)),
        wait_until_(core_.clock.now() +
                    std::clamp(request_.max_wait_ms * kMillisecond, Nanos{0}, kWaitMax)) {
    for (const auto& topic : request_.topics) {
      allowed_.push_back(call.may(Operation::kRead, Resource::kTopic, topic.topic));
      topics_.push_back(allowed_.back() ? core_.topics->find(topic.topic) : nullptr);
    }
  }

  void try_to_answer() {
    if (answered_) return;
    look();
    if (!enough() && core_.clock.now() < wait_until_) {
      leave_waits();
      look();  // what was appended before the wait was there has woken nobody
      if (!enough()) return;
    }
    answer();
  }

 private:
  bool enough() const {
    return has_error_ || bytes_ >= static_cast<std::size_t>(std::max(request_.min_bytes, 0));
  }

  /// Finds what there is for every partition asked for.
  void look() {
    slices_.clear();
    response_ = {};
    bytes_ = 0;
    has_error_ = request_.topics.empty();
    std::size_t left =
        std::min(kAnswerBytesMax, static_cast<std::size_t>(std::max(request_.max_bytes, 0)));
    for (std::size_t i = 0; i < request_.topics.size(); ++i) {
      auto& told = response_.responses.emplace_back();
      told.topic = request_.topics[i].topic;
      told.partitions.reserve(request_.topics[i].partitions.size());
      for (const auto& asked : request_.topics[i].partitions)
        told.partitions.push_back(allowed_[i] ? look_at(topics_[i].get(), asked, left)
                                              : refuse(asked));
    }
  }

  FetchResponse::Partition refuse(const FetchRequest::Partition& asked) {
    has_error_ = true;
    return {.partition_index = asked.partition,
            .error_code = KafkaError::kTopicAuthorizationFailed,
            .high_watermark = -1};
  }

  FetchResponse::Partition look_at(const Topic* topic, const FetchRequest::Partition& asked,
                                   std::size_t& left) {
    FetchResponse::Partition told{.partition_index = asked.partition, .high_watermark = -1};
    Partition* partition = topic ? topic->partition(asked.partition) : nullptr;
    if (!partition) {
      told.error_code = KafkaError::kUnknownTopicOrPartition;
      has_error_ = true;
      return told;
    }
    const auto most =
        std::min(left, static_cast<std::size_t>(std::max(asked.partition_max_bytes, 0)));
    const auto found = partition->find(asked.fetch_offset, most, bytes_ == 0);
    told.error_code = found.ends.error;
    told.high_watermark = told.last_stable_offset = found.ends.high_watermark;
    told.log_start_offset = found.ends.start;
    if (told.error_code != KafkaError::kNone) has_error_ = true;
    if (found.slice.size > 0) {
      told.records = stand_in(found.slice.size);
      bytes_ += found.slice.size;
      left -= std::min(left, found.slice.size);
      slices_.push_back(found.slice);
    }
    return told;
  }

  void leave_waits() {
    // Partitions keep a wait until they next look through theirs, so it must not keep us alive.
    auto wait = std::make_shared<FetchWait>();
    wait->wake = [weak = weak_from_this(), &lane = lane_] {
      lane.post([weak] {
        if (const auto self = weak.lock()) self->try_to_answer();
      });
    };
    if (wait_) wait_->done = true;
    wait_ = wait;
    for (std::size_t i = 0; i < request_.topics.size(); ++i)
      for (const auto& asked : request_.topics[i].partitions)
        if (topics_[i] && topics_[i]->partition(asked.partition))
          topics_[i]->partition(asked.partition)->wait_for_append(wait);
    if (timer_) return;
    timer_ = lane_.after(wait_until_ - core_.clock.now(), [self = shared_from_this()] {
      self->timer_ = std::nullopt;
      self->try_to_answer();
    });
  }

  void answer() {
    answered_ = true;
    if (timer_) lane_.cancel(*timer_);
    if (wait_) wait_->done = true;
    Gathered gathered;
    gather_response(response_, answer_.version, answer_.correlation_id, gathered);
    Outgoing outgoing{std::move(gathered.head), {}};
    for (const auto& [at, records] : gathered.cuts)
      if (!records.empty()) outgoing.cuts.push_back({at, std::move(slices_[outgoing.cuts.size()])});
    answer_.send(std::move(outgoing));
  }

  Core& core_;
  Lane& lane_;
  const Answer answer_;
  const FetchRequest request_;
  const Nanos wait_until_;
  std::vector<bool> allowed_;
  std::vector<std::shared_ptr<const Topic>> topics_;

  FetchResponse response_;
  std::vector<LogSlice> slices_;  // of the partitions with records, in their order
  std::size_t bytes_ = 0;
  bool has_error_ = false;

  std::shared_ptr<FetchWait> wait_;
  std::optional<Lane::TimerId> timer_;
  bool answered_ = false;
};

}  // namespace

void handle_fetch(Call& call, FetchRequest& request) {
  if (request.session_id != 0)  // we open none
    return call.answer.send(FetchResponse{.error_code = KafkaError::kFetchSessionIdNotFound});
  std::make_shared<Fetch>(call, std::move(request))->try_to_answer();
}

}  // namespace ds::kafka::broker
