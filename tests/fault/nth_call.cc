// "The n-th call fails", n = 1, 2, 3 … until the operation passes untouched: each write, sync, cut,
// creation, rename and removal of each thing that the broker does to its disk, and of its start;
// and each allocation. After each of them the broker goes on, and what a kill or a power loss then
// leaves is held to what was promised.
#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <new>

#include "broker_world.h"
#include "promise.h"

namespace {

thread_local std::int64_t allocations_left = -1;  // until one fails; negative: none does

void* allocate(std::size_t size) {
  if (allocations_left >= 0 && allocations_left-- == 0) throw std::bad_alloc();
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

// NOLINTBEGIN(misc-new-delete-overloads)
void* operator new(std::size_t size) {
  return allocate(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
// NOLINTEND(misc-new-delete-overloads)

namespace ds::fault {
namespace {

using Op = World::Op;
using Kind = SimDisk::Change::Kind;

constexpr std::int64_t kSeeds = 60;
constexpr std::int64_t kAllocationSeeds = 3;
constexpr std::int64_t kFaults = 1200;
constexpr int kStepsBefore = 60, kStepsAfter = 8;
constexpr Op kOps[] = {Op::kAppend, Op::kSync,   Op::kCommit, Op::kDrop,   Op::kDrawId,
                       Op::kCreate, Op::kRemove, Op::kGrow,   Op::kCompact};

struct Counts {
  std::int64_t calls = 0, allocations = 0, untouched = 0, answered_with_errors = 0;
};

/// Fails the n-th change from now on; says afterwards whether there was one.
class Saboteur {
 public:
  Saboteur(SimDisk& disk, std::int64_t n) : disk_(disk), left_(n) {
    disk_.on_change([this](const SimDisk::Change& change) {
      if (left_ == 0 || --left_ > 0) return 0;
      const bool sync = change.kind == Kind::kSync || change.kind == Kind::kSyncFolder;
      return sync || change.kind == Kind::kRename ? EIO : ENOSPC;
    });
  }
  ~Saboteur() { disk_.on_change(nullptr); }
  bool struck() const { return left_ == 0; }

 private:
  SimDisk& disk_;
  std::int64_t left_;
};

class Trial {
 public:
  Trial(std::uint64_t seed, Findings& findings)
      : random_(seed, 1), world_({.compacts = true}, seed, findings) {
    for (int i = 0; i < kStepsBefore; ++i) world_.step();
  }

  /// False when it passed untouched.
  bool fails_in(Op op, std::int64_t n, Counts& counts) {
    const std::int64_t failures = world_.failures();
    {
      const Saboteur saboteur(world_.disk(), n);
      world_.perform(op);
      if (!saboteur.struck()) return false;
    }
    ++counts.calls;
    counts.answered_with_errors += world_.failures() > failures;
    look();
    for (int i = 0; i < kStepsAfter; ++i) world_.step();
    look();
    return true;
  }

  bool fails_at_a_start(std::int64_t n, Counts& counts) {
    auto disk = world_.disk().after_power_loss(random_);
    {
      const Saboteur saboteur(*disk, n);
      world_.open_once(*disk, true);
      if (!saboteur.struck()) return false;
    }
    ++counts.calls;
    world_.verify(disk->after_power_loss(random_), true);
    return true;
  }

  /// Memory that is at an end ends the process, as a kill does.
  bool runs_out_of_memory(Op op, std::int64_t n, Counts& counts) {
    bool struck = false;
    allocations_left = n - 1;
    try {
      world_.perform(op);
    } catch (const std::bad_alloc&) {
      struck = true;
    }
    allocations_left = -1;
    if (!struck) return false;
    ++counts.allocations;
    world_.verify(world_.disk().after_kill(), false);
    return true;
  }

 private:
  void look() {
    world_.verify(world_.disk().after_power_loss(random_), true);
    world_.verify(world_.disk().after_kill(), false);
  }

  Random random_;
  World world_;
};

int main(int argc, char** argv) {
  Promise check(argc, argv, {.promise = "B4", .check = "the n-th call fails", .faults = kFaults});
  Findings findings;
  Counts counts;
  const std::int64_t seeds = check.scaled(kSeeds);
  for (std::int64_t i = 0; i < seeds; ++i) {
    if (!check.wants(static_cast<std::uint64_t>(i))) continue;
    const std::uint64_t seed = random_at(check.seed(), static_cast<std::uint64_t>(i));
    const std::size_t said = findings.words.size();
    for (const Op op : kOps)
      for (std::int64_t n = 1; Trial(seed, findings).fails_in(op, n, counts); ++n) continue;
    for (std::int64_t n = 1; Trial(seed, findings).fails_at_a_start(n, counts); ++n) continue;
    counts.untouched += std::size(kOps) + 1;
    if (i < check.scaled(kAllocationSeeds))
      for (const Op op : kOps)
        for (std::int64_t n = 1; Trial(seed, findings).runs_out_of_memory(op, n, counts); ++n)
          continue;
    for (std::size_t j = said; j < findings.words.size(); ++j)
      check.wrong(fmt::format("world {}: {}", i, findings.words[j]));
  }
  check.fault(counts.calls);
  check.size(fmt::format("{} worlds, {} operations and the start", seeds, std::size(kOps)));
  check.note("allocations failed", counts.allocations);
  check.note("passed untouched", counts.untouched);
  check.note("answered with errors", counts.answered_with_errors);
  findings.must_be_none(check);
  return check.end();
}

}  // namespace
}  // namespace ds::fault

int main(int argc, char** argv) {
  return ds::fault::main(argc, argv);
}
