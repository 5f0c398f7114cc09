// What every suite returns: rows with their spread and their conditions (S9.5).
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ds {

struct BenchRow {
  std::string name;
  std::string unit;
  double min = 0;
  double median = 0;
  double max = 0;
  int runs = 0;
  std::string conditions;

  /// Could not be measured here; the conditions say why.
  bool skipped() const { return runs == 0; }
  /// Over five runs or more, a spread beyond 15 % of the median says nothing for sure.
  bool noisy() const { return runs >= 5 && median != 0 && (max - min) / median > 0.15; }

  static void fields(auto& self, auto& io) {
    io("name", self.name);
    io("unit", self.unit);
    io("min", self.min);
    io("median", self.median);
    io("max", self.max);
    io("runs", self.runs);
    io("noisy", self.noisy());
    io("conditions", self.conditions);
  }
};

inline BenchRow row_of(std::string name, std::string unit, std::vector<double> values,
                       std::string conditions) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return {std::move(name),
          std::move(unit),
          n == 0 ? 0 : values.front(),
          n == 0 ? 0 : (values[(n - 1) / 2] + values[n / 2]) / 2,
          n == 0 ? 0 : values.back(),
          static_cast<int>(n),
          std::move(conditions)};
}

inline BenchRow skipped_row(std::string name, std::string_view why) {
  return {.name = std::move(name), .unit = "", .conditions = fmt::format("SKIP: {}", why)};
}

}  // namespace ds
