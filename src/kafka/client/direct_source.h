// How the direct engine reads. Callers use fetcher.h.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "kafka/client/group_lane.h"
#include "kafka/client/group_offsets.h"
#include "kafka/client/source.h"
#include "kafka/wire/messages/01_fetch.h"

namespace ds::kafka {

class DirectSource final : public Source, private AnswerListener {
 public:
  DirectSource(const ClientSettings& client, const ConsumerSettings& settings,
               AssignmentListener& listener, const Clock& clock, Log& log);
  ~DirectSource() override;

  /// Blocks: reaches the cluster.
  Status start();

  Status poll(Nanos timeout, std::vector<Fetched>& into) override;
  void pause(bool paused) override { paused_ = paused; }
  void seek(const TopicPartition& partition, std::int64_t offset) override;
  void commit(const std::map<TopicPartition, std::int64_t>& next_offsets) override;
  std::map<TopicPartition, std::int64_t> committed() const override;
  std::map<TopicPartition, std::int64_t> high_watermarks() const override;
  bool sure() const override;
  void close(Nanos deadline) override;

 private:
  enum class State { kNeedsCommitted, kNeedsStart, kReading };

  /// A partition that is ours.
  struct Position {
    State state = State::kNeedsCommitted;
    std::int64_t next = 0;
    std::int64_t high_watermark = -1;
    std::uint64_t generation = 0;  // no two are equal: answers to older questions are dropped
    std::int32_t leader = -1;
    std::size_t feed = 0;  // which of the leader's
    Nanos not_before = 0;
    int attempts = 0;
  };

  /// One connection of several to a broker: one question under way at a time.
  struct Feed {
    Feed(std::int32_t broker_id, const ClientSettings& client, Poller& poller, const Clock& clock,
         FramePool& frames)
        : broker(broker_id), connection(client, poller, clock, &frames) {}
    struct Asked {
      std::int32_t partition;
      std::uint64_t generation;
    };
    std::int32_t broker;
    Connection connection;
    std::vector<std::int32_t> turn_order;  // its partitions; those that just had data go last
    std::vector<Asked> asked;              // of the question under way
    bool busy = false;
    bool fetching = false;  // the question is a Fetch
    bool opened = false;
    int attempts = 0;
    Nanos not_before = 0;
  };

  void turn(Nanos now, Nanos latest);
  void take_map();
  void assign(const std::vector<TopicPartition>& partitions);
  Status join();
  void take_changes();
  bool take(GroupMember::Change& change);
  void give_up(const std::vector<TopicPartition>& partitions);
  void remove(const std::vector<TopicPartition>& partitions);
  void finish_commits(Nanos deadline);
  std::string topic_id() const;
  void take_committed();
  void place_partitions();
  Feed& feed(std::int32_t broker, std::size_t number);

  void tend_feeds(Nanos now);
  void tend(Feed& feed, Nanos now);
  void open(Feed& feed, Nanos now);
  bool ask_starts(Feed& feed, Nanos now);
  bool ask_records(Feed& feed, Nanos now);
  bool has_room() const;

  void on_answer(std::uint64_t tag, ByteView body, const FrameOwner& frame) override;
  void on_lost(std::uint64_t tag, bool sent, const Error& why) override;
  Status on_starts(Feed& feed, ByteView body);
  Status on_records(Feed& feed, ByteView body, const FrameOwner& frame);
  Status on_partition(Feed& feed, const FetchResponse::Partition& answer, const FrameOwner& frame);
  Status hand_out(std::int32_t number, Position& position, const FetchResponse::Partition& answer,
                  const FrameOwner& frame);
  Status on_error(std::int32_t number, Position& position, KafkaError error);
  Position* asked_position(const Feed& feed, std::int32_t partition);
  Nanos next_event(Nanos now, Nanos latest) const;
  TopicPartition name_of(std::int32_t number) const { return {settings_.topic, number}; }

  const ClientSettings client_;
  const ConsumerSettings settings_;
  AssignmentListener& listener_;
  const Clock& clock_;
  Log& log_;
  Poller poller_;
  Random random_;
  FramePool frames_;
  Cluster cluster_;
  Coordinator coordinator_;
  GroupOffsets offsets_;
  std::deque<GroupMember::Change> changes_;  // of our share, not yet told
  std::map<std::int32_t, Position> positions_;
  std::map<std::int32_t, std::vector<std::unique_ptr<Feed>>> feeds_;
  std::vector<Feed*> feed_by_tag_;
  std::vector<Fetched> ready_;
  std::uint64_t map_version_ = 0;
  bool paused_ = false;
  bool told_waiting_ = false;
  std::optional<Error> fatal_;
  std::uint64_t next_generation_ = 1;
  std::unique_ptr<GroupLane> lane_;  // last: it wakes the poller. Null: no member
};

}  // namespace ds::kafka
