// A membership kept alive on a thread of its own: whatever the reader is busy with, heartbeats go
// out. GroupMember decides; this one carries its requests.
//
//   GroupLane lane(client, member, clock, log, [&] { poller.wake(); });
//   for (auto& change : lane.take_changes()) …          // after kRevoked:
//   lane.given_up(change.number) lane.leave(deadline);
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "kafka/client/coordinator.h"
#include "kafka/client/group_member.h"

namespace ds::kafka {

/// Threads:  its own; the methods are for one other.
/// Lifetime: borrows clock, log and what `wake` uses. The destructor ends the thread without a word
///           to the broker; leave() says goodbye.
class GroupLane final : private AnswerListener {
 public:
  /// `wake` is called, on the lane's thread, when there are changes to take or an error.
  GroupLane(const ClientSettings& client, MemberSettings settings, const Clock& clock, Log& log,
            std::function<void()> wake);
  ~GroupLane() override;

  std::vector<GroupMember::Change> take_changes();
  void given_up(std::uint64_t number);
  /// All changes are taken, and nobody else has been given what is ours.
  bool sure() const;
  /// What no waiting will mend.
  std::optional<Error> error() const;
  void leave(Nanos deadline);

 private:
  enum Tag : std::uint64_t { kJoin, kSync, kHeartbeat, kLeave };

  void run(std::stop_token stop);
  void take_orders(Nanos now);
  void tell_counts(Nanos now);
  void send(Nanos now);
  void send_short(Nanos now);
  template <typename Request>
  void ask(Connection& to, const Request& request, Tag tag, Nanos deadline);
  void publish();
  Nanos next_turn(Nanos now) const;
  void on_answer(std::uint64_t tag, ByteView body, const FrameOwner& frame) override;
  void on_lost(std::uint64_t tag, bool sent, const Error& why) override;
  template <typename Response>
  bool hear(ByteView body, const Connection* from, Nanos now);

  const ClientSettings client_;
  const MemberSettings settings_;
  const Clock& clock_;
  Log& log_;
  const std::function<void()> wake_;

  // The lane's.
  Poller poller_;
  Cluster cluster_;
  Coordinator joins_, beats_;  // two connections to one broker
  GroupMember member_;
  std::uint64_t map_version_ = 0;
  MemberState said_ = MemberState::kJoining;

  mutable std::mutex mutex_;
  std::condition_variable_any left_;
  std::vector<GroupMember::Change> changes_;
  Nanos sure_until_ = 0;
  bool owns_ = false;
  std::uint64_t given_up_ = 0;  // the number of a kRevoked
  bool leave_ = false, gone_ = false;
  std::optional<Error> error_;

  std::jthread thread_;  // last: starts after, joins before, what it uses
};

}  // namespace ds::kafka
