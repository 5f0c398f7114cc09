#include "bench/goals.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ds {
namespace {

constexpr int kSpeedGoals = 13;
constexpr std::string_view kBegin = "<!-- bench: begin -->", kEnd = "<!-- bench: end -->";

GoalLine line_of(const SuiteResult& suite, const BenchRow& row) {
  const std::string text = row.goal->to_string();
  return {.goal = row.goal->name,
          .what = fmt::format("{}: {}", suite.suite, row.name),
          .wanted = text.substr(text.find(' ') + 1),
          .figures = row.skipped() ? "" : fmt::format("{} {}", spread_text(row), row.unit),
          .verdict = row.verdict()};
}

/// A cell must not end its column.
std::string cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2)
    text.insert(at, 1, '\\');
  return text;
}

std::string suite_markdown(const SuiteResult& suite) {
  std::string text = fmt::format(
      "### {}\n\nLoad average {:.1f} when it began; {:.0f} s.\n\n"
      "| row | unit | min / median / max | runs | conditions |\n|---|---|---|---|---|\n",
      suite.suite, suite.load_before, suite.seconds);
  for (const BenchRow& row : suite.rows) {
    if (row.skipped())
      text += fmt::format("| {} | | | 0 | {} |\n", cell(row.name), cell(row.conditions));
    else
      text +=
          fmt::format("| {} | {} | {}{} | {} | {} |\n", cell(row.name), row.unit, spread_text(row),
                      row.noisy() ? " *noisy*" : "", row.runs, cell(row.conditions));
  }
  return text + "\n";
}

}  // namespace

std::string short_number(double value) {
  const double size = std::abs(value);
  if (size >= 1000 || size == 0) return fmt::format("{:.0f}", value);
  const int digits = std::max(0, 3 - static_cast<int>(std::floor(std::log10(size))));
  return fmt::format("{:.{}f}", value, std::min(digits, 6));
}

std::string spread_text(const BenchRow& row) {
  return fmt::format("{} / {} / {}", short_number(row.min), short_number(row.median),
                     short_number(row.max));
}

std::vector<GoalLine> goal_lines(const BenchResults& results) {
  std::vector<GoalLine> lines;
  const auto add = [&](auto&& wanted) {
    const std::size_t before = lines.size();
    for (const SuiteResult& suite : results.suites)
      for (const BenchRow& row : suite.rows)
        if (row.goal && wanted(row.goal->name)) lines.push_back(line_of(suite, row));
    return lines.size() > before;
  };
  for (int i = 1; i <= kSpeedGoals; ++i) {
    const std::string name = fmt::format("P{}", i);
    if (!add([&](const std::string& goal) { return goal == name; }))
      lines.push_back({.goal = name,
                       .what = "",
                       .wanted = "",
                       .figures = "",
                       .verdict = "not measured: its suite did not run, or was skipped"});
  }
  add([](const std::string& goal) { return !goal.starts_with('P'); });
  return lines;
}

std::string goals_text(const BenchResults& results) {
  std::string text = fmt::format("\n{:<5} {:<52} {:<9} {:<34} {}\n", "goal", "row", "wanted",
                                 "min / median / max", "by the median");
  for (const GoalLine& line : goal_lines(results))
    text += fmt::format("{:<5} {:<52} {:<9} {:<34} {}\n", line.goal, line.what, line.wanted,
                        line.figures, line.verdict);
  return text;
}

std::string tables_markdown(const BenchResults& results) {
  std::string text = fmt::format("`{}`, {}\n\n", results.command, results.when);
  if (!results.suites.empty())
    text +=
        fmt::format("{}; {}\n\n", results.suites.front().machine, results.suites.front().versions);
  text +=
      "## Goals\n\n| | row | goal | min / median / max | by the median |\n|---|---|---|---|---|\n";
  for (const GoalLine& line : goal_lines(results))
    text += fmt::format("| {} | {} | {} | {} | {} |\n", line.goal, cell(line.what), line.wanted,
                        line.figures, line.verdict);
  text += "\n## All rows\n\n";
  for (const SuiteResult& suite : results.suites) text += suite_markdown(suite);
  text.pop_back();
  return text;
}

Result<std::string> with_tables(std::string_view document, const BenchResults& results) {
  const std::size_t begin = document.find(kBegin), end = document.find(kEnd);
  if (begin == document.npos || end == document.npos || end < begin)
    return Error{
        .code = ErrorCode::kUsage,
        .message = fmt::format("the document has no place between '{}' and '{}'", kBegin, kEnd)};
  return fmt::format("{}\n\n{}\n{}", document.substr(0, begin + kBegin.size()),
                     tables_markdown(results), document.substr(end));
}

}  // namespace ds
