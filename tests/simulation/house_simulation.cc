// Broker log, groups, pipeline and ledger over a simulated clock, disk and network: thousands of
// seeds, each a course of events of its own. Invariants are checked after each step; what a seed
// did is summed up in a digest, and some seeds are run twice to see that they do the same.
//
//   house_simulation --seed 7 --seeds 1 --story       # that one again, and its last steps in words
#include <fmt/format.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>

#include "house/house.h"
#include "promise.h"

namespace ds::simulation {
namespace {

constexpr std::int64_t kSeeds = 2000;
constexpr std::int64_t kOperations = 5000;
constexpr std::int64_t kQuickly =
    6;  // so many times fewer seeds, unless the full size is asked for
constexpr std::int64_t kTwiceEach = 20;  // one seed in so many is run again

int main(int argc, char** argv) {
  const char* const size = std::getenv("DATASTORM_TEST_SIZE");
  const bool full = size && std::strcmp(size, "full") == 0;
  std::int64_t seeds = full ? kSeeds : kSeeds / kQuickly;
  bool story = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) seeds = std::atoll(argv[i + 1]);
    if (std::strcmp(argv[i], "--story") == 0) story = true;
  }
  fault::Promise check(argc, argv,
                       {.promise = "S1", .check = "house, simulated", .faults = seeds * 20});
  seeds = check.scaled(seeds);

  HouseCounts sum;
  std::int64_t replayed = 0, otherwise = 0, broken = 0;
  std::mutex mutex;
  std::atomic<std::int64_t> next = 0;
  const auto work = [&] {
    for (std::int64_t i = next++; i < seeds; i = next++) {
      const std::uint64_t seed = check.seed() + static_cast<std::uint64_t>(i);
      House house(seed);
      const std::string wrong = house.run(kOperations);
      const bool twice = i % kTwiceEach == 0 || !wrong.empty();
      bool same = true;
      if (twice) {
        House again(seed);
        same = again.run(kOperations) == wrong && again.trace() == house.trace();
      }
      const std::lock_guard lock(mutex);
      sum.add(house.counts());
      replayed += twice;
      if (!same) ++otherwise, check.wrong(fmt::format("seed {} runs otherwise again", seed));
      if (!wrong.empty()) ++broken, check.wrong(fmt::format("seed {}: {}", seed, wrong));
      if (story || (!wrong.empty() && broken == 1))
        fmt::print("  seed {}, digest {:016x}\n{}", seed, house.trace(), house.story());
    }
  };
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i)
      threads.emplace_back(work);
  }

  check.size(fmt::format("{} seeds of {} operations", seeds, kOperations));
  check.fault(sum.faults);
  check.note("operations", sum.operations);
  check.note("simulated s", sum.simulated_s);
  check.note("broker killed", sum.kills);
  check.note("power lost", sum.power_losses);
  check.note("disk errors", sum.disk_errors);
  check.note("processes killed", sum.processes_killed);
  check.note("compactions", sum.compactions);
  check.note("acknowledged", sum.acknowledged);
  check.note("stored", sum.stored);
  check.note("written again", sum.written_again);
  check.note("unclaimed", sum.unclaimed);
  check.note("replayed", replayed);
  check.zero("seeds broken", broken);
  check.zero("replays otherwise", otherwise);
  return check.end();
}

}  // namespace
}  // namespace ds::simulation

int main(int argc, char** argv) {
  return ds::simulation::main(argc, argv);
}
