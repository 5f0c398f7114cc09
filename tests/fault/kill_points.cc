// Places in the write path where a kill or a power loss would hurt most, by name: each is met many
// times, the disk is taken as it may be found then, and what recovery makes of it is held to what
// was promised. A place that is met too seldom fails the check: then the code has moved, and its
// name no longer says anything.
#include <fmt/format.h>

#include <iterator>
#include <vector>

#include "broker_world.h"
#include "promise.h"

namespace ds::fault {
namespace {

constexpr int kHits = 25;  // of each place
constexpr int kWorldsMax = 3000;
constexpr int kSteps = 120;

struct Place {
  World::Op during;
  SimDisk::Change::Kind before;
  const char* file;  // what its path ends with
  const char* name;
};
using Op = World::Op;
using Kind = SimDisk::Change::Kind;

constexpr Place kPlaces[] = {
    {Op::kAppend, Kind::kWrite, ".log", "append: nothing written yet"},
    {Op::kAppend, Kind::kWrite, "/marks", "append: written, its end not marked"},
    {Op::kAppend, Kind::kSyncFolder, "", "roll: before the folder is synced"},
    {Op::kAppend, Kind::kCreate, ".log", "roll: before the next segment is made"},
    {Op::kAppend, Kind::kTruncate, ".log", "roll: made, not yet emptied"},
    {Op::kSync, Kind::kSync, ".log", "sync: before a segment is synced"},
    {Op::kSync, Kind::kSyncFolder, "", "sync: segments synced, the folder not"},
    {Op::kSync, Kind::kWrite, "/marks", "sync: synced, not marked"},
    {Op::kCommit, Kind::kWrite, "/offsets", "commit: nothing written yet"},
    {Op::kCommit, Kind::kSync, "/offsets", "commit: written, not synced"},
    {Op::kDrop, Kind::kWrite, "/marks", "delete: the new start not marked"},
    {Op::kDrop, Kind::kSync, "/marks", "delete: marked, not synced"},
    {Op::kDrop, Kind::kRemove, ".log", "delete: before a segment goes"},
    {Op::kCreate, Kind::kMakeFolder, "", "create: before a folder is made"},
    {Op::kCreate, Kind::kWrite, "/topics.new", "create: the table not written"},
    {Op::kCreate, Kind::kSync, "/topics.new", "create: the table written, not synced"},
    {Op::kCreate, Kind::kRename, "/topics.new", "create: the table not in its place"},
    {Op::kCreate, Kind::kSyncFolder, "/data", "create: in its place, the folder not synced"},
    {Op::kRemove, Kind::kRename, "/topics.new", "remove: the table not in its place"},
    {Op::kRemove, Kind::kRemove, "", "remove: before a file of it goes"},
    {Op::kGrow, Kind::kRename, "/topics.new", "grow: the table not in its place"},
    {Op::kDrawId, Kind::kRename, "/producers.new", "ids: a block not in its place"},
    {Op::kCompact, Kind::kWrite, ".compacting", "compact: in the middle of the draft"},
    {Op::kCompact, Kind::kSync, ".compacting", "compact: the draft not synced"},
    {Op::kCompact, Kind::kRename, ".compacting", "compact: the draft not in its place"},
    {Op::kCompact, Kind::kSyncFolder, "", "compact: in its place, the folder not synced"},
    {Op::kCompact, Kind::kRemove, ".log", "compact: before an original goes"},
    {Op::kRecover, Kind::kTruncate, ".log", "recovery: before a torn tail is cut"},
    {Op::kRecover, Kind::kSync, ".log", "recovery: cut, not synced"},
    {Op::kRecover, Kind::kWrite, "/marks", "recovery: not marked"},
    {Op::kRecover, Kind::kRename, "/offsets.new", "recovery: commits not in their place"},
};
constexpr std::size_t kPlaceCount = std::size(kPlaces);

std::size_t place_of(Op during, const SimDisk::Change& change) {
  for (std::size_t i = 0; i < kPlaceCount; ++i)
    if (kPlaces[i].during == during && kPlaces[i].before == change.kind &&
        change.path.ends_with(kPlaces[i].file))
      return i;
  return kPlaceCount;
}

struct Hunt {
  std::int64_t wanted;
  std::vector<std::int64_t> hits = std::vector<std::int64_t>(kPlaceCount, 0);
  std::int64_t states = 0;

  bool done() const {
    for (const auto hit : hits)
      if (hit < wanted) return false;
    return true;
  }
  bool wants(std::size_t place) const { return place < kPlaceCount && hits[place] < wanted; }
};

/// A start on `disk`, which dies at the places that are still wanted.
void recover(World& world, std::unique_ptr<SimDisk> disk, Random& random, Hunt& hunt) {
  std::vector<std::unique_ptr<SimDisk>> found;
  SimDisk& starting = *disk;
  starting.on_change([&](const SimDisk::Change& change) {
    const std::size_t place = place_of(Op::kRecover, change);
    if (!hunt.wants(place)) return 0;
    ++hunt.hits[place];
    found.push_back(starting.after_power_loss(random));
    return 0;
  });
  world.open_once(starting, true);
  starting.on_change(nullptr);
  for (auto& each : found) ++hunt.states, world.verify(std::move(each), true);
}

void run(std::uint64_t seed, Hunt& hunt, Findings& findings) {
  Random random(seed, 1);
  World world({.compacts = true}, seed, findings);
  world.disk().on_change([&](const SimDisk::Change& change) {
    const std::size_t place = place_of(world.now(), change);
    if (!hunt.wants(place)) return 0;
    ++hunt.hits[place];
    hunt.states += 2;
    world.verify(world.disk().after_power_loss(random), true);
    world.verify(world.disk().after_kill(), false);
    if (change.kind != Kind::kWrite) return 0;
    ++hunt.states;
    const auto bytes = world.disk().bytes_of_change();
    world.verify(world.disk().after_kill_during(change, bytes, random.below(bytes.size())), false);
    return 0;
  });
  for (int i = 0; i < kSteps; ++i) {
    world.step();
    if (i % 5 == 0) world.perform(Op::kCompact);  // seldom drawn, and with many places
    if (random.below(12) == 0) recover(world, world.disk().after_power_loss(random), random, hunt);
  }
  world.disk().on_change(nullptr);
}

int main(int argc, char** argv) {
  Promise check(argc, argv,
                {.promise = "B2",
                 .check = "kill points",
                 .faults = static_cast<std::int64_t>(kPlaceCount) * kHits});
  Hunt hunt{.wanted = check.scaled(kHits)};
  Findings findings;
  std::int64_t worlds = 0;
  for (; !hunt.done() && worlds < check.scaled(kWorldsMax); ++worlds)
    run(random_at(check.seed(), static_cast<std::uint64_t>(worlds)), hunt, findings);
  std::int64_t seldom = 0;
  for (std::size_t i = 0; i < kPlaceCount; ++i) {
    check.fault(hunt.hits[i]);
    fmt::print("  {:4} x {}\n", hunt.hits[i], kPlaces[i].name);
    if (hunt.hits[i] >= hunt.wanted) continue;
    ++seldom;
    check.wrong(fmt::format("'{}' was met {} times", kPlaces[i].name, hunt.hits[i]));
  }
  for (const auto& words : findings.words) check.wrong(words);
  check.size(fmt::format("{} places, {} times each", kPlaceCount, hunt.wanted));
  check.note("worlds", worlds);
  check.note("states", hunt.states);
  check.note("records read", findings.records_read);
  check.zero("places met too seldom", seldom);
  findings.must_be_none(check);
  return check.end();
}

}  // namespace
}  // namespace ds::fault

int main(int argc, char** argv) {
  return ds::fault::main(argc, argv);
}
