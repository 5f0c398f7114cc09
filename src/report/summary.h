// Figures that sum a column up, as statistics programs print them.
#pragma once

#include <cstdint>
#include <vector>

namespace ds {

/// Quartiles are interpolated between neighbours; `sd` divides by n - 1.
struct Summary {
  std::uint64_t count = 0;
  double mean = 0, sd = 0, min = 0, q1 = 0, median = 0, q3 = 0, max = 0;

  static void fields(auto& self, auto& io) {
    io("count", self.count);
    io("mean", self.mean);
    io("sd", self.sd);
    io("min", self.min);
    io("q1", self.q1);
    io("median", self.median);
    io("q3", self.q3);
    io("max", self.max);
  }
};

/// Of `values` and as many zeros besides.
Summary summarize(std::vector<double> values, std::uint64_t zeros = 0);

/// Mean and deviation without keeping the values (Welford 1962).
class Moments {
 public:
  void add(double value) {
    ++count_;
    const double off = value - mean_;
    mean_ += off / static_cast<double>(count_);
    squares_ += off * (value - mean_);
    min_ = value < min_ || count_ == 1 ? value : min_;
    max_ = value > max_ || count_ == 1 ? value : max_;
  }
  std::uint64_t count() const { return count_; }
  double mean() const { return mean_; }
  double sd() const;
  double min() const { return min_; }
  double max() const { return max_; }

 private:
  std::uint64_t count_ = 0;
  double mean_ = 0, squares_ = 0, min_ = 0, max_ = 0;
};

/// Of sorted values, interpolated; `share` 0 to 1.
double quantile_of(const std::vector<double>& sorted, double share);

}  // namespace ds
