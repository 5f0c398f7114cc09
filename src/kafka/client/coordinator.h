// The broker that keeps a group: finding it, and a connection to it.
#pragma once

#include <string>

#include "kafka/client/cluster.h"

namespace ds::kafka {

/// Threads: its owner's, who drives `poller` and turns `cluster` too.
class Coordinator final : private AnswerListener {
 public:
  Coordinator(const ClientSettings& settings, std::string group, Poller& poller, const Clock& clock,
              Cluster& cluster, Log& log);

  /// The connection when it is ready; otherwise works towards it, a step a call.
  Connection* connection(Nanos now);
  /// It said that it is not (or no longer) the one, or not yet.
  void ask_again(Nanos now);
  void expire(Nanos now) { connection_.expire(now); }
  /// The instant at which connection() has something to do even if no socket is ready, or -1.
  Nanos next_turn() const;
  /// What no waiting will mend (rights), once it has happened.
  const Error* fatal() const { return fatal_ ? &*fatal_ : nullptr; }
  const std::string& group() const { return group_; }

 private:
  void on_answer(std::uint64_t tag, ByteView body, const FrameOwner& frame) override;
  void on_lost(std::uint64_t tag, bool sent, const Error& why) override;

  const ClientSettings& settings_;
  std::string group_;
  const Clock& clock_;
  Cluster& cluster_;
  Log& log_;
  Random random_;
  Connection connection_;
  std::optional<Address> address_;
  std::optional<Error> fatal_;
  bool asking_ = false;
  bool opened_ = false;
  int attempts_ = 0;
  Nanos not_before_ = 0;
};

}  // namespace ds::kafka
