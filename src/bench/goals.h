// The goals of the specification's table of speed (S12), and what a run says of each.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bench/row.h"

namespace ds {

struct GoalLine {
  std::string goal;     // "P1", or the paragraph that asks for it
  std::string what;     // the row and its suite
  std::string wanted;   // ">= 0.5"
  std::string figures;  // "min / median / max unit", empty when it was not measured
  std::string verdict;
};

/// P1 to P13 in order, then the rest; a P that no row is about says so.
std::vector<GoalLine> goal_lines(const BenchResults& results);

/// Four significant digits: "0.3457", "12.35", "1235".
std::string short_number(double value);
/// "0.321 / 0.346 / 0.366".
std::string spread_text(const BenchRow& row);

/// Both for people: on a terminal, and as Markdown with all rows behind the goals.
std::string goals_text(const BenchResults& results);
std::string tables_markdown(const BenchResults& results);

/// Replaces what stands between the markers "<!-- bench: begin -->" and "<!-- bench: end -->".
Result<std::string> with_tables(std::string_view document, const BenchResults& results);

}  // namespace ds
