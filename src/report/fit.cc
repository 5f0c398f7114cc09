#include "report/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <numbers>

#include "base/units.h"

namespace ds {
namespace {

constexpr std::size_t kFewest = 50;  // values, below which nothing is judged
constexpr std::size_t kCellsMax = 100, kBarsMax = 80;

double normal_below(double z) {
  return std::erfc(-z / std::numbers::sqrt2) / 2;
}

/// The part of a distribution that can be tested: what is drawn independently.
class Law {
 public:
  explicit Law(const Distribution& sent) : sent_(sent) {}

  /// Not drawn, but made: a fault, or a value that is stuck.
  bool sets_aside(const SampledValue& each) const {
    if (sent_.kind() == Distribution::Kind::kFailing) return each.value == Distribution::kFault;
    return sent_.kind() == Distribution::Kind::kStuck &&
           static_cast<double>(each.sequence) > sent_.c();
  }
  /// A wave is no chance, and without spread nothing is.
  bool is_chance() const {
    switch (sent_.kind()) {
      case Distribution::Kind::kSine:
        return false;
      case Distribution::Kind::kDrift:
        return sent_.c() > 0;
      default:
        return sent_.b() > 0;
    }
  }
  /// How much of the distribution lies below.
  double below(double value, std::int64_t sequence) const {
    const double a = sent_.a(), b = sent_.b(), c = sent_.c();
    switch (sent_.kind()) {
      case Distribution::Kind::kUniform:
        return std::clamp((value - a) / (b - a), 0.0, 1.0);
      case Distribution::Kind::kSine:  // over whole waves
        return b == 0 ? (value >= a ? 1 : 0)
                      : 0.5 + std::asin(std::clamp((value - a) / std::abs(b), -1.0, 1.0)) /
                                  std::numbers::pi;
      case Distribution::Kind::kDrift: {
        const double off = value - a - b * static_cast<double>(sequence);
        return c == 0 ? (off >= 0 ? 1 : 0) : normal_below(off / c);
      }
      default:
        return b == 0 ? (value >= a ? 1 : 0) : normal_below((value - a) / b);
    }
  }

 private:
  const Distribution sent_;
};

/// How much lies below `value` of the values with the sample's own sequence numbers together.
double below_in_all(const Law& law, const std::vector<SampledValue>& judged, double value,
                    bool drifts) {
  if (!drifts) return law.below(value, 0);
  constexpr std::size_t kLooks = 512;
  const std::size_t step = std::max<std::size_t>(1, judged.size() / kLooks);
  double sum = 0;
  std::size_t looks = 0;
  for (std::size_t i = 0; i < judged.size(); i += step, ++looks)
    sum += law.below(value, judged[i].sequence);
  return sum / static_cast<double>(looks);
}

void judge(const Law& law, const std::vector<SampledValue>& judged, std::uint64_t fitted,
           Fit& fit) {
  std::vector<double> ranks;
  ranks.reserve(judged.size());
  for (const SampledValue& each : judged) ranks.push_back(law.below(each.value, each.sequence));
  std::ranges::sort(ranks);
  const auto n = static_cast<double>(ranks.size());
  double distance = 0;
  for (std::size_t i = 0; i < ranks.size(); ++i)
    distance = std::max({distance, ranks[i] - static_cast<double>(i) / n,
                         static_cast<double>(i + 1) / n - ranks[i]});
  fit.ks_distance = distance;
  // A distribution that was made to fit lies closer than chance would have it.
  if (fitted == 0) fit.ks_p = kolmogorov_p(distance, ranks.size());

  const std::size_t cells = std::clamp<std::size_t>(ranks.size() / 20, 8, kCellsMax);
  std::vector<std::uint64_t> counts(cells);
  for (const double rank : ranks)
    ++counts[std::min(cells - 1, static_cast<std::size_t>(rank * static_cast<double>(cells)))];
  const double expected = n / static_cast<double>(cells);
  double sum = 0;
  for (const std::uint64_t count : counts) {
    const double off = static_cast<double>(count) - expected;
    sum += off * off / expected;
  }
  fit.chi_square = sum;
  fit.degrees = cells - 1 - fitted;
  fit.chi_p = chi_square_p(sum, fit.degrees);
  // Two tests of the same question: half the level for each.
  fit.fits = std::min(fit.ks_p.value_or(1), *fit.chi_p) * (fit.ks_p ? 2 : 1) >= kUnlikely;
}

std::vector<HistogramBar> bars_of(const std::vector<SampledValue>& judged, const Law& law,
                                  bool drifts) {
  if (judged.empty()) return {};
  std::vector<double> sorted;
  sorted.reserve(judged.size());
  for (const SampledValue& each : judged) sorted.push_back(each.value);
  std::ranges::sort(sorted);
  const double low = sorted.front(), high = sorted.back();
  if (low == high) return {{low - 0.5, high + 0.5, sorted.size(), 0}};
  // Freedman and Diaconis (1981): twice the quartiles' distance over the cube root of n.
  const double quartiles = quantile_of(sorted, 0.75) - quantile_of(sorted, 0.25);
  const double wish = 2 * quartiles / std::cbrt(static_cast<double>(sorted.size()));
  const double wanted = wish > 0 ? (high - low) / wish : kBarsMax;
  const auto count = static_cast<std::size_t>(std::clamp(wanted, 8.0, double{kBarsMax}));
  const double width = (high - low) / static_cast<double>(count);
  std::vector<HistogramBar> bars;
  std::size_t from = 0;
  double below = below_in_all(law, judged, low, drifts);
  for (std::size_t i = 0; i < count; ++i) {
    const double begin = low + width * static_cast<double>(i);
    const bool last = i + 1 == count;
    const double end = last ? high : begin + width;
    const auto past = static_cast<std::size_t>(
        (last ? sorted.end() : std::ranges::lower_bound(sorted, end)) - sorted.begin());
    const double up_to = below_in_all(law, judged, end, drifts);
    // What lies beyond the ends belongs to the outermost bars.
    const double share = (last ? 1 : up_to) - (i == 0 ? 0 : below);
    bars.push_back({begin, end, past - from, share * static_cast<double>(sorted.size())});
    from = past;
    below = up_to;
  }
  return bars;
}

std::string in_words(const Fit& fit, bool is_chance) {
  const std::string tail =
      fit.set_aside == 0 ? "" : fmt::format("; {} faults or stuck values set aside", fit.set_aside);
  if (!is_chance)
    return fmt::format("{} is no chance, so no test applies{}", fit.distribution, tail);
  if (!fit.fits)
    return fmt::format("{} values are too few to be judged{}", with_commas(fit.values), tail);
  const std::string name = fit.known_by == "fitted"
                               ? fmt::format("a normal distribution ({}, fitted)", fit.distribution)
                               : fit.distribution;
  const std::string tests =
      fit.ks_p ? fmt::format(
                     "Kolmogorov-Smirnov D = {:.5f}, p = {:.3g}; chi-square {:.1f} with {} "
                     "degrees of freedom, p = {:.3g}",
                     *fit.ks_distance, *fit.ks_p, *fit.chi_square, fit.degrees, *fit.chi_p)
               : fmt::format("chi-square {:.1f} with {} degrees of freedom, p = {:.3g}",
                             *fit.chi_square, fit.degrees, *fit.chi_p);
  return fmt::format("{} values {} {}: {}{}", with_commas(fit.values),
                     *fit.fits ? "are consistent with" : "do not have the distribution", name,
                     tests, tail);
}

}  // namespace

double kolmogorov_p(double d, std::uint64_t n) {
  const double root = std::sqrt(static_cast<double>(n));
  const double x = (root + 0.12 + 0.11 / root) * d;
  if (x < 0.2) return 1;  // the sum below converges slowly, and to 1
  double sum = 0;
  for (int k = 1; k <= 100; ++k) {
    const double term = std::exp(-2.0 * k * k * x * x);
    sum += k % 2 == 1 ? term : -term;
    if (term < 1e-12) break;
  }
  return std::clamp(2 * sum, 0.0, 1.0);
}

double chi_square_p(double sum, std::uint64_t degrees) {
  return boost::math::gamma_q(static_cast<double>(degrees) / 2, sum / 2);
}

ShapeOfValues shape_of(const ValueSample& values, const std::optional<Distribution>& sent,
                       const std::string& known_by) {
  ShapeOfValues shape;
  const Moments& moments = values.moments();
  const Distribution distribution =
      sent.value_or(Distribution(Distribution::Kind::kNormal, moments.mean(), moments.sd()));
  shape.fit.distribution =
      sent ? sent->to_string() : fmt::format("normal:{:.6g},{:.6g}", moments.mean(), moments.sd());
  shape.fit.known_by = sent ? known_by : "fitted";
  const Law law(distribution);
  std::vector<SampledValue> judged;
  judged.reserve(values.sample().size());
  for (const SampledValue& each : values.sample())
    if (!law.sets_aside(each)) judged.push_back(each);
  shape.fit.values = judged.size();
  shape.fit.set_aside = values.sample().size() - judged.size();
  if (law.is_chance() && judged.size() >= kFewest) judge(law, judged, sent ? 0 : 2, shape.fit);
  shape.bars = bars_of(judged, law, distribution.kind() == Distribution::Kind::kDrift);
  shape.fit.words = in_words(shape.fit, law.is_chance());
  return shape;
}

}  // namespace ds
