// What all parts of a simulated house share: its time, its chances, its network, and the story of
// what happened. Everything that is drawn is drawn from one seed, in the order of simulated time,
// so that a seed means one course of events.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

namespace ds::simulation {

/// Threads: one.
class World {
 public:
  using Task = std::function<void()>;

  explicit World(std::uint64_t seed) : random(seed) {}

  Random random;
  ManualClock clock;
  NoLog log;
  bool calm = false;  // nothing goes wrong any more

  // Time

  Nanos now() const { return clock.now(); }
  void in(Nanos delay, Task task) { events_.push({now() + delay, next_++, std::move(task)}); }
  /// Goes to the next event and lets it happen. False when there is none.
  bool turn() {
    if (events_.empty()) return false;
    const Task task = std::move(const_cast<Event&>(events_.top()).task);
    clock.advance(events_.top().at - now());
    events_.pop();
    ++operations;
    task();
    return true;
  }

  // Chance

  bool chance(int percent) { return !calm && random.below(100) < static_cast<unsigned>(percent); }
  Nanos between(Nanos least, Nanos most) {
    return least + static_cast<Nanos>(random.below(static_cast<std::uint64_t>(most - least + 1)));
  }

  // The network

  /// Counts its starts and its ends: no connection outlives either.
  std::uint64_t life_of_broker = 0;
  /// A connection: what goes over it keeps its order, and nothing passes a break.
  struct Link {
    Nanos there = 0, back = 0;
    bool broken_there = false, broken_back = false;
    bool prompt = false;                // what comes at all comes soon
    std::optional<std::uint64_t> life;  // of the broker, when it was made
  };
  /// One request over a connection that may break: it comes late or never, and so does its answer;
  /// without a `link` to keep its place on, it may come twice. Either `heard` is called, once, or
  /// `lost`, once.
  template <typename Answer>
  void ask(Nanos patience, std::function<void(std::function<void(const Answer&)>)> serve,
           std::function<void(const Answer&)> heard, Task lost,
           const std::shared_ptr<Link>& link = nullptr) {
    auto open = std::make_shared<bool>(true);
    in(patience, [open, lost = std::move(lost)] {
      if (std::exchange(*open, false)) lost();
    });
    const auto way = link ? link : std::make_shared<Link>();
    auto answer = [this, open, way, heard = std::move(heard)](const Answer& told) {
      if (chance(3)) ++faults, note(1), way->broken_back = true;
      if (way->broken_back) return;
      way->back = std::max(way->back, now() + between(0, kFlight));
      in(way->back - now(), [open, heard, told] {
        if (std::exchange(*open, false)) heard(told);
      });
    };
    if (chance(3)) ++faults, note(2), way->broken_there = true;
    if (!way->life) way->life = life_of_broker;
    if (way->broken_there || way->life != life_of_broker) return;
    const int copies = !link && chance(2) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      way->there = std::max(way->there, now() + (!way->prompt && chance(2) ? between(0, 3 * kSecond)
                                                                           : between(0, kFlight)));
      in(way->there - now(), [this, serve, answer, life = life_of_broker] {
        if (life == life_of_broker) serve(answer);
      });
    }
    faults += copies - 1;
  }

  // The story

  void note(std::uint64_t what) {
    trace = mix_bits(trace ^ mix_bits(what) ^ static_cast<std::uint64_t>(now()));
  }
  void tell(std::string what) {
    note(std::hash<std::string>{}(what));
    story.push_back(fmt::format("{:8.3f} {}", static_cast<double>(now()) / 1e9, what));
    if (story.size() > 150) story.pop_front();
  }
  /// Something that must not be. The first is what the seed failed with.
  void broken(const std::string& what) {
    if (is_broken.empty())
      is_broken = fmt::format("{} at {:.3f} s", what, static_cast<double>(now()) / 1e9);
  }

  std::uint64_t trace = 0;
  std::string is_broken;
  std::deque<std::string> story;
  std::int64_t operations = 0;
  std::int64_t faults = 0;

 private:
  static constexpr Nanos kFlight = 15 * kMillisecond;
  struct Event {
    Nanos at;
    std::uint64_t number;
    Task task;
    bool operator<(const Event& other) const {
      return std::tie(at, number) > std::tie(other.at, other.number);
    }
  };
  std::priority_queue<Event> events_;
  std::uint64_t next_ = 0;
};

}  // namespace ds::simulation
