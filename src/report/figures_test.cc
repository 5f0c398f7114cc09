// Statistics against values worked out elsewhere, and against distributions whose answer is known.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "report/compare.h"
#include "report/delay_sketch.h"
#include "report/fit.h"
#include "report/plot.h"
#include "report/throughput.h"

namespace ds {
namespace {

using ::testing::ElementsAre;

TEST(Summary, IsThatOfStatisticsPrograms) {
  // As pandas describes [3, 1, 4, 1, 5, 9, 2, 6].
  const Summary sum = summarize({3, 1, 4, 1, 5, 9, 2, 6});
  EXPECT_EQ(8u, sum.count);
  EXPECT_DOUBLE_EQ(3.875, sum.mean);
  EXPECT_NEAR(2.748376, sum.sd, 1e-6);
  EXPECT_DOUBLE_EQ(1, sum.min);
  EXPECT_DOUBLE_EQ(1.75, sum.q1);
  EXPECT_DOUBLE_EQ(3.5, sum.median);
  EXPECT_DOUBLE_EQ(5.25, sum.q3);
  EXPECT_DOUBLE_EQ(9, sum.max);
  const Summary with_zeros = summarize({4, 8}, 2), spelled = summarize({0, 0, 4, 8});
  EXPECT_DOUBLE_EQ(spelled.sd, with_zeros.sd);
  EXPECT_DOUBLE_EQ(spelled.q3, with_zeros.q3);
  EXPECT_DOUBLE_EQ(spelled.median, with_zeros.median);
  EXPECT_EQ(0u, summarize({}).count);
  EXPECT_DOUBLE_EQ(0, summarize({7}).sd);
}

TEST(Throughput, CountsEmptyIntervalsAndLeavesTheCutOnesOut) {
  Throughput rows(1000);
  for (int i = 0; i < 3; ++i) rows.add(500);  // cut
  for (int i = 0; i < 10; ++i) rows.add(1500);
  for (int i = 0; i < 20; ++i) rows.add(3999);  // 2000 is empty
  rows.add(4001);                               // cut
  const Summary sum = rows.per_second();
  EXPECT_EQ(3u, sum.count);
  EXPECT_DOUBLE_EQ(10, sum.mean);
  EXPECT_DOUBLE_EQ(0, sum.min);
  EXPECT_DOUBLE_EQ(20, sum.max);
}

TEST(Throughput, AbsurdTimesMakeItCoarserAndNotLarger) {
  Throughput rows(1000);
  for (std::int64_t i = 0; i < 500'000; ++i) rows.add(i * 1000);
  rows.add(-4'000'000'000'000'000'000);
  rows.add(4'000'000'000'000'000'000);
  const auto points = rows.points();
  EXPECT_LE(points.size(), Throughput::kIntervalsMax);
  std::uint64_t sum = 0;
  for (const auto& point : points) sum += point.count;
  EXPECT_EQ(500'002u, sum);
  EXPECT_GT(rows.width_ms(), 1000);
}

TEST(DelaySketch, QuantilesAreExactWhenFewAndCloseWhenMany) {
  DelaySketch::Budget budget{1 << 20};
  DelaySketch few(budget), many(budget);
  for (int i = 1; i <= 20; ++i) few.add(i * 1000);
  EXPECT_DOUBLE_EQ(10'000, *few.quantile(0.5));
  EXPECT_DOUBLE_EQ(20'000, *few.quantile(0.99));
  for (int i = 1; i <= 100'000; ++i) many.add(i);
  EXPECT_NEAR(50'000, *many.quantile(0.5), 400);
  EXPECT_NEAR(99'000, *many.quantile(0.99), 800);
  EXPECT_DOUBLE_EQ(50'000.5, many.moments().mean());
  std::uint64_t counted = 0;
  for (const auto& bar : many.bars()) counted += bar.count;
  EXPECT_EQ(100'000u, counted);
}

TEST(DelaySketch, WithoutRoomItKeepsTheMeanAlone) {
  DelaySketch::Budget budget{100};
  DelaySketch sketch(budget);
  for (int i = 0; i < 100; ++i) sketch.add(i < 50 ? -100 : 5000);
  EXPECT_FALSE(sketch.quantile(0.99));
  EXPECT_DOUBLE_EQ(2450, sketch.moments().mean());
  EXPECT_EQ(50u, sketch.negative());
}

TEST(Fit, PValuesAreThoseOfTheTables) {
  EXPECT_NEAR(0.05, kolmogorov_p(1.358 / std::sqrt(1e6), 1'000'000), 0.001);
  EXPECT_NEAR(0.001, kolmogorov_p(1.949 / std::sqrt(1e6), 1'000'000), 0.0001);
  EXPECT_NEAR(0.05, chi_square_p(24.996, 15), 0.0001);
  EXPECT_NEAR(0.001, chi_square_p(37.697, 15), 0.0001);
}

ValueSample drawn(const Distribution& from, int producers, int each, std::uint64_t seed = 11) {
  ValueSample values;
  for (int p = 0; p < producers; ++p)
    for (int s = 0; s < each; ++s) values.add(from.at(seed, p, s), s);
  return values;
}

TEST(Fit, ValuesThatWereDrawnFitAndOthersDoNot) {
  using Kind = Distribution::Kind;
  const Distribution normal(Kind::kNormal, 20, 5), shifted(Kind::kNormal, 20.3, 5),
      wider(Kind::kNormal, 20, 5.3), uniform(Kind::kUniform, -1, 3),
      drift(Kind::kDrift, 1, 0.01, 2), stuck(Kind::kStuck, 5, 1, 50),
      failing(Kind::kFailing, 5, 1, 0.1);
  struct Case {
    const char* what;
    const Distribution &drawn_from, &sent;
    bool fits;
  };
  const Case cases[] = {{"normal", normal, normal, true},
                        {"uniform", uniform, uniform, true},
                        {"drift", drift, drift, true},
                        {"stuck", stuck, stuck, true},
                        {"failing", failing, failing, true},
                        {"another mean", shifted, normal, false},
                        {"another spread", wider, normal, false},
                        {"another law", uniform, normal, false},
                        {"faults that none sent", failing, normal, false}};
  for (const auto& [what, drawn_from, sent, fits] : cases) {
    SCOPED_TRACE(what);
    const ShapeOfValues shape = shape_of(drawn(drawn_from, 100, 200), sent, "claimed");
    ASSERT_TRUE(shape.fit.fits.has_value());
    EXPECT_EQ(fits, *shape.fit.fits) << shape.fit.words;
    std::uint64_t bars = 0;
    double expected = 0;
    for (const HistogramBar& bar : shape.bars) {
      bars += bar.count;
      expected += bar.expected;
    }
    EXPECT_EQ(shape.fit.values, bars);
    EXPECT_NEAR(static_cast<double>(bars), expected, 1);
  }
}

TEST(Fit, WhatIsNoChanceOrTooLittleIsNotJudged) {
  using Kind = Distribution::Kind;
  const Distribution sine(Kind::kSine, 0, 1, 40), constant(Kind::kNormal, 3, 0),
      normal(Kind::kNormal, 0, 1);
  EXPECT_FALSE(shape_of(drawn(sine, 10, 100), sine, "told").fit.fits);
  EXPECT_FALSE(shape_of(drawn(constant, 10, 100), constant, "told").fit.fits);
  EXPECT_FALSE(shape_of(drawn(normal, 1, 20), normal, "told").fit.fits);
  EXPECT_FALSE(shape_of(ValueSample(), normal, "told").fit.fits);
  const Fit fitted = shape_of(drawn(normal, 10, 1000), std::nullopt, "").fit;
  EXPECT_EQ("fitted", fitted.known_by);
  EXPECT_FALSE(fitted.ks_p) << "that test is not for a distribution made to fit";
  EXPECT_TRUE(fitted.fits.value_or(false)) << fitted.words;
}

TEST(Fit, ADrawnDistributionFailsAboutOnceInAHundred) {
  const Distribution normal(Distribution::Kind::kNormal, 0, 1);
  int refused = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed)
    refused += !*shape_of(drawn(normal, 1, 1000, seed), normal, "told").fit.fits;
  EXPECT_LE(refused, 14);  // of 400, at most 1 in 100 by chance: 4 expected
}

TEST(ValueSample, PastItsSizeItIsDrawnEvenly) {
  ValueSample values;
  constexpr std::int64_t kValues = 5'000'000;
  for (std::int64_t i = 0; i < kValues; ++i) values.add(static_cast<double>(i), i);
  const Summary sum = values.summary();
  EXPECT_EQ(static_cast<std::uint64_t>(kValues), sum.count);
  EXPECT_FALSE(values.is_whole());
  EXPECT_EQ(0, sum.min);
  EXPECT_EQ(kValues - 1, sum.max);
  EXPECT_NEAR(kValues * 0.25, sum.q1, kValues * 0.003);
  EXPECT_NEAR(kValues * 0.75, sum.q3, kValues * 0.003);
}

TEST(Plot, MarksAreRoundAndInside) {
  EXPECT_THAT(round_steps(0, 100, 5), ElementsAre(0, 20, 40, 60, 80, 100));
  EXPECT_THAT(round_steps(-1, 1, 4), ElementsAre(-1, -0.5, 0, 0.5, 1));
  EXPECT_FALSE(round_steps(5, 5.0001, 5).empty());
}

TEST(Plot, DrawsWhatIsEmptySingleOrNotANumber) {
  const double nothing = std::nan("");
  const Chart charts[] = {
      {.name = "empty", .series = {{.name = "x"}}},
      {.name = "single", .x_kind = "time", .x = {1.7e12}, .series = {{.name = "x", .y = {3}}}},
      {.name = "gaps", .x = {1, 2, 3}, .series = {{.name = "x", .y = {nothing, 2, nothing}}}},
      {.name = "log",
       .x_kind = "log",
       .x = {1, 10, 1e9},
       .series = {{.name = "x", .y = {1, 2, 3}}}}};
  for (const Chart& chart : charts) {
    SCOPED_TRACE(chart.name);
    EXPECT_TRUE(svg_of(chart));
    EXPECT_TRUE(png_of(chart));
  }
}

TEST(Compare, SaysWhatBecameBetterAndWorse) {
  ReportSide a{.figures = {{"rate", 1000, Figure::Unit::kRate, Figure::Better::kMore},
                           {"p99", 20, Figure::Unit::kMs, Figure::Better::kLess},
                           {"p50", 5, Figure::Unit::kMs, Figure::Better::kLess},
                           {"loss", 0, Figure::Unit::kCount, Figure::Better::kLess},
                           {"sent", 10}}};
  ReportSide b = a;
  b.figures[0].value = 1200;
  b.figures[1].value = 40;
  b.figures[2].value = 5.1;
  b.figures[3].value = 3;
  const auto compared = compare(a, b);
  ASSERT_EQ(5u, compared.size());
  EXPECT_EQ("better", compared[0].verdict);
  EXPECT_DOUBLE_EQ(1.2, *compared[0].ratio);
  EXPECT_EQ("worse", compared[1].verdict);
  EXPECT_EQ("same", compared[2].verdict);
  EXPECT_EQ("worse", compared[3].verdict);
  EXPECT_FALSE(compared[3].ratio);
  EXPECT_EQ("", compared[4].verdict);
}

}  // namespace
}  // namespace ds
