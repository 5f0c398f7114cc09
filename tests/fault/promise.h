// A check of a promise, written in C++: the twin of promise.py, with the same options, the same
// row.
//
//   int main(int argc, char** argv) {
//     Promise check(argc, argv, {.promise = "B2", .check = "power loss", .faults = 10'000});
//     for (int i = 0; i < check.scaled(10'000); ++i) { …; check.fault(); }
//     check.note("batches", batches);
//     check.zero("lost", lost);
//     return check.end();
//   }
//
// docs/faults.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace ds::fault {

struct Stated {
  std::string promise;
  std::string check;
  std::int64_t faults = 0;
};

/// Threads: one.
class Promise {
 public:
  /// Reads --seed N and --scale N, or DATASTORM_SEED and DATASTORM_FAULT_SCALE; prints both. With
  /// --world N, which only some checks have, fewer faults than stated will do.
  Promise(int argc, char** argv, Stated stated);

  std::uint64_t seed() const { return seed_; }
  /// Of numbered worlds the one that --world N asks for, to see it alone; else all.
  bool wants(std::uint64_t world) const { return !world_ || *world_ == world; }
  bool is_past(std::uint64_t world) const { return world_ && *world_ < world; }
  std::int64_t scaled(std::int64_t stated) const;

  void size(std::string in_words) { size_ = std::move(in_words); }
  /// So many more faults were really injected.
  void fault(std::int64_t count = 1) { faults_ += count; }
  void note(std::string name, std::int64_t count) { counts_.emplace_back(std::move(name), count); }
  /// A count that the promise says is zero.
  void zero(const std::string& name, std::int64_t count);
  /// One more thing that must not be; the first ones are printed at once, as they come.
  void wrong(const std::string& what);

  /// Prints and keeps the row; the process's exit code.
  int end();

 private:
  Stated stated_;
  std::uint64_t seed_ = 0;
  std::optional<std::uint64_t> world_;
  double scale_ = 1;
  std::string size_;
  std::int64_t faults_ = 0;
  std::int64_t wrongs_ = 0;
  std::vector<std::pair<std::string, std::int64_t>> counts_;
  std::string why_;
  SystemClock clock_;
  Nanos began_ = 0;
};

}  // namespace ds::fault
