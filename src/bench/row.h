// What every suite returns: rows with their spread and their conditions (S9.5), and what a row says
// about a goal of the specification (S12).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ds {

/// What a figure depends on; what plays no part stays "-". Machine, versions and spread are the
/// whole result's.
struct Conditions {
  double record_bytes = 0;  // as sent, with the framing; 0: no records of one size
  std::string acks = "-";
  std::string codec = "-";
  std::string durability = "-";
  std::string engine = "-";
  std::string more;

  std::string to_string() const;
};

/// A row of S12: "P1 >= 0.5".
struct Goal {
  std::string name;
  bool at_least = true;  // else at most
  double value = 0;

  std::string to_string() const;
  bool reached_by(double figure) const { return at_least ? figure >= value : figure <= value; }
};

struct BenchRow {
  std::string name;
  std::string unit;
  double min = 0;
  double median = 0;
  double max = 0;
  int runs = 0;
  std::string conditions;
  std::optional<Goal> goal = {};

  /// Was not measured; the conditions say why.
  bool skipped() const { return runs == 0; }
  double spread() const { return median == 0 ? 0 : (max - min) / median; }
  /// A spread beyond 15 % of the median says nothing for sure: never called a win.
  bool noisy() const { return runs >= 2 && spread() > kNoisySpread; }
  static constexpr double kNoisySpread = 0.15;

  BenchRow with_goal(std::string goal_name, bool at_least, double value) && {
    goal = Goal{std::move(goal_name), at_least, value};
    return std::move(*this);
  }

  static void fields(auto& self, auto& io) {
    io("name", self.name);
    io("unit", self.unit);
    io("min", self.min);
    io("median", self.median);
    io("max", self.max);
    io("runs", self.runs);
    io("noisy", self.noisy());
    io("goal", self.goal ? self.goal->to_string() : std::string());
    io("verdict", self.goal ? self.verdict() : std::string());
    io("conditions", self.conditions);
  }

  /// "reached", "missed by 12 %", with what the spread takes away from it; empty without a goal.
  std::string verdict() const;
  bool surely_reached() const { return goal && !skipped() && !noisy() && goal->reached_by(median); }
};

BenchRow row_of(std::string name, std::string unit, std::vector<double> values,
                std::string conditions);
BenchRow row_of(std::string name, std::string unit, std::vector<double> values,
                const Conditions& conditions);
BenchRow skipped_row(std::string name, std::string_view why);
/// A suite that broke off: what it had measured is gone, the others go on.
BenchRow failed_row(const std::string& why);

/// Pair by pair: what was measured in the same turn.
std::vector<double> ratios(const std::vector<double>& ours, const std::vector<double>& theirs);
double median_of(std::vector<double> values);

/// One suite's rows and where they were measured.
struct SuiteResult {
  std::string suite;
  std::string machine;
  std::string versions;
  double load_before = 0;  // what else the machine did: the load average of the last minute
  double seconds = 0;
  std::vector<BenchRow> rows;
  static void fields(auto& self, auto& io) {
    io("suite", self.suite);
    io("machine", self.machine);
    io("versions", self.versions);
    io("load_before", self.load_before);
    io("seconds", self.seconds);
    io("rows", self.rows);
  }
};

struct BenchResults {
  std::string when;  // UTC, ISO 8601
  std::string command;
  std::vector<SuiteResult> suites;
  static void fields(auto& self, auto& io) {
    io("when", self.when);
    io("command", self.command);
    io("suites", self.suites);
  }
};

}  // namespace ds
