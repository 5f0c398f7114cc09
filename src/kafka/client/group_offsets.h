// Committed offsets of a group, read and written in the background.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kafka/client/coordinator.h"
#include "kafka/client/group_member.h"
#include "kafka/client/source.h"

namespace ds::kafka {

/// Threads: its owner's, who turns it. One question and one commit are under way at most; commits
/// that come meanwhile are merged, the last offset of each partition wins.
class GroupOffsets final : private AnswerListener {
 public:
  GroupOffsets(const ClientSettings& settings, Coordinator& coordinator, const Clock& clock,
               Log& log)
      : settings_(settings), coordinator_(coordinator), clock_(clock), log_(log) {}

  void sign_as(Membership membership) {
    membership_ = std::move(membership);
    outdated_ = false;
  }
  /// The group has moved on: what is not committed waits for the next sign_as(), or forget().
  bool outdated() const { return outdated_; }

  /// Looks up what is committed for `partitions`; see take_found().
  void look_up(const std::vector<TopicPartition>& partitions);
  /// What was found since the last call; -1: nothing is committed.
  std::map<TopicPartition, std::int64_t> take_found() { return std::exchange(found_, {}); }

  void commit(const std::map<TopicPartition, std::int64_t>& next_offsets);
  /// Commits not yet sent for these are dropped: they belong to somebody else.
  void forget(const std::vector<TopicPartition>& partitions);
  const std::map<TopicPartition, std::int64_t>& committed() const { return committed_; }

  void turn(Nanos now);
  Nanos next_turn() const { return idle() ? -1 : coordinator_.next_turn(); }
  bool idle() const {
    return (idle_commits() || waits_for_membership()) && wanted_.empty() && !looking_;
  }
  bool idle_commits() const { return pending_.empty() && !committing_; }

 private:
  bool waits_for_membership() const { return outdated_ && !committing_; }
  void send_look_up(Connection& to, Nanos now);
  void send_commit(Connection& to, Nanos now);
  void on_answer(std::uint64_t tag, ByteView body, const FrameOwner& frame) override;
  void on_lost(std::uint64_t tag, bool sent, const Error& why) override;
  void on_found(ByteView body);
  void on_committed(ByteView body);
  void commit_again();

  const ClientSettings& settings_;
  Coordinator& coordinator_;
  const Clock& clock_;
  Log& log_;
  Membership membership_;
  Membership sent_as_;  // signed by whom the commit under way is
  std::vector<TopicPartition> wanted_;
  bool looking_ = false;
  bool committing_ = false;
  bool outdated_ = false;
  std::map<TopicPartition, std::int64_t> found_;
  std::map<TopicPartition, std::int64_t> pending_;
  std::map<TopicPartition, std::int64_t> sent_;
  std::map<TopicPartition, std::int64_t> committed_;
};

}  // namespace ds::kafka
