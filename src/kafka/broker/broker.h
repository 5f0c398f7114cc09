// The embedded broker: Kafka's protocol over a data folder, for one machine.
//
//   auto broker = Broker::start({.listen = {"127.0.0.1", 9092}, .data_dir = dir}, files, clock,
//   log); if (!broker) return std::move(broker).error(); connect((*broker)->address());
//   (*broker)->stop();                 // or let it go
//
// docs/broker.md: what owns what. docs/formats/log.md: what lies on the disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "kafka/broker/access.h"
#include "kafka/broker/durability.h"
#include "kafka/broker/users.h"
#include "net/files.h"
#include "net/socket.h"
#include "net/tls.h"

namespace ds::kafka::broker {

/// An address to listen on, and what a client needs to get in there.
struct Listener {
  Address address{"127.0.0.1", 9092};  // port 0: a free one
  bool tls = false;
  bool login = false;

  /// "HOST:PORT", or with one of Kafka's names before it: PLAINTEXT://, SSL://, SASL_PLAINTEXT://,
  /// SASL_SSL://. Without one it is what `otherwise` says.
  static Result<Listener> parse(std::string_view text, const Listener& otherwise);
  std::string to_string() const;
};

struct BrokerSettings {
  Address listen{"127.0.0.1", 9092};  // plain; port 0: a free one. Not used where there are
  std::vector<Listener> listeners;    // these
  std::string advertise;              // a host that clients are told beyond loopback; empty: theirs
  TlsServerSettings tls;
  Users users;
  Access access;
  std::string data_dir;  // not used by durability memory
  Durability durability;
  std::uint64_t retention_bytes = 0;   // of the whole broker, oldest segments first; 0: no limit
  Nanos retention_time = 0;            // by the records' own times; 0: no limit
  bool keep_unread = false;            // slow producers rather than drop what live groups need
  Nanos group_lives = 600 * kSecond;   // a group without members counts so long after a commit
  Nanos group_returns = 60 * kSecond;  // one that had members at the broker's end, after its start
  Nanos hold_max = 2 * kSecond;        // then a producer is told to try again
  bool repair = false;                 // cut damaged partitions at the damage, and say so
  bool allow_anonymous = false;        // lets anybody in on an address that is not loopback
  Nanos idle_max = 600 * kSecond;      // a connection that says nothing is ended then
  Nanos login_max = 30 * kSecond;      // one that has not come in yet is ended then
  Nanos compact_every = 2 * kSecond;   // how often compacted topics are looked at
  Nanos producer_lives = 24 * 3600 * kSecond;  // an idle producer's sequence is known so long
  int lanes = 2;
  std::int32_t default_partitions = 32;
  std::uint64_t segment_bytes = 128u << 20;
  std::size_t frame_bytes_max = 100u << 20;
  std::size_t connections_max = 10'000;
};

/// Counters since the start; gauges are of this moment.
struct BrokerStats {
  std::uint64_t connections = 0;
  std::uint64_t requests = 0;
  std::uint64_t records_in = 0;
  std::uint64_t bytes_in = 0;   // record batches appended
  std::uint64_t bytes_out = 0;  // record batches fetched
  std::uint64_t topics = 0;
  std::uint64_t partitions = 0;
  std::uint64_t partitions_offline = 0;
  std::uint64_t log_bytes = 0;
  std::uint64_t producers_held = 0;  // connections, now; see keep_unread
  std::uint64_t held_ns = 0;
  std::uint64_t unread_bytes = 0;  // by live groups
  std::uint64_t live_groups = 0;   // those that keep_unread counts
  std::uint64_t compactions = 0;
  std::uint64_t compacted_away = 0;  // bytes

  static void fields(auto& self, auto& io) {
    io("connections", self.connections);
    io("requests", self.requests);
    io("records_in", self.records_in);
    io("bytes_in", self.bytes_in);
    io("bytes_out", self.bytes_out);
    io("topics", self.topics);
    io("partitions", self.partitions);
    io("partitions_offline", self.partitions_offline);
    io("log_bytes", self.log_bytes);
    io("producers_held", self.producers_held);
    io("held_ns", self.held_ns);
    io("unread_bytes", self.unread_bytes);
    io("live_groups", self.live_groups);
    io("compactions", self.compactions);
    io("compacted_away", self.compacted_away);
  }
};

/// Threads:  all calls from any thread.
/// Lifetime: borrows files, clock and log for its own life. The destructor stops it.
class Broker {
 public:
  /// Opens or makes the data folder, recovers what is in it and listens. Refuses, in words: a
  /// folder of another program, a newer version or another running broker; an address that is not
  /// loopback without allow_anonymous.
  static Result<std::unique_ptr<Broker>> start(const BrokerSettings& settings, Files& files,
                                               const Clock& clock, Log& log);
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// Where it really listens: the first of its listeners, or all of them.
  Address address() const;
  std::vector<Listener> listeners() const;
  /// 22 characters, drawn when the data folder was made.
  std::string cluster_id() const;
  Durability durability() const;
  BrokerStats stats() const;
  /// Ends all connections, syncs the logs in durability sync and interval, lets the folder go.
  void stop();

 private:
  struct Running;
  explicit Broker(std::unique_ptr<Running> running);
  std::unique_ptr<Running> running_;
};

}  // namespace ds::kafka::broker
