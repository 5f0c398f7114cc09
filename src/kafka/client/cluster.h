// What we know of a cluster: its brokers, and who leads which partition.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/random.h"
#include "kafka/client/connection.h"
#include "kafka/wire/messages/03_metadata.h"

namespace ds::kafka {

/// One answer to a Metadata request, in a form that can be asked.
struct ClusterMap {
  struct Partition {
    std::int32_t leader = -1;  // -1: none at the moment
    std::int32_t leader_epoch = -1;
    std::vector<std::int32_t> replicas;
    std::vector<std::int32_t> in_sync;
  };
  struct Topic {
    KafkaError error = KafkaError::kNone;
    Uuid id;
    bool internal = false;
    std::vector<Partition> partitions;  // by number
    bool all_have_leaders() const;
  };

  std::string cluster_id;
  std::int32_t controller = -1;
  std::map<std::int32_t, Address> brokers;
  std::map<std::string, Topic> topics;

  static ClusterMap from(const MetadataResponse& answer);
  /// The topic when it is there and healthy enough to be used, else null.
  const Topic* usable(const std::string& topic) const;
};

/// 32 hex digits, or nothing when the broker has no ids.
std::string topic_id_text(const Uuid& id);

/// How long to wait before the n-th try: full jitter (Brooker 2015) under a doubling ceiling.
Nanos backoff(int attempt, Nanos base, Nanos max, Random& random);

/// Keeps a ClusterMap fresh over one control connection.
///
/// Threads: its owner's, who drives `poller`.
/// connect() and refresh_now() block up to their deadline; want_refresh() and turn() never do, but
/// for the resolver when a broker is named by a name.
class Cluster final : private AnswerListener {
 public:
  Cluster(const ClientSettings& settings, Poller& poller, const Clock& clock, Log& log);
  ~Cluster() override = default;

  /// Reaches the first address that answers. Says kUnreachable with the addresses tried, or at
  /// once what a broker that did answer refuses.
  Status connect(Nanos deadline);
  /// Asks about `topics` (empty: about all) and adds them to the map.
  Status refresh_now(const std::vector<std::string>& topics, Nanos deadline);

  /// The topic that want_refresh() asks about.
  void follow(const std::string& topic) { followed_.insert(topic); }
  /// Asks soon, in the background; with a backoff when asked again and again.
  void want_refresh();
  /// Opens, asks and expires what is due.
  void turn(Nanos now);
  /// The instant at which turn() has something to do even if no socket is ready, or -1.
  Nanos next_turn() const;

  const ClusterMap& map() const { return map_; }
  /// Grows with each answer.
  std::uint64_t version() const { return version_; }
  /// For other questions that any broker answers (producer ids, coordinators); null while it is
  /// not open.
  Connection* control() { return control_.ready() ? &control_ : nullptr; }
  /// What last kept us from an answer.
  const Error& last_error() const { return last_error_; }

 private:
  static constexpr Nanos kMaxAge = 300 * kSecond;  // as metadata.max.age.ms

  Address next_address();
  MetadataRequest request_for(const std::vector<std::string>& topics) const;
  void take(const MetadataResponse& answer);
  void ask(Nanos now);
  void retry_later(Nanos now);
  void on_answer(std::uint64_t tag, ByteView body, const FrameOwner& frame) override;
  void on_lost(std::uint64_t tag, bool sent, const Error& why) override;

  const ClientSettings& settings_;
  Poller& poller_;
  const Clock& clock_;
  Log& log_;
  Random random_;
  Connection control_;
  ClusterMap map_;
  std::set<std::string> followed_;
  std::size_t next_candidate_ = 0;
  std::uint64_t version_ = 0;
  bool wanted_ = false;
  bool asking_ = false;
  bool opening_ = false;
  int attempts_ = 0;
  Nanos not_before_ = 0;
  Nanos stale_at_ = 0;
  Error last_error_;
};

}  // namespace ds::kafka
