// Questions and orders to a cluster, one at a time: topics, offsets, and the few records that
// travel outside the storm (claims).
//
//   Admin admin(settings, clock, log);
//   auto topic = admin.ensure_topic({.name = "tweets", .partitions = 32});
//   auto ends = admin.end_offsets("tweets");
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kafka/client/cluster.h"
#include "kafka/client/topic_keeper.h"
#include "kafka/wire/record_batch.h"

namespace ds::kafka {

/// Threads: one. Every call blocks, at most for ClientSettings::request_timeout, tries again what
/// is worth it (leaders that move, coordinators that load), and connects when it first needs to.
class Admin final : public TopicKeeper {
 public:
  Admin(const ClientSettings& settings, const Clock& clock, Log& log);

  /// Reaches the cluster; the other calls do so by themselves.
  Status connect();
  Result<std::string> cluster_id();

  /// kRefused when it exists already.
  Status create_topic(const TopicSpec& spec);
  /// Creates the topic if it is missing, then waits until every partition has a leader. A topic
  /// that exists is taken as it is.
  Result<ClusterMap::Topic> ensure_topic(const TopicSpec& spec);
  Result<std::int32_t> ready_partitions(const TopicSpec& spec) override;
  /// Names, sorted; without Kafka's internal ones.
  Result<std::vector<std::string>> list_topics();
  /// kRefused with Error::system kNoSuchTopic when there is none.
  Result<ClusterMap::Topic> describe_topic(const std::string& topic);
  Result<std::map<std::string, std::string>> topic_configs(const std::string& topic);
  Status delete_topic(const std::string& topic);

  Result<Offsets> start_offsets(const std::string& topic);
  Result<Offsets> end_offsets(const std::string& topic) override;
  /// The first offset whose record is not older than `wall_ms`; the end where there is none.
  Result<Offsets> offsets_at(const std::string& topic, std::int64_t wall_ms);
  /// What a group has committed; partitions without a commit are left out.
  Result<Offsets> group_committed(const std::string& group, const std::string& topic);

  Result<std::int64_t> produce_sync(const std::string& topic, std::int32_t partition,
                                    ByteView batch) override;
  Result<Stamp> produce_stamped(const std::string& topic, std::int32_t partition,
                                ByteView batch) override;
  /// Visits every record from the log's start to the end it had when the call began, partition by
  /// partition.
  Status read_all(const std::string& topic,
                  const std::function<void(std::int32_t partition, const RecordView&)>& visit);
  /// The same for one partition from one offset to another.
  Status read_partition(const std::string& topic, std::int32_t partition, std::int64_t from,
                        std::int64_t end,
                        const std::function<void(std::int32_t, const RecordView&)>& visit);

 private:
  Nanos deadline() const { return clock_.now() + settings_.request_timeout; }
  /// Turns the poller for a while, as a pause between tries; false when `deadline` leaves no time.
  bool pause(int attempt, Nanos deadline);

  Result<Connection*> connection_to(std::int32_t broker, Nanos deadline);
  Result<Connection*> any_connection(Nanos deadline);
  Result<Connection*> controller(Nanos deadline);
  Result<Connection*> coordinator(const std::string& group, Nanos deadline);
  Result<ClusterMap::Topic> usable_topic(const std::string& topic, Nanos deadline);
  Result<Connection*> leader(const std::string& topic, std::int32_t partition, Nanos deadline);

  template <typename Response, typename Request>
  Result<Response> ask(Connection& connection, const Request& request, Nanos deadline,
                       ByteVec* keep = nullptr) {
    return call<Response>(connection, poller_, clock_, request, deadline, keep);
  }
  Status try_create(const TopicSpec& spec, Nanos deadline, bool exists_is_fine);
  Result<Offsets> list_offsets(const std::string& topic, std::int64_t timestamp);
  Status list_offsets_of(Connection& leader, const std::string& topic,
                         const std::vector<std::int32_t>& partitions, std::int64_t timestamp,
                         Nanos deadline, Offsets& into, KafkaError& retriable);

  const ClientSettings settings_;
  const Clock& clock_;
  Log& log_;
  Poller poller_;
  Random random_;
  Cluster cluster_;
  std::map<std::int32_t, std::unique_ptr<Connection>> connections_;
};

}  // namespace ds::kafka
