// Our group member against the embedded broker's groups, both without sockets, through schedules
// drawn from a seed: members come, crash, leave and halt, requests and answers get lost, the
// coordinator is away, topics grow. Time is simulated, so a schedule of minutes takes milliseconds
// and a seed that fails, fails again the same way.
//
//   group_simulation_test                       # DATASTORM_SCHEDULES=3000 DATASTORM_SEED=1
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <functional>
#include <queue>

#include "base/random.h"
#include "kafka/broker/groups.h"
#include "kafka/client/group_member.h"

namespace ds::kafka {
namespace {

constexpr Nanos kSession = 10 * kSecond;
constexpr Nanos kHeartbeat = kSecond;
constexpr Nanos kRebalance = 20 * kSecond;
constexpr Nanos kDisturbed = 90 * kSecond;  // for so long things go wrong
constexpr Nanos kSettling = 90 * kSecond;   // then the group must come to rest, and stay there
constexpr Nanos kResting = 30 * kSecond;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text && *text ? std::strtoull(text, nullptr, 10) : otherwise;
}

class Simulation {
 public:
  Simulation(std::uint64_t seed, std::vector<Assignor> assignors)
      : random_(seed),
        assignors_(std::move(assignors)),
        groups_(
            {.initial_delay = 0},
            [this](const std::string&) { return "m" + std::to_string(next_member_id_++); }, log_) {}

  /// What was broken, or nothing.
  std::string run() {
    for (int i = 0; i < 3; ++i) start();
    every(50 * kMillisecond, [this] { groups_.tick(now_); });
    disturb();
    at(kDisturbed, [this] { calm_ = true; });
    run_until(kDisturbed + kSettling);
    look_at_rest();
    const std::int32_t generation = rest_generation_;
    run_until(kDisturbed + kSettling + kResting);
    look_at_rest();
    if (generation != rest_generation_) broken("a group at rest rebalances");
    return broken_;
  }

  /// The last that happened, for who looks into a seed that failed.
  std::string story() const {
    std::string all;
    for (const std::string& line : story_) all += line + "\n";
    return all;
  }
  std::uint64_t trace() const { return trace_; }  // of all that happened, in its order
  int faults() const { return faults_; }
  int generations() const { return rest_generation_; }
  int commits() const { return commits_; }
  int losses() const { return losses_; }

 private:
  /// A process: a member, and a reader that holds what it was told.
  struct Host {
    explicit Host(MemberSettings settings) : member(std::move(settings)) {}
    GroupMember member;
    std::set<TopicPartition> held;  // as the reader was told
    Membership membership;
    std::deque<GroupMember::Change> changes;
    bool giving_up = false;
    bool leaving = false;
    bool dead = false;
    Nanos halted_until = 0;
    MemberState said = MemberState::kGone;
    Nanos turn_at = 0;                         // already in the queue
    std::uint64_t asked = 0, asked_short = 0;  // the numbers of what is under way
    std::string instance;
  };
  using Task = std::function<void()>;
  struct Event {
    Nanos at;
    std::uint64_t number;
    Task task;
    bool operator>(const Event& other) const {
      return std::tie(at, number) > std::tie(other.at, other.number);
    }
  };

  // Time

  void at(Nanos when, Task task) { events_.push({when, next_event_++, std::move(task)}); }
  void in(Nanos delay, Task task) { at(now_ + delay, std::move(task)); }
  void every(Nanos period, const Task& task) {
    in(period, [this, period, task] {
      task();
      every(period, task);
    });
  }
  void run_until(Nanos end) {
    while (broken_.empty() && !events_.empty() && events_.top().at <= end) {
      const Event event = events_.top();
      events_.pop();
      now_ = event.at;
      event.task();
      tend_all();
      check_owners();
    }
    now_ = end;
  }
  Nanos between(Nanos least, Nanos most) {
    return least + static_cast<Nanos>(random_.below(static_cast<std::uint64_t>(most - least + 1)));
  }
  bool chance(int percent) {
    return !calm_ && random_.below(100) < static_cast<std::uint64_t>(percent);
  }
  void tell(const Host& host, const std::string& what) {
    char time[32];
    std::snprintf(time, sizeof time, "%8.3f ", static_cast<double>(now_) / 1e9);
    const auto it = std::find_if(hosts_.begin(), hosts_.end(),
                                 [&](const auto& each) { return each.get() == &host; });
    story_.push_back(time + ("host " + std::to_string(it - hosts_.begin()) + host.instance + " ") +
                     host.member.membership().member + " " + what);
    if (story_.size() > 120) story_.pop_front();
  }
  void note(std::uint64_t what) {
    trace_ = mix_bits(trace_ ^ what ^ static_cast<std::uint64_t>(now_));
  }

  // What goes wrong

  void disturb() {
    in(between(200 * kMillisecond, 8 * kSecond), [this] {
      if (calm_) return;
      ++faults_;
      const std::uint64_t what = random_.below(10);
      note(what);
      if (what < 3 && live() < 6) {
        start();
      } else if (what < 4) {
        crash();
      } else if (what < 6) {
        leave();
      } else if (what < 8) {
        halt();
      } else if (what == 8) {
        away_until_ = now_ + between(100 * kMillisecond, 5 * kSecond);
      } else {
        grow();
      }
      disturb();
    });
  }
  void start() {
    MemberSettings settings{.group = "g",
                            .topics = {"t"},
                            .assignors = assignors_,
                            .session_timeout = kSession,
                            .heartbeat_interval = kHeartbeat,
                            .rebalance_timeout = kRebalance};
    std::string instance;
    if (random_.below(3) == 0) {
      // As a restart would: an instance whose last process is dead, or a new one.
      instance =
          free_instances_.empty() ? "i" + std::to_string(next_instance_++) : free_instances_.back();
      if (!free_instances_.empty()) free_instances_.pop_back();
      settings.instance = instance;
    }
    auto host = std::make_unique<Host>(settings);
    host->instance = instance;
    host->member.set_counts(counts_, now_);
    hosts_.push_back(std::move(host));
  }
  void crash() {
    if (Host* host = any()) die(*host);
  }
  void die(Host& host) {
    tell(host, "is dead");
    host.dead = true;
    host.held.clear();
    if (!host.instance.empty()) free_instances_.push_back(host.instance);
  }
  void leave() {
    Host* const host = any();
    if (!host || host->leaving || live() < 2) return;
    host->leaving = true;
    host->held.clear();  // committed and given up
    host->changes.clear();
    host->member.leave(now_);
  }
  void halt() {
    if (Host* host = any()) {
      host->halted_until = now_ + between(kSecond, 2 * kSession);
      tell(*host, "halts");
    }
  }
  void grow() {
    counts_["t"] += 2;
    for (auto& each : hosts_) {
      Host* const host = each.get();
      in(between(0, 3 * kSecond), [this, host] { host->member.set_counts(counts_, now_); });
    }
  }
  Host* any() {
    std::vector<Host*> hosts;
    for (auto& each : hosts_)
      if (!each->dead) hosts.push_back(each.get());
    return hosts.empty() ? nullptr : hosts[random_.below(hosts.size())];
  }
  int live() const {
    return static_cast<int>(std::ranges::count_if(
        hosts_, [](const auto& host) { return !host->dead && !host->leaving; }));
  }

  // The processes

  bool works(const Host& host) const { return !host.dead && now_ >= host.halted_until; }

  void tend_all() {
    for (std::size_t i = 0; i < hosts_.size(); ++i)
      if (works(*hosts_[i])) tend(*hosts_[i]);
  }
  void tend(Host& host) {
    host.member.tick(now_);
    host.member.take_wants_coordinator();
    if (host.member.state() == MemberState::kAssigning) host.member.set_counts(counts_, now_);
    for (auto& change : host.member.take_changes()) host.changes.push_back(std::move(change));
    take_changes(host);
    if (host.member.error()) {
      broken("a member failed: " + host.member.error()->message);
      return;
    }
    if (host.member.state() == MemberState::kGone) return die(host);
    if (host.said != host.member.state()) {
      host.said = host.member.state();
      tell(host, std::string(name_of(host.said)) + ", generation " +
                     std::to_string(host.member.membership().generation) + ", owns " +
                     std::to_string(host.member.owned().size()));
    }
    if (const auto request = host.member.next(now_)) send(host, *request);
    if (const auto request = host.member.next_short(now_)) send(host, *request);
    const Nanos turn = host.member.next_turn();
    if (turn <= now_ || turn == host.turn_at) return;
    host.turn_at = turn;
    at(turn, [] {});
  }
  void take_changes(Host& host) {
    while (!host.changes.empty() && !host.giving_up && !host.leaving) {
      const GroupMember::Change change = std::move(host.changes.front());
      host.changes.pop_front();
      note(static_cast<std::uint64_t>(change.kind) << 32 | change.partitions.size());
      switch (change.kind) {
        case GroupMember::Change::Kind::kAssigned:
          host.membership = change.membership;
          host.held.insert(change.partitions.begin(), change.partitions.end());
          if (!change.partitions.empty()) commit(host);
          break;
        case GroupMember::Change::Kind::kRevoked: {
          host.giving_up = true;
          host.membership = change.membership;
          // The sink finishes what it is at; at times that takes longer than the group waits.
          const Nanos takes =
              chance(3) ? between(0, 2 * kRebalance) : between(0, 500 * kMillisecond);
          in(takes, [this, &host, gone = change.partitions, number = change.number] {
            if (!works(host))
              return in_when_works(host,
                                   [this, &host, gone, number] { give_up(host, gone, number); });
            give_up(host, gone, number);
          });
          break;
        }
        case GroupMember::Change::Kind::kLost:
          ++losses_;
          for (const auto& each : change.partitions) host.held.erase(each);
          break;
      }
    }
  }
  void in_when_works(Host& host, const Task& task) {
    if (host.dead) return;
    if (works(host)) return task();
    at(host.halted_until, [this, &host, task] { in_when_works(host, task); });
  }
  void give_up(Host& host, const std::set<TopicPartition>& gone, std::uint64_t number) {
    if (host.leaving) return;
    // Lost meanwhile: whatever it would commit now, the broker must refuse.
    const int before = commits_;
    commit(host);
    const bool sure = host.member.state() == MemberState::kGivingUp &&
                      number == host.member.last_revoked() && !host.held.empty() &&
                      now_ < host.member.sure_until() && now_ >= away_until_;
    if (sure && commits_ == before) broken("the last commit of what is given up was refused");
    for (const auto& each : gone) host.held.erase(each);
    host.giving_up = false;
    host.member.given_up(number, now_);
  }
  /// All that it holds, as it was told; the broker says whether it may.
  void commit(Host& host) {
    if (host.held.empty() || now_ < away_until_) return;
    const auto judged = groups_.may_commit("g", host.membership.generation, host.membership.member,
                                           host.membership.instance, now_);
    if (judged != KafkaError::kNone) return;
    ++commits_;
    for (auto& other : hosts_)
      if (other.get() != &host && works(*other))
        for (const auto& each : other->member.owned())
          if (host.held.contains(each) && host.member.owned().contains(each))
            broken("a commit of what another owns");
  }

  // The network: a request or its answer may get lost; then, sooner or later, that is noticed.

  template <typename Requests>
  void send(Host& host, const Requests& request) {
    std::visit([&](const auto& each) { send_one(host, each); }, request);
  }
  template <typename Request>
  void send_one(Host& host, const Request& request) {
    constexpr bool is_short =
        std::is_same_v<Request, HeartbeatRequest> || std::is_same_v<Request, LeaveGroupRequest>;
    const std::uint64_t number = ++next_request_;
    (is_short ? host.asked_short : host.asked) = number;
    note(number);
    if constexpr (std::is_same_v<Request, SyncGroupRequest>)
      tell(host, "syncs " + std::to_string(number) + " with " +
                     std::to_string(request.assignments.size()) + " shares");
    const auto lose = [this, &host, number] {
      in_when_works(host, [this, &host, number] {
        std::uint64_t& asked = is_short ? host.asked_short : host.asked;
        if (asked != number) return;
        asked = 0;
        if (!is_short) tell(host, "loses " + std::to_string(number));
        is_short ? host.member.lost_short(now_) : host.member.lost(now_);
      });
    };
    const bool never_arrives = chance(4), answer_lost = chance(4);
    const Nanos there = between(0, 30 * kMillisecond);
    if (never_arrives || answer_lost) in(there + between(0, 4 * kSecond), lose);
    in(is_short ? kSession / 2 : kRebalance + 10 * kSecond, lose);
    if (never_arrives) return;
    in(there, [this, &host, request, number, answer_lost] {
      serve(request, [this, &host, number, answer_lost](const auto& answer) {
        if (answer_lost) return;
        in(between(0, 30 * kMillisecond), [this, &host, number, answer] {
          in_when_works(host, [this, &host, number, answer] {
            std::uint64_t& asked = is_short ? host.asked_short : host.asked;
            if (asked != number) return;  // that connection is gone
            asked = 0;
            host.member.on(answer, now_);
          });
        });
      });
    });
  }

  template <typename Answer>
  void serve(const JoinGroupRequest& request, Answer answer) {
    if (now_ < away_until_) return answer(JoinGroupResponse{.error_code = away()});
    groups_.join(request, {"c", "h"}, true, now_, answer);
  }
  template <typename Answer>
  void serve(const SyncGroupRequest& request, Answer answer) {
    if (now_ < away_until_) return answer(SyncGroupResponse{.error_code = away()});
    groups_.sync(request, now_, answer);
  }
  template <typename Answer>
  void serve(const HeartbeatRequest& request, Answer answer) {
    answer(HeartbeatResponse{.error_code =
                                 now_ < away_until_ ? away() : groups_.heartbeat(request, now_)});
  }
  template <typename Answer>
  void serve(const LeaveGroupRequest& request, Answer answer) {
    if (now_ >= away_until_)
      groups_.leave("g", {request.members[0].member_id, request.members[0].group_instance_id},
                    now_);
    answer(LeaveGroupResponse{});
  }
  KafkaError away() {
    return random_.below(2) ? KafkaError::kNotCoordinator : KafkaError::kCoordinatorLoadInProgress;
  }

  // What must hold

  void broken(const std::string& what) {
    if (broken_.empty())
      broken_ = what + " at " + std::to_string(static_cast<double>(now_) / 1e9) + " s";
  }
  void check_owners() {
    std::map<TopicPartition, const Host*> owners;
    for (const auto& host : hosts_) {
      if (!works(*host) || host->leaving) continue;
      for (const auto& each : host->member.owned())
        if (!owners.emplace(each, host.get()).second)
          broken("partition " + std::to_string(each.partition) + " is owned by two");
    }
  }
  void look_at_rest() {
    std::size_t fewest = 1000, most = 0, all = 0;
    for (const auto& host : hosts_) {
      if (host->dead) continue;
      if (host->member.state() != MemberState::kStable)
        return broken("not at rest: " + std::string(name_of(host->member.state())));
      if (host->held != host->member.owned()) return broken("a reader was told another share");
      fewest = std::min(fewest, host->held.size());
      most = std::max(most, host->held.size());
      all += host->held.size();
      rest_generation_ = host->member.membership().generation;
    }
    if (live() == 0) return;
    if (all != static_cast<std::size_t>(counts_["t"]))
      return broken(std::to_string(all) + " of " + std::to_string(counts_["t"]) +
                    " partitions owned");
    if (most > fewest + 1)
      broken("unfair: one has " + std::to_string(most) + ", one " + std::to_string(fewest));
  }

  Random random_;
  const std::vector<Assignor> assignors_;
  NoLog log_;
  broker::Groups groups_;
  Nanos now_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t next_event_ = 0, next_request_ = 0;
  int next_member_id_ = 0, next_instance_ = 0;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<std::string> free_instances_;
  PartitionCounts counts_{{"t", 6}};
  Nanos away_until_ = 0;
  bool calm_ = false;
  std::string broken_;
  std::uint64_t trace_ = 0;
  std::deque<std::string> story_;
  int faults_ = 0, commits_ = 0, losses_ = 0;
  std::int32_t rest_generation_ = 0;
};

void run_schedules(const std::vector<Assignor>& assignors, std::uint64_t schedules) {
  const std::uint64_t first = from_environment("DATASTORM_SEED", 1);
  schedules = from_environment("DATASTORM_SCHEDULES", schedules);
  std::uint64_t faults = 0, rebalances = 0, commits = 0, losses = 0;
  for (std::uint64_t seed = first; seed < first + schedules; ++seed) {
    Simulation simulation(seed, assignors);
    const std::string broken = simulation.run();
    ASSERT_EQ(broken, "") << "seed " << seed << "\n" << simulation.story();
    faults += static_cast<std::uint64_t>(simulation.faults());
    rebalances += static_cast<std::uint64_t>(simulation.generations());
    commits += static_cast<std::uint64_t>(simulation.commits());
    losses += static_cast<std::uint64_t>(simulation.losses());
    if (seed % 100 == 0) {
      Simulation again(seed, assignors);
      again.run();
      ASSERT_EQ(again.trace(), simulation.trace()) << "seed " << seed << " runs otherwise";
    }
  }
  std::printf("seeds %lu to %lu: %lu faults, %lu rebalances, %lu commits, %lu shares lost\n", first,
              first + schedules - 1, faults, rebalances, commits, losses);
  EXPECT_GT(faults, schedules * 5);
  EXPECT_GT(commits, schedules);
}

TEST(GroupSimulation, CooperativelyNoPartitionHasTwoOwnersAndAllHaveOneAtRest) {
  run_schedules({Assignor::kCooperativeSticky}, 1200);
}

TEST(GroupSimulation, AndEagerlyToo) {
  run_schedules({Assignor::kCooperativeSticky, Assignor::kRange}, 500);
}

TEST(GroupSimulation, AndWithWhatIsOnlySticky) {
  run_schedules({Assignor::kSticky}, 300);
}

}  // namespace
}  // namespace ds::kafka
