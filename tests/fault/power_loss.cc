// B2: what was acknowledged survives a power loss at any moment, where the durability says so; and
// a kill at any moment everywhere. Ten thousand disks as a crash may leave them.
#include <fmt/format.h>

#include "broker_world.h"
#include "promise.h"

namespace ds::fault {
namespace {

constexpr std::int64_t kStates = 10'000;
constexpr int kStatesASeed = 48;
constexpr int kLives = 3;
constexpr int kStepsALife = 90;

struct Counts {
  std::int64_t power = 0, kills = 0, torn_kills = 0, lives = 0, worlds = 0, recycled = 0;
};

/// One world, crashed in the middle of its operations and going on from what a crash has left.
void run(std::uint64_t seed, const WorldSettings& settings, Findings& findings, Counts& counts) {
  Random random(seed, 1);
  World world(settings, seed, findings);
  int left = kStatesASeed;
  const auto look = [&](const SimDisk::Change& change) {
    if (settings.recycle && change.kind == SimDisk::Change::Kind::kRename &&
        change.path.ends_with(".log"))
      ++counts.recycled;
    // Spread over the lives; some states of one moment differ by what the disk has kept.
    if (left == 0 || random.below(14) != 0) return 0;
    --left;
    if (random.below(settings.sync ? 8 : 2) != 0) {
      ++counts.power;
      world.verify(world.disk().after_power_loss(random), true);
    } else if (change.kind == SimDisk::Change::Kind::kWrite && random.below(2)) {
      ++counts.torn_kills;
      const auto bytes = world.disk().bytes_of_change();
      world.verify(world.disk().after_kill_during(change, bytes, random.below(bytes.size())),
                   false);
    } else {
      ++counts.kills;
      world.verify(world.disk().after_kill(), false);
    }
    return 0;
  };
  ++counts.worlds;
  for (int life = 0; life < kLives; ++life) {
    world.disk().on_change(look);
    for (int i = 0; i < kStepsALife; ++i) world.step();
    world.disk().on_change(nullptr);
    ++counts.lives;
    const bool power = random.below(2);
    world.restart(power ? world.disk().after_power_loss(random) : world.disk().after_kill(), power);
  }
}

int main(int argc, char** argv) {
  Promise check(argc, argv,
                {.promise = "B2", .check = "power loss, simulated disk", .faults = kStates});
  Findings findings;
  Counts counts;
  const auto states = check.scaled(kStates);
  for (std::uint64_t i = 0; counts.power < states && !check.is_past(i); ++i) {
    if (!check.wants(i)) continue;
    const std::uint64_t seed = random_at(check.seed(), i);
    // Three in four promise something after a power loss. Where nothing is, what is found must
    // still be what was sent, in its place: recycled segments are full of older batches.
    const bool sync = i % 4 != 3;
    const std::size_t said = findings.words.size();
    run(seed, {.sync = sync, .recycle = !sync}, findings, counts);
    for (std::size_t j = said; j < findings.words.size(); ++j)
      check.wrong(fmt::format("world {} ({}): {}", i, sync ? "sync" : "cache", findings.words[j]));
  }
  check.fault(counts.power);
  check.size(fmt::format("{} worlds of {} lives, torn at 512 B and 4 KiB", counts.worlds, kLives));
  check.note("kills between writes", counts.kills);
  check.note("kills in a write", counts.torn_kills);
  check.note("segments recycled", counts.recycled);
  check.note("records read", findings.records_read);
  findings.must_be_none(check);
  return check.end();
}

}  // namespace
}  // namespace ds::fault

int main(int argc, char** argv) {
  return ds::fault::main(argc, argv);
}
