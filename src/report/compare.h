// Two reports side by side: the figures, by how much they differ, and both curves in one plot.
//
//   auto before = read_report(files, "monday/report.json"), after = read_report(…);
//   auto names = write_comparison(files, "monday-tuesday", *before, *after);
#pragma once

#include <map>
#include <string>
#include <vector>

#include "net/files.h"
#include "report/chart.h"
#include "report/report.h"

namespace ds {

/// What a comparison needs of a report, whether it was made now or is read back.
struct ReportSide {
  std::string name;  // as the person called it
  std::string topic, run, source, fit;
  std::vector<Figure> figures;
  std::vector<Chart> charts;
};

ReportSide side_of(std::string name, const Report& report);
/// Out of a report.json, or the folder that has one.
Result<ReportSide> read_report(Files& files, const std::string& path);

struct ComparedFigure {
  std::string name;
  std::string unit;  // "", "/s", "ms"
  double a = 0, b = 0;
  std::optional<double> ratio = std::nullopt;  // b / a; nothing where a is 0
  std::string verdict;                         // "better", "worse" or "same"; "" where none is

  static void fields(auto& self, auto& io) {
    io("name", self.name);
    io("unit", self.unit);
    io("a", self.a);
    io("b", self.b);
    io("ratio", self.ratio);
    io("verdict", self.verdict);
  }
};

struct Comparison {
  std::string a, b;
  const std::vector<ComparedFigure>& figures;

  static void fields(auto& self, auto& io) {
    io("command", std::string("report"));
    io("a", self.a);
    io("b", self.b);
    io("figures", self.figures);
  }
};

/// Those that both have. Below a twentieth off is "same".
std::vector<ComparedFigure> compare(const ReportSide& a, const ReportSide& b);

/// compare.html, .json and .csv; returns their names.
Result<std::vector<std::string>> write_comparison(Files& files, const std::string& folder,
                                                  const ReportSide& a, const ReportSide& b);

/// Puts what `read_report` needs beside the fields of the report: its figures and its charts.
std::string report_json(const Report& report, const std::vector<Chart>& charts);

}  // namespace ds
