#include "bench/row.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace ds {

std::string Conditions::to_string() const {
  const std::string record =
      record_bytes == 0 ? std::string("-") : fmt::format("{:.1f} B", record_bytes);
  std::string text = fmt::format("record {}, acks {}, codec {}, durability {}, engine {}", record,
                                 acks, codec, durability, engine);
  if (!more.empty()) text += "; " + more;
  return text;
}

std::string Goal::to_string() const {
  return fmt::format("{} {} {:g}", name, at_least ? ">=" : "<=", value);
}

std::string BenchRow::verdict() const {
  if (!goal) return {};
  if (skipped()) return "not measured";
  const double limit = goal->value;
  const double off = goal->at_least ? (limit - median) / limit : (median - limit) / limit;
  const bool reached = goal->reached_by(median);
  const bool all = goal->reached_by(goal->at_least ? min : max);
  const bool any = goal->reached_by(goal->at_least ? max : min);
  if (noisy()) {
    if (all) return "noisy: every run reaches it, the spread forbids to say so";
    if (!any) return fmt::format("missed by {:.0f} % (noisy, and no run reaches it)", 100 * off);
    return "noisy: undecided";
  }
  std::string said = reached ? "reached" : fmt::format("missed by {:.1f} %", 100 * off);
  if (all != reached || any != reached) said += " (the runs disagree)";
  if (runs == 1) said += " (one run)";
  return said;
}

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const std::size_t n = values.size();
  return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

BenchRow row_of(std::string name, std::string unit, std::vector<double> values,
                std::string conditions) {
  const auto [least, most] = std::ranges::minmax_element(values);
  const bool none = values.empty();
  return {.name = std::move(name),
          .unit = std::move(unit),
          .min = none ? 0 : *least,
          .median = median_of(values),
          .max = none ? 0 : *most,
          .runs = static_cast<int>(values.size()),
          .conditions = std::move(conditions)};
}

BenchRow row_of(std::string name, std::string unit, std::vector<double> values,
                const Conditions& conditions) {
  return row_of(std::move(name), std::move(unit), std::move(values), conditions.to_string());
}

BenchRow skipped_row(std::string name, std::string_view why) {
  return {.name = std::move(name), .unit = "", .conditions = fmt::format("SKIP: {}", why)};
}

BenchRow failed_row(const std::string& why) {
  return {.name = "the suite failed", .unit = "", .conditions = "FAILED: " + why};
}

std::vector<double> ratios(const std::vector<double>& ours, const std::vector<double>& theirs) {
  check(ours.size() == theirs.size(), "a ratio needs both sides of every turn");
  std::vector<double> all;
  for (std::size_t i = 0; i < ours.size(); ++i)
    all.push_back(theirs[i] == 0 ? 0 : ours[i] / theirs[i]);
  return all;
}

}  // namespace ds
