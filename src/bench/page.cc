#include "bench/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/markup.h"
#include "bench/goals.h"
#include "report/html.h"

namespace ds {
namespace {

constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #59636e; --line: #d1d9e0;
  --bar: #2f6fb3; --noisy: #a8702a; --good: #1a7f37; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --soft: #9198a1;
  --line: #3d444d; --bar: #5b9bd8; --noisy: #d29b57; --good: #4fbf67; --bad: #ff8a80; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 75rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
p.about, td.why, th { color: var(--soft); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.why { font-size: .8rem; max-width: 26rem; }
svg { display: block; width: 16rem; height: 1.2rem; }
.bar { fill: var(--bar); } .noisy .bar { fill: var(--noisy); }
.range { stroke: var(--ink); stroke-width: 1.5; }
.good { color: var(--good); } .bad { color: var(--bad); }
.scroll { overflow-x: auto; }
)css";

/// The median as a bar, smallest to largest as a line over it; rows of a unit share a scale.
std::string bar(const BenchRow& row, double scale) {
  constexpr double kWide = 256;
  const auto x = [&](double value) {
    return scale <= 0 ? 0 : kWide * std::max(0.0, value) / scale;
  };
  return fmt::format(
      "<svg viewBox=\"0 0 {:.0f} 18\" preserveAspectRatio=\"none\" role=\"img\" "
      "aria-label=\"{}: median {} {}, from {} to {}\"><rect class=\"bar\" x=\"0\" y=\"3\" "
      "width=\"{:.1f}\" height=\"12\"/><path class=\"range\" d=\"M{:.1f} 9H{:.1f}M{:.1f} "
      "4V14M{:.1f} "
      "4V14\"/></svg>",
      kWide, escape_markup(row.name), short_number(row.median), escape_markup(row.unit),
      short_number(row.min), short_number(row.max), x(row.median), x(row.min), x(row.max),
      x(row.min), x(row.max));
}

std::string goals_table(const BenchResults& results) {
  std::string text =
      "<h2>Goals</h2><div class=\"scroll\"><table><tr><th>goal<th>row<th>wanted<th>min / median / "
      "max<th>by the median</tr>\n";
  for (const GoalLine& line : goal_lines(results)) {
    const char* const colour = line.verdict.starts_with("reached")  ? "good"
                               : line.verdict.starts_with("missed") ? "bad"
                                                                    : "";
    text += fmt::format(
        "<tr><td>{}<td>{}<td class=\"number\">{}<td class=\"number\">{}<td class=\"{}\">{}</tr>\n",
        escape_markup(line.goal), escape_markup(line.what), escape_markup(line.wanted),
        escape_markup(line.figures), colour, escape_markup(line.verdict));
  }
  return text + "</table></div>\n";
}

std::string suite_table(const SuiteResult& suite) {
  std::map<std::string, double> scales;
  for (const BenchRow& row : suite.rows) scales[row.unit] = std::max(scales[row.unit], row.max);
  std::string text = fmt::format(
      "<h2>{}</h2><p class=\"about\">load average {:.1f} when it began; {:.0f} s</p><div "
      "class=\"scroll\"><table><tr><th>row<th>min / median / max<th>unit<th>runs<th>&#8203;"
      "<th>conditions</tr>\n",
      escape_markup(suite.suite), suite.load_before, suite.seconds);
  for (const BenchRow& row : suite.rows) {
    if (row.skipped()) {
      text += fmt::format("<tr><td>{}<td colspan=\"4\">skipped<td class=\"why\">{}</tr>\n",
                          escape_markup(row.name), escape_markup(row.conditions));
      continue;
    }
    text += fmt::format(
        "<tr class=\"{}\"><td>{}<td class=\"number\">{}{}<td>{}<td>{}<td>{}<td "
        "class=\"why\">{}</tr>\n",
        row.noisy() ? "noisy" : "", escape_markup(row.name), spread_text(row),
        row.noisy() ? " <em>noisy</em>" : "", escape_markup(row.unit), row.runs,
        bar(row, scales[row.unit]), escape_markup(row.conditions));
  }
  return text + "</table></div>\n";
}

}  // namespace

std::string results_page(const BenchResults& results) {
  std::string page = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\"><title>DataStorm bench, {}</title><style>{}"
      "</style></head><body>\n<h1>DataStorm bench</h1>\n<p class=\"about\"><code>{}</code>, "
      "{}</p>\n",
      escape_markup(results.when), kStyle, escape_markup(results.command),
      escape_markup(results.when));
  if (!results.suites.empty())
    page += fmt::format("<p class=\"about\">{}; {}</p>\n",
                        escape_markup(results.suites.front().machine),
                        escape_markup(results.suites.front().versions));
  page +=
      "<p class=\"about\">A bar is the median, the line over it reaches from the smallest run to "
      "the "
      "largest; rows of one unit share a scale within their suite. A row whose runs spread by more "
      "than 15 % of the median is noisy, and is no win.</p>\n";
  page += goals_table(results);
  for (const SuiteResult& suite : results.suites) page += suite_table(suite);
  return page + "</body></html>\n";
}

}  // namespace ds
