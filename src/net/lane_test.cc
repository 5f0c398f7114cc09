#include "net/lane.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

namespace ds {
namespace {

TEST(Lane, RunsTasksOfOneThreadInTheirOrder) {
  const SystemClock clock;
  std::vector<int> seen;
  std::vector<int> expected;
  {
    Lane lane("order", clock);
    for (int i = 0; i < 10'000; ++i) {
      lane.post([&seen, i] { seen.push_back(i); });
      expected.push_back(i);
    }
  }
  EXPECT_EQ(seen, expected);  // and the destructor ran them all
}

TEST(Lane, LosesNoTaskOfSeveralThreads) {
  const SystemClock clock;
  std::uint64_t sum = 0;  // belongs to the lane, so it needs no lock
  {
    Lane lane("sum", clock);
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (std::uint64_t i = 1; i <= 5'000; ++i) lane.post([&sum, i] { sum += i; });
      });
  }
  EXPECT_EQ(sum, 4ULL * 5'000 * 5'001 / 2);
}

TEST(Lane, DestructionRunsWhatThePostedTasksPost) {
  const SystemClock clock;
  int depth = 0;
  std::function<void()> deeper;
  {
    Lane lane("deep", clock);
    deeper = [&] {
      if (++depth < 100) lane.post(deeper);
    };
    lane.post(deeper);
  }
  EXPECT_EQ(depth, 100);
}

TEST(Lane, CallWaitsAndMayBeNested) {
  const SystemClock clock;
  Lane lane("call", clock);
  EXPECT_FALSE(lane.on_lane());
  int value = 0;
  lane.call([&] {
    EXPECT_TRUE(lane.on_lane());
    lane.call([&] { value = 7; });  // on the lane's own thread it runs at once
    EXPECT_EQ(value, 7);
  });
  EXPECT_EQ(value, 7);
}

/// A clock set from the lane itself, so that the test and the loop never race for it.
void advance(Lane& lane, ManualClock& clock, Nanos by) {
  lane.call([&] { clock.advance(by); });
  lane.call([] {});  // the turn between the two has fired what was due
}

TEST(Lane, FiresTimersWhenDueInTheOrderOfTheirTimes) {
  ManualClock clock;
  std::vector<std::string> fired;
  Lane lane("timers", clock);
  lane.call([&] {
    lane.after(30 * kSecond, [&] { fired.push_back("30"); });
    lane.after(10 * kSecond, [&] { fired.push_back("10"); });
    const auto never = lane.after(20 * kSecond, [&] { fired.push_back("cancelled"); });
    lane.after(10 * kSecond, [&] { fired.push_back("10, set later"); });
    lane.cancel(never);
    lane.cancel(never);  // twice does no harm
  });
  advance(lane, clock, 10 * kSecond - 1);
  lane.call([&] { EXPECT_TRUE(fired.empty()); });
  advance(lane, clock, 1);
  lane.call([&] { EXPECT_EQ(fired, (std::vector<std::string>{"10", "10, set later"})); });
  advance(lane, clock, kSecond * 60);
  lane.call([&] { EXPECT_EQ(fired.size(), 3U); });
}

TEST(Lane, ATimerThatSetsItselfAnewHoldsNothingUp) {
  ManualClock clock;  // stands still: "now" is always due
  int fired = 0;
  std::function<void()> again;
  Lane lane("again", clock);
  again = [&] {
    ++fired;
    lane.after(0, again);
  };
  lane.call(again);
  while (true) {
    int now = 0;
    lane.call([&] { now = fired; });  // answers although a timer is due in every turn
    if (now > 100) break;
  }
}

TEST(Lane, WakesForARealTimerByItself) {
  const SystemClock clock;
  Lane lane("real", clock);
  std::promise<Nanos> fired;
  const Nanos begin = clock.now();
  lane.post([&] { lane.after(2 * kMillisecond, [&] { fired.set_value(clock.now()); }); });
  EXPECT_GE(fired.get_future().get() - begin, 2 * kMillisecond);
}

struct Counter final : Watcher {
  std::function<void()> then = [] {};
  int calls = 0;
  void on_ready(std::uint32_t) override {
    ++calls;
    then();
  }
};

struct Pair {
  Pair() {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    near = Fd(fds[0]);
    far = Fd(fds[1]);
  }
  Fd near, far;
};

TEST(Poller, AWatcherMayUnwatchAndDestroyOthersWhileAllAreReady) {
  Poller poller;
  Pair pairs[3];
  std::unique_ptr<Counter> counters[3];
  for (int i = 0; i < 3; ++i) {
    counters[i] = std::make_unique<Counter>();
    counters[i]->then = [&, i] {  // whoever comes first ends all, itself included
      auto mine = std::move(counters[i]);
      for (int k = 0; k < 3; ++k)
        poller.unwatch(pairs[k].near.get(), counters[k] ? *counters[k] : *mine);
      for (auto& each : counters) each.reset();
      pairs[0].far.close();
    };
    poller.watch(pairs[i].near.get(), EPOLLIN, *counters[i]);
    ASSERT_EQ(write(pairs[i].far.get(), "x", 1), 1);
  }
  EXPECT_EQ(poller.wait(kSecond), 1);
  EXPECT_EQ(poller.wait(0), 0);
}

TEST(Poller, ReportsWhatIsAskedForOnly) {
  Poller poller;
  Pair pair;
  Counter counter;
  poller.watch(pair.near.get(), EPOLLIN, counter);
  EXPECT_EQ(poller.wait(0), 0);
  poller.change(pair.near.get(), EPOLLIN | EPOLLOUT, counter);
  EXPECT_EQ(poller.wait(0), 1);
  poller.change(pair.near.get(), 0, counter);
  ASSERT_EQ(write(pair.far.get(), "x", 1), 1);
  EXPECT_EQ(poller.wait(0), 0);
  poller.unwatch(pair.near.get(), counter);
  EXPECT_EQ(counter.calls, 1);
}

TEST(Poller, WakeEndsAWaitThatIsUnderWayOrYetToCome) {
  Poller poller;
  poller.wake();
  EXPECT_EQ(poller.wait(-1), 0);
  const std::jthread waker([&] { poller.wake(); });
  EXPECT_EQ(poller.wait(-1), 0);
}

}  // namespace
}  // namespace ds
