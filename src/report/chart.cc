#include "report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace ds {
namespace {

constexpr std::size_t kPointsMax = 1500;
constexpr std::size_t kProducersShown = 60;
constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

const char* color_of(const std::string& stage) {
  return stage == "made" ? "muted" : stage == "in the topic" ? "wait" : "accent";
}

/// All rates over one time axis, thinned by adding neighbours up.
Chart throughput_chart(const Report& report) {
  Chart chart{.name = "throughput",
              .title = "Throughput",
              .x_name = "time",
              .y_name = "records/s",
              .x_kind = "time"};
  std::int64_t first = std::numeric_limits<std::int64_t>::max();
  std::int64_t last = std::numeric_limits<std::int64_t>::min(), width = 1;
  for (const StageRate& rate : report.rates) {
    first = std::min(first, rate.first_ms);
    last = std::max(last, rate.last_ms);
    width = std::max(width, rate.interval_ms);
  }
  const std::int64_t intervals = (last - first) / width + 1;
  const std::int64_t together =
      std::max<std::int64_t>(1, (intervals + static_cast<std::int64_t>(kPointsMax) - 1) /
                                    static_cast<std::int64_t>(kPointsMax));
  const std::int64_t step = together * width;
  const auto places = static_cast<std::size_t>((last - first) / step + 1);
  chart.bar_width = static_cast<double>(step);
  for (std::size_t i = 0; i < places; ++i)
    chart.x.push_back(static_cast<double>(first + static_cast<std::int64_t>(i) * step));
  for (const StageRate& rate : report.rates) {
    ChartSeries series{
        .name = rate.stage, .color = color_of(rate.stage), .y = std::vector<double>(places)};
    for (const auto& point : rate.points)
      series.y[static_cast<std::size_t>((point.at_ms - first) / step)] +=
          static_cast<double>(point.count) * 1000 / static_cast<double>(step);
    chart.series.push_back(std::move(series));
  }
  return chart;
}

/// The offered curve and the achieved one; neighbours are averaged where there are too many.
Chart offered_chart(const Curves& curves) {
  Chart chart{.name = "offered",
              .title = "Offered and achieved",
              .x_name = "time",
              .y_name = "records/s",
              .x_kind = "time"};
  const auto& points = curves.points;
  const std::size_t together =
      std::max<std::size_t>(1, (points.size() + kPointsMax - 1) / kPointsMax);
  chart.bar_width = static_cast<double>(curves.interval_ms) * static_cast<double>(together);
  ChartSeries achieved{.name = "achieved", .color = "accent"};
  ChartSeries offered{.name = "offered", .color = "bad", .shape = "dashes"};
  for (std::size_t i = 0; i < points.size(); i += together) {
    const std::size_t end = std::min(points.size(), i + together);
    double was_offered = 0, was_achieved = 0;
    for (std::size_t j = i; j < end; ++j) {
      was_offered += points[j].offered;
      was_achieved += points[j].achieved;
    }
    chart.x.push_back(static_cast<double>(points[i].at_ms));
    offered.y.push_back(was_offered / static_cast<double>(end - i));
    achieved.y.push_back(was_achieved / static_cast<double>(end - i));
  }
  chart.series = {std::move(achieved), std::move(offered)};
  return chart;
}

Chart spacing_chart(const Spacing& spacing) {
  Chart chart{.name = "spacing",
              .title = "Spacing of batches",
              .x_name = "ms from one to the next",
              .y_name = "% of all",
              .bar_width = (spacing.bars.front().to_us - spacing.bars.front().from_us) / 1000};
  ChartSeries share{.name = "batches", .color = "accent", .shape = "bars"};
  for (const Spacing::Bar& bar : spacing.bars) {
    chart.x.push_back((bar.from_us + bar.to_us) / 2000);
    share.y.push_back(100 * bar.share);
  }
  chart.series = {std::move(share)};
  return chart;
}

Chart values_chart(const Report& report) {
  Chart chart{.name = "values", .title = "Values", .x_name = "value", .y_name = "readings"};
  ChartSeries found{.name = "stored", .color = "accent", .shape = "bars"};
  ChartSeries expected{.name = report.fit ? report.fit->distribution : "", .color = "bad"};
  for (const HistogramBar& bar : report.histogram) {
    chart.bar_width = bar.to - bar.from;
    chart.x.push_back((bar.from + bar.to) / 2);
    found.y.push_back(static_cast<double>(bar.count));
    expected.y.push_back(bar.expected);
  }
  chart.series = {std::move(found), std::move(expected)};
  return chart;
}

/// Which share of the records took at most so long.
Chart delay_chart(const Report& report) {
  Chart chart{.name = "delays",
              .title = "Delays",
              .x_name = "ms",
              .y_name = "% of records within",
              .x_kind = "log"};
  std::map<double, std::vector<double>> shares;  // by ms, of each stage
  for (std::size_t stage = 0; stage < report.delays.size(); ++stage) {
    std::uint64_t below = 0;
    const StageDelay& delay = report.delays[stage];
    for (const StageDelay::Bar& bar : delay.bars) {
      below += bar.count;
      auto& at = shares[std::max(1.0, bar.to_ms - 1)];
      at.resize(report.delays.size(), kNothing);
      at[stage] = 100 * static_cast<double>(below) / static_cast<double>(delay.count);
    }
  }
  constexpr const char* kStageColors[] = {"accent", "wait", "good"};
  for (std::size_t stage = 0; stage < report.delays.size(); ++stage)
    chart.series.push_back({.name = report.delays[stage].name,
                            .color = kStageColors[std::min<std::size_t>(stage, 2)]});
  std::vector<double> so_far(report.delays.size(), 0);
  for (const auto& [ms, at] : shares) {
    chart.x.push_back(ms);
    for (std::size_t stage = 0; stage < at.size(); ++stage) {
      if (!std::isnan(at[stage])) so_far[stage] = at[stage];
      chart.series[stage].y.push_back(so_far[stage]);
    }
  }
  return chart;
}

Chart delay_over_time_chart(const Report& report) {
  Chart chart{.name = "delay-over-time",
              .title = "Delay to the store",
              .x_name = "time made",
              .y_name = "ms",
              .x_kind = "time"};
  ChartSeries mean{.name = "mean", .color = "accent"}, longest{.name = "longest", .color = "wait"};
  const auto& points = report.delay_over_time;
  const std::size_t together = (points.size() + kPointsMax - 1) / kPointsMax;
  for (std::size_t i = 0; i < points.size(); i += together) {
    double sum = 0, most = points[i].max_ms;
    const std::size_t end = std::min(points.size(), i + together);
    for (std::size_t j = i; j < end; ++j) {
      sum += points[j].mean_ms;
      most = std::max(most, points[j].max_ms);
    }
    chart.x.push_back(static_cast<double>(points[i].at_ms));
    mean.y.push_back(sum / static_cast<double>(end - i));
    longest.y.push_back(most);
  }
  chart.series = {std::move(longest), std::move(mean)};
  return chart;
}

/// The producers that lost most.
Chart loss_chart(const Report& report) {
  Chart chart{.name = "loss",
              .title = "Loss by producer",
              .x_name = "producer",
              .y_name = "packets lost",
              .bar_width = 1};
  std::vector<const ProducerRow*> losers;
  for (const ProducerRow& row : report.producers)
    if (row.loss > 0) losers.push_back(&row);
  std::ranges::stable_sort(losers, std::greater(), &ProducerRow::loss);
  losers.resize(std::min(losers.size(), kProducersShown));
  std::ranges::sort(losers, {}, &ProducerRow::id);
  ChartSeries loss{.name = "lost", .color = "bad", .shape = "bars"};
  for (const ProducerRow* row : losers) {
    chart.x.push_back(static_cast<double>(row->id));
    loss.y.push_back(static_cast<double>(row->loss));
  }
  chart.series = {std::move(loss)};
  return chart;
}

}  // namespace

std::vector<Chart> charts_of(const Report& report) {
  std::vector<Chart> charts;
  if (!report.rates.empty()) charts.push_back(throughput_chart(report));
  if (report.curves && !report.curves->points.empty())
    charts.push_back(offered_chart(*report.curves));
  if (report.spacing) charts.push_back(spacing_chart(*report.spacing));
  if (!report.histogram.empty()) charts.push_back(values_chart(report));
  if (!report.delays.empty()) charts.push_back(delay_chart(report));
  if (report.delay_over_time.size() > 1) charts.push_back(delay_over_time_chart(report));
  if (report.loss > 0) charts.push_back(loss_chart(report));
  return charts;
}

}  // namespace ds
