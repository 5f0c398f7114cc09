// A chart on paper, drawn by cairo: one drawing gives PNG and SVG.
#pragma once

#include <string>

#include "base/result.h"
#include "report/chart.h"

namespace ds {

/// 960 by 420 points, light; text as outlines, so that it looks the same everywhere.
Result<std::string> svg_of(const Chart& chart);
/// The same at twice as many pixels.
Result<std::string> png_of(const Chart& chart);

/// Round numbers from `low` to `high`, about `wanted` of them: 1, 2 or 5 times a power of ten
/// apart.
std::vector<double> round_steps(double low, double high, int wanted);

}  // namespace ds
