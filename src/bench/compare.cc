#include "bench/compare.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "bench/goals.h"

namespace ds {
namespace {

using simdjson::dom::element;

std::string text_at(element from, std::string_view name) {
  std::string_view text;
  return from[name].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}
double number_at(element from, std::string_view name) {
  double number = 0;
  return from[name].get(number) == simdjson::SUCCESS ? number : 0;
}

/// "P1 >= 0.5", as Goal::to_string() has it.
std::optional<Goal> goal_of(const std::string& text) {
  std::istringstream in(text);
  Goal goal;
  std::string relation;
  if (!(in >> goal.name >> relation >> goal.value)) return std::nullopt;
  goal.at_least = relation == ">=";
  return goal;
}

SuiteResult suite_of(element from) {
  SuiteResult suite{.suite = text_at(from, "suite"),
                    .machine = text_at(from, "machine"),
                    .versions = text_at(from, "versions"),
                    .load_before = number_at(from, "load_before"),
                    .seconds = number_at(from, "seconds"),
                    .rows = {}};
  simdjson::dom::array rows;
  if (from["rows"].get(rows) != simdjson::SUCCESS) return suite;
  for (const element row : rows)
    suite.rows.push_back({.name = text_at(row, "name"),
                          .unit = text_at(row, "unit"),
                          .min = number_at(row, "min"),
                          .median = number_at(row, "median"),
                          .max = number_at(row, "max"),
                          .runs = static_cast<int>(number_at(row, "runs")),
                          .conditions = text_at(row, "conditions"),
                          .goal = goal_of(text_at(row, "goal"))});
  return suite;
}

/// What varies from run to run without changing what was measured: the part behind the engine tells
/// of warm-ups and of what was found.
std::string_view kept(std::string_view conditions) {
  const std::size_t begin = conditions.find(", acks");
  return conditions.substr(begin, std::min(conditions.find(';'), conditions.size()) - begin);
}

bool same_conditions(const BenchRow& a, const BenchRow& b) {
  if (a.conditions.find(", acks") == std::string::npos ||
      b.conditions.find(", acks") == std::string::npos)
    return a.conditions == b.conditions;
  return kept(a.conditions) == kept(b.conditions);
}

}  // namespace

bool more_is_better(std::string_view unit) {
  constexpr std::string_view kLess[] = {"ms", "s/GiB", "MiB", "MB", "%"};
  return std::ranges::find(kLess, unit) == std::end(kLess) && !unit.starts_with("ns") &&
         !unit.starts_with("% ");
}

std::string_view name_of(Change change) {
  switch (change) {
    case Change::kBetter:
      return "better";
    case Change::kWorse:
      return "worse";
    case Change::kUndecided:
      return "undecided: the spread allows no verdict";
    case Change::kOtherWorld:
      return "no verdict: machine or conditions differ";
    case Change::kOneSided:
      return "measured on one side only";
  }
  return "";
}

Change judge(const BenchRow& old, const BenchRow& now, bool same_machine) {
  if (old.skipped() || now.skipped()) return Change::kOneSided;
  if (!same_machine || old.unit != now.unit || !same_conditions(old, now))
    return Change::kOtherWorld;
  if (old.noisy() || now.noisy() || std::min(old.runs, now.runs) < kRunsForVerdict)
    return Change::kUndecided;
  if (now.min > old.max) return more_is_better(now.unit) ? Change::kBetter : Change::kWorse;
  if (now.max < old.min) return more_is_better(now.unit) ? Change::kWorse : Change::kBetter;
  return Change::kUndecided;
}

std::vector<Compared> compare(const BenchResults& old, const BenchResults& now) {
  std::vector<Compared> all;
  const auto find = [](const BenchResults& in, const std::string& suite) {
    const auto found = std::ranges::find(in.suites, suite, &SuiteResult::suite);
    return found == in.suites.end() ? nullptr : &*found;
  };
  const auto row_in = [](const SuiteResult* suite, const std::string& name) -> const BenchRow* {
    if (suite == nullptr) return nullptr;
    const auto found = std::ranges::find(suite->rows, name, &BenchRow::name);
    return found == suite->rows.end() ? nullptr : &*found;
  };
  for (const SuiteResult& suite : old.suites) {
    const SuiteResult* const other = find(now, suite.suite);
    for (const BenchRow& row : suite.rows) {
      Compared compared{.suite = suite.suite, .row = row.name, .unit = row.unit, .old = &row};
      compared.now = row_in(other, row.name);
      if (compared.now == nullptr) {
        compared.change = Change::kOneSided;
      } else {
        compared.change = judge(row, *compared.now, suite.machine == other->machine);
        if (row.median != 0) compared.ratio = compared.now->median / row.median;
      }
      all.push_back(compared);
    }
  }
  for (const SuiteResult& suite : now.suites)
    for (const BenchRow& row : suite.rows)
      if (row_in(find(old, suite.suite), row.name) == nullptr)
        all.push_back({.suite = suite.suite,
                       .row = row.name,
                       .unit = row.unit,
                       .now = &row,
                       .change = Change::kOneSided});
  return all;
}

std::string compare_text(const std::vector<Compared>& compared) {
  const auto figures = [](const BenchRow* row) {
    return row == nullptr || row->skipped() ? std::string("-") : spread_text(*row);
  };
  std::string text = fmt::format("{:<58} {:<28} {:<28} {:<14} {:>7}  {}\n", "row", "old", "new",
                                 "unit", "new/old", "verdict");
  for (const Compared& each : compared)
    text += fmt::format(
        "{:<58} {:<28} {:<28} {:<14} {:>7}  {}\n", fmt::format("{}: {}", each.suite, each.row),
        figures(each.old), figures(each.now), each.unit,
        each.ratio == 0 ? "-" : fmt::format("{:.3f}", each.ratio), name_of(each.change));
  return text;
}

Result<BenchResults> parse_results(std::string json) {
  simdjson::dom::parser parser;
  element root;
  const auto nothing = [] {
    return Error{.code = ErrorCode::kUsage,
                 .message = "this is no result of `datastorm bench`",
                 .hint = "bench.json in the folder of --out, or what --json printed"};
  };
  const simdjson::padded_string text(json);
  if (parser.parse(text).get(root) != simdjson::SUCCESS || !root.is_object()) return nothing();
  BenchResults results{
      .when = text_at(root, "when"), .command = text_at(root, "command"), .suites = {}};
  simdjson::dom::array suites;
  if (root["suites"].get(suites) == simdjson::SUCCESS) {
    for (const element suite : suites) results.suites.push_back(suite_of(suite));
  } else if (!text_at(root, "suite").empty()) {
    results.suites.push_back(suite_of(root));
  }
  const bool whole =
      !results.suites.empty() && std::ranges::all_of(results.suites, [](const SuiteResult& suite) {
        return !suite.suite.empty() && !suite.rows.empty();
      });
  if (!whole) return nothing();
  return results;
}

Result<BenchResults> read_results(const std::string& path) {
  std::ifstream file(path);
  if (!file)
    return Error{.code = ErrorCode::kUsage, .message = fmt::format("{} cannot be read", path)};
  std::ostringstream text;
  text << file.rdbuf();
  auto results = parse_results(std::move(text).str());
  if (!results) return std::move(results).error().while_trying("read " + path);
  return results;
}

}  // namespace ds
