// Whether values have the distribution that was sent, by two tests of the textbooks: Kolmogorov and
// Smirnov's largest distance between the two curves, and Pearson's chi-square over cells that
// should hold equally many. A p-value is how often chance alone would be as far off: below 0.01 the
// values are said not to fit.
//
// Each value is turned into its rank u = F(value), which is uniform from 0 to 1 if it fits; so one
// test serves all, also where the distribution moves on with the sequence number (drift).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "record/distribution.h"
#include "report/values.h"

namespace ds {

constexpr double kUnlikely = 0.01;

struct Fit {
  std::string distribution;  // "normal:20,5"
  std::string known_by;  // "claimed", "told", or "fitted": by the values' own mean and deviation
  std::uint64_t values = 0;     // that were judged
  std::uint64_t set_aside = 0;  // faults, and what a stuck sensor repeats
  std::optional<double> ks_distance = std::nullopt, ks_p = std::nullopt;
  std::optional<double> chi_square = std::nullopt, chi_p = std::nullopt;
  std::uint64_t degrees = 0;
  std::optional<bool> fits = std::nullopt;  // nothing where no test applies
  std::string words;                        // all of that in a sentence

  static void fields(auto& self, auto& io) {
    io("distribution", self.distribution);
    io("known_by", self.known_by);
    io("values", self.values);
    io("set_aside", self.set_aside);
    io("ks_distance", self.ks_distance);
    io("ks_p", self.ks_p);
    io("chi_square", self.chi_square);
    io("degrees", self.degrees);
    io("chi_p", self.chi_p);
    io("fits", self.fits);
    io("words", self.words);
  }
};

struct HistogramBar {
  double from, to;
  std::uint64_t count;
  double expected;  // by the distribution

  static void fields(auto& self, auto& io) {
    io("from", self.from);
    io("to", self.to);
    io("count", self.count);
    io("expected", self.expected);
  }
};

struct ShapeOfValues {
  Fit fit;
  std::vector<HistogramBar> bars;  // of the sample, without what was set aside
};

/// `sent`: the distribution and who knows of it; without one a normal distribution is fitted.
ShapeOfValues shape_of(const ValueSample& values, const std::optional<Distribution>& sent,
                       const std::string& known_by);

/// How often chance alone puts `n` values a distance of `d` or more off (Stephens 1970).
double kolmogorov_p(double d, std::uint64_t n);
/// The same of Pearson's sum.
double chi_square_p(double sum, std::uint64_t degrees);

}  // namespace ds
