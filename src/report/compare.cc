#include "report/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json_writer.h"
#include "base/markup.h"
#include "report/html.h"

namespace ds {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kReportBytesMax = 256 << 20;
constexpr double kSame = 0.05;

struct UnitName {
  Figure::Unit unit;
  const char* name;
};
constexpr UnitName kUnits[] = {{Figure::Unit::kCount, ""},
                               {Figure::Unit::kRate, "/s"},
                               {Figure::Unit::kMs, "ms"},
                               {Figure::Unit::kShare, "share"}};
std::string name_of(Figure::Unit unit) {
  return std::ranges::find(kUnits, unit, &UnitName::unit)->name;
}

struct FigureJson {
  std::string name, unit, better;
  double value;

  static void fields(auto& self, auto& io) {
    io("name", self.name);
    io("value", self.value);
    io("unit", self.unit);
    io("better", self.better);
  }
};

struct WholeReport {
  const Report& report;
  std::vector<FigureJson> figures;
  const std::vector<Chart>& charts;

  static void fields(auto& self, auto& io) {
    Report::fields(self.report, io);
    io("figures", self.figures);
    io("charts", self.charts);
  }
};

std::vector<double> numbers_of(const Json& json) {
  std::vector<double> numbers;
  for (const Json& each : json)
    numbers.push_back(each.is_null() ? std::numeric_limits<double>::quiet_NaN()
                                     : each.get<double>());
  return numbers;
}

Chart chart_of(const Json& json) {
  Chart chart{.name = json.at("name"),
              .title = json.at("title"),
              .x_name = json.at("x_name"),
              .y_name = json.at("y_name"),
              .x_kind = json.at("x_kind"),
              .bar_width = json.at("bar_width"),
              .x = numbers_of(json.at("x"))};
  for (const Json& each : json.at("series")) {
    ChartSeries series{.name = each.at("name"),
                       .color = each.at("color"),
                       .shape = each.at("shape"),
                       .y = numbers_of(each.at("y"))};
    if (series.y.size() == chart.x.size()) chart.series.push_back(std::move(series));
  }
  return chart;
}

ReportSide side_of_json(std::string name, const Json& json) {
  ReportSide side{.name = std::move(name),
                  .topic = json.at("topic"),
                  .run = json.at("run"),
                  .source = json.at("source")};
  if (!json.at("fit").is_null()) side.fit = json.at("fit").at("words");
  for (const Json& each : json.at("figures")) {
    const std::string unit = each.at("unit"), better = each.at("better");
    const auto* known =
        std::ranges::find(kUnits, unit, [](const UnitName& has) { return std::string(has.name); });
    side.figures.push_back(
        {.name = each.at("name"),
         .value = each.at("value").is_null() ? 0 : each.at("value").get<double>(),
         .unit = known == std::end(kUnits) ? Figure::Unit::kCount : known->unit,
         .better = better == "less"   ? Figure::Better::kLess
                   : better == "more" ? Figure::Better::kMore
                                      : Figure::Better::kNone});
  }
  for (const Json& each : json.at("charts")) side.charts.push_back(chart_of(each));
  return side;
}

/// The series of that name, over both axes together; a curve keeps its value until its next point,
/// and is nothing past its end.
std::vector<double> over(const std::vector<double>& axis, const std::vector<double>& x,
                         const std::vector<double>& y) {
  std::vector<double> values;
  std::size_t next = 0;
  for (const double at : axis) {
    while (next < x.size() && x[next] <= at) ++next;
    const bool outside = next == 0 || (next == x.size() && at > x.back());
    values.push_back(outside ? std::numeric_limits<double>::quiet_NaN() : y[next - 1]);
  }
  return values;
}

/// One series of each side's chart of that name, times counted from their beginnings.
std::optional<Chart> both(const ReportSide& a, const ReportSide& b, std::string_view name,
                          std::string_view series, std::string_view title) {
  std::vector<double> xs[2], ys[2];
  Chart chart;
  for (int side = 0; side < 2; ++side) {
    const ReportSide& of = side == 0 ? a : b;
    const auto found = std::ranges::find(of.charts, name, &Chart::name);
    if (found == of.charts.end() || found->x.empty()) return std::nullopt;
    const auto its = std::ranges::find(found->series, series, &ChartSeries::name);
    if (its == found->series.end()) return std::nullopt;
    if (side == 0) chart = *found;
    xs[side] = found->x;
    ys[side] = its->y;
    if (found->x_kind == "time") {
      for (double& x : xs[side]) x = (x - found->x.front()) / 1000;
      chart.x_kind = "number";
      chart.x_name = "seconds from the start";
    }
  }
  chart.title = title;
  std::set<double> axis(xs[0].begin(), xs[0].end());
  axis.insert(xs[1].begin(), xs[1].end());
  chart.x.assign(axis.begin(), axis.end());
  chart.series = {{.name = "A: " + a.name, .color = "accent", .y = over(chart.x, xs[0], ys[0])},
                  {.name = "B: " + b.name, .color = "wait", .y = over(chart.x, xs[1], ys[1])}};
  return chart;
}

std::vector<Chart> charts_of_both(const ReportSide& a, const ReportSide& b) {
  std::vector<Chart> charts;
  for (const auto& [name, series, title] :
       {std::tuple("throughput", "in the store", "Throughput of the store"),
        std::tuple("throughput", "made", "Throughput as made"),
        std::tuple("delays", "made to stored", "Delay to the store")})
    if (auto chart = both(a, b, name, series, title)) {
      if (std::ranges::find(charts, chart->name, &Chart::name) != charts.end())
        chart->name += "-made";
      charts.push_back(std::move(*chart));
    }
  return charts;
}

std::string shown(double value, const std::string& unit) {
  if (unit == "ms") return shown_delay(value);
  if (unit == "share") return fmt::format("{:.4g}", value);
  return shown_number(value) + unit;
}

std::string csv_of(const std::vector<ComparedFigure>& figures) {
  std::string csv = "figure,unit,a,b,ratio,verdict\n";
  for (const ComparedFigure& each : figures)
    csv += fmt::format("{},{},{},{},{},{}\n", each.name, each.unit, each.a, each.b,
                       each.ratio ? fmt::format("{}", *each.ratio) : "", each.verdict);
  return csv;
}

std::string side_facts(const char* letter, const ReportSide& side) {
  return fmt::format("<div><dt>{}</dt><dd>{}, topic {}{}</dd></div>\n", letter,
                     escape_markup(side.name), escape_markup(side.topic),
                     side.run.empty() ? "" : ", run " + escape_markup(side.run));
}

Result<std::string> page_of_both(const ReportSide& a, const ReportSide& b,
                                 const std::vector<ComparedFigure>& figures,
                                 const std::vector<Chart>& charts) {
  std::string body =
      "<main>\n<header><div><p class=\"mark\">DataStorm report</p><h1>Two runs side by side</h1>\n"
      "<dl class=\"facts\">\n" +
      side_facts("A", a) + side_facts("B", b) +
      "</dl></div><div class=\"tools\"></div></header>\n<section class=\"card\"><h2>Figures</h2>\n"
      "<p>Less than a twentieth apart counts as the same.</p><div class=\"scroll\">";
  HtmlTable table("", {"figure", "A", "B", "B ÷ A", ""});
  for (const ComparedFigure& each : figures)
    table.row({{each.name},
               {shown(each.a, each.unit)},
               {shown(each.b, each.unit)},
               {each.ratio ? fmt::format("{:.3g}", *each.ratio) : "–"},
               {each.verdict, {}, each.verdict == "same" ? "" : each.verdict}});
  body += table.done() + "</div></section>\n";
  for (const Chart& chart : charts) {
    auto figure = figure_of(chart);
    if (!figure) return figure;
    body += fmt::format(
        "<section class=\"card\"><div class=\"head\"><h2>{}</h2><span class=\"hint\">drag to "
        "zoom, double click for all</span></div>\n{}</section>\n",
        escape_markup(chart.title), *figure);
  }
  if (!a.fit.empty() || !b.fit.empty())
    body += fmt::format(
        "<section class=\"card\"><h2>Values</h2><ul class=\"notes\"><li>A: {}</li><li>B: "
        "{}</li></ul></section>\n",
        escape_markup(a.fit), escape_markup(b.fit));
  body += "</main>\n";
  return whole_page("DataStorm report: two runs", body, charts);
}

}  // namespace

std::string report_json(const Report& report, const std::vector<Chart>& charts) {
  WholeReport whole{report, {}, charts};
  for (const Figure& each : figures_of(report))
    whole.figures.push_back({each.name, name_of(each.unit),
                             each.better == Figure::Better::kLess   ? "less"
                             : each.better == Figure::Better::kMore ? "more"
                                                                    : "",
                             each.value});
  return to_json(whole);
}

ReportSide side_of(std::string name, const Report& report) {
  return {.name = std::move(name),
          .topic = report.topic,
          .run = report.run,
          .source = report.source,
          .fit = report.fit ? report.fit->words : "",
          .figures = figures_of(report),
          .charts = charts_of(report)};
}

Result<ReportSide> read_report(Files& files, const std::string& path) {
  const std::string hint = "name a folder that `datastorm report --out` wrote, or a store";
  std::string file = path;
  if (const auto inside = files.exists(path + "/report.json"); inside && *inside)
    file = path + "/report.json";
  auto text = read_file(files, file, kReportBytesMax);
  if (!text)
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("there is no report in {}: {}", path, text.error().message),
                 .hint = hint};
  try {
    return side_of_json(path, Json::parse(*text));
  } catch (const Json::exception& wrong) {
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("{} is no report: {}", file, wrong.what()),
                 .hint = hint};
  }
}

std::vector<ComparedFigure> compare(const ReportSide& a, const ReportSide& b) {
  std::vector<ComparedFigure> compared;
  for (const Figure& mine : a.figures) {
    const auto other = std::ranges::find(b.figures, mine.name, &Figure::name);
    if (other == b.figures.end()) continue;
    ComparedFigure each{
        .name = mine.name, .unit = name_of(mine.unit), .a = mine.value, .b = other->value};
    if (each.a != 0) each.ratio = each.b / each.a;
    if (mine.better != Figure::Better::kNone) {
      const double most = std::max(std::abs(each.a), std::abs(each.b));
      const bool less = each.b < each.a;
      each.verdict = std::abs(each.b - each.a) <= kSame * most        ? "same"
                     : less == (mine.better == Figure::Better::kLess) ? "better"
                                                                      : "worse";
    }
    compared.push_back(std::move(each));
  }
  return compared;
}

Result<std::vector<std::string>> write_comparison(Files& files, const std::string& folder,
                                                  const ReportSide& a, const ReportSide& b) {
  if (auto made = files.make_folder(folder); !made) return std::move(made).error();
  const auto figures = compare(a, b);
  auto page = page_of_both(a, b, figures, charts_of_both(a, b));
  if (!page) return std::move(page).error();
  const std::pair<std::string, std::string> all[] = {
      {"compare.html", std::move(page).value()},
      {"compare.json", to_json(Comparison{a.name, b.name, figures}) + "\n"},
      {"compare.csv", csv_of(figures)}};
  std::vector<std::string> names;
  for (const auto& [name, content] : all) {
    if (auto written = replace_file(files, folder + "/" + name, content); !written)
      return std::move(written).error();
    names.push_back(name);
  }
  return names;
}

}  // namespace ds
