// A chart as data: the page draws it to be looked into, cairo draws the same for files and paper.
#pragma once

#include <string>
#include <vector>

#include "report/report.h"

namespace ds {

struct ChartSeries {
  std::string name;
  std::string color = {};      // of kColors, by name: "accent", "good", "wait", "bad", "muted"
  std::string shape = "line";  // line, steps, bars, dashes
  std::vector<double> y = {};

  static void fields(auto& self, auto& io) {
    io("name", self.name);
    io("color", self.color);
    io("shape", self.shape);
    io("y", self.y);
  }
};

struct Chart {
  std::string name;  // of its files: "throughput"
  std::string title;
  std::string x_name, y_name;
  std::string x_kind = "number";  // number, time (ms since 1970) or log
  double bar_width = 0;           // of bars and steps, in x; 0: from point to point
  std::vector<double> x = {};
  std::vector<ChartSeries> series = {};  // each as long as x; NaN: nothing there

  static void fields(auto& self, auto& io) {
    io("name", self.name);
    io("title", self.title);
    io("x_name", self.x_name);
    io("y_name", self.y_name);
    io("x_kind", self.x_kind);
    io("bar_width", self.bar_width);
    io("x", self.x);
    io("series", self.series);
  }
};

/// Those that the report has figures for, at most some thousand points each.
std::vector<Chart> charts_of(const Report& report);

}  // namespace ds
