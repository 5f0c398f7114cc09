// Two results beside each other. A verdict only where the spread allows one.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "bench/row.h"

namespace ds {

/// Whether a larger figure is the better one.
bool more_is_better(std::string_view unit);

enum class Change {
  kBetter,
  kWorse,
  kUndecided,   // the ranges overlap, or one side is noisy or too few runs
  kOtherWorld,  // machine or conditions differ: the figures say nothing about the program
  kOneSided,    // measured on one side only
};
std::string_view name_of(Change change);

struct Compared {
  std::string suite;
  std::string row;
  std::string unit;
  const BenchRow* old = nullptr;  // points into the results; null: not measured there
  const BenchRow* now = nullptr;
  Change change = Change::kUndecided;
  double ratio = 0;  // of the medians, new to old
};

/// Fewer runs than this say nothing about their spread.
constexpr int kRunsForVerdict = 3;

Change judge(const BenchRow& old, const BenchRow& now, bool same_machine);
/// Row by row, in the old one's order. Lifetime: both must outlive the answer.
std::vector<Compared> compare(const BenchResults& old, const BenchResults& now);
std::string compare_text(const std::vector<Compared>& compared);

/// What `bench --out` or `bench --json` wrote.
Result<BenchResults> read_results(const std::string& path);
Result<BenchResults> parse_results(std::string json);

}  // namespace ds
