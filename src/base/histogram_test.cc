#include "base/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/random.h"

namespace ds {
namespace {

TEST(Histogram, IsExactForSmallValuesAndWithin2PercentAbove) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    Histogram histogram;
    std::vector<std::int64_t> values;
    for (int i = 0; i < 5000; ++i) {
      values.push_back(static_cast<std::int64_t>(random() >> (1 + random.below(63))));
      histogram.record(values.back());
    }
    std::sort(values.begin(), values.end());
    for (double share : {0.5, 0.9, 0.99, 0.999, 1.0}) {
      const auto rank = static_cast<std::size_t>(std::ceil(share * 5000.0)) - 1;
      const auto exact = static_cast<double>(values[rank]);
      const auto shown = static_cast<double>(histogram.quantile(share));
      EXPECT_GE(shown, exact) << "seed " << seed << " share " << share;
      EXPECT_LE(shown, exact * 1.016 + 0.5) << "seed " << seed << " share " << share;
    }
    EXPECT_EQ(histogram.max(), values.back());
  }
}

TEST(Histogram, MergesByAddingAndKeepsNegativesApart) {
  Histogram a, b;
  a.record(10, 3);
  b.record(20);
  b.record(-5, 2);
  b.record(std::numeric_limits<std::int64_t>::max());
  a.merge(b);
  EXPECT_EQ(a.count(), 7u);
  EXPECT_EQ(a.negatives(), 2u);
  EXPECT_EQ(a.quantile(0.5), 10);
  EXPECT_EQ(a.quantile(0.8), 20);
  EXPECT_EQ(a.quantile(1.0), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(Histogram().quantile(0.99), 0);
}

}  // namespace
}  // namespace ds
