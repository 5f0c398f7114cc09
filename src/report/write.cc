#include "report/write.h"

#include <fmt/format.h>

#include "base/units.h"
#include "report/compare.h"
#include "report/page.h"
#include "report/plot.h"

namespace ds {
namespace {

std::string throughput_csv(const Report& report) {
  std::string csv = "stage,column,interval_begin_ms,interval_ms,records,records_per_second\n";
  for (const StageRate& rate : report.rates)
    for (const auto& point : rate.points)
      csv += fmt::format(
          "{},{},{},{},{},{}\n", rate.stage, rate.column, point.at_ms, rate.interval_ms,
          point.count,
          static_cast<double>(point.count) * 1000 / static_cast<double>(rate.interval_ms));
  return csv;
}

std::string offered_csv(const Curves& curves) {
  std::string csv = "interval_begin_ms,interval_ms,offered_per_second,achieved_per_second\n";
  for (const Curves::Point& point : curves.points)
    csv += fmt::format("{},{},{},{}\n", point.at_ms, curves.interval_ms, point.offered,
                       point.achieved);
  return csv;
}

std::string spacing_csv(const Spacing& spacing) {
  std::string csv = "from_us,to_us,share\n";
  for (const Spacing::Bar& bar : spacing.bars)
    csv += fmt::format("{},{},{}\n", bar.from_us, bar.to_us, bar.share);
  return csv;
}

std::string delays_csv(const Report& report) {
  std::string csv = "delay,from_ms,to_ms,records\n";
  for (const StageDelay& delay : report.delays)
    for (const StageDelay::Bar& bar : delay.bars)
      csv += fmt::format("{},{},{},{}\n", delay.name, bar.from_ms, bar.to_ms, bar.count);
  return csv;
}

std::string values_csv(const Report& report) {
  std::string csv = "from,to,readings,expected\n";
  for (const HistogramBar& bar : report.histogram)
    csv += fmt::format("{},{},{},{}\n", bar.from, bar.to, bar.count, bar.expected);
  return csv;
}

std::string producers_csv(const Report& report) {
  std::string csv =
      "id,first_sent,sent,stored,loss,loss_unacknowledged,repeated,delay_mean_ms,delay_sd_ms,"
      "delay_p99_ms,missing\n";
  const auto or_nothing = [](const auto& value) {
    return value ? fmt::format("{}", *value) : std::string();
  };
  for (const ProducerRow& row : report.producers)
    csv += fmt::format("{},{},{},{},{},{},{},{},{},{},\"{}\"\n", row.id, or_nothing(row.first_sent),
                       row.sent, row.stored, row.loss, row.loss_unacknowledged, row.repeated,
                       or_nothing(row.delay_mean_ms), or_nothing(row.delay_sd_ms),
                       or_nothing(row.delay_p99_ms), fmt::join(row.missing, " "));
  return csv;
}

std::string log_of(const Report& report, const std::vector<std::string>& names) {
  std::string log = fmt::format(
      "DataStorm {} report, made {}\nrun       {}\nstore     {}\ntopic     {}\nrows      {}\n"
      "sent      {} (by {})\nstored    {}\nloss      {}\nrepeated  {}\n",
      report.version, shown_ms(report.made_at_ms), report.run.empty() ? "not known" : report.run,
      report.source, report.topic, with_commas(report.rows), with_commas(report.sent),
      report.sent_known_by, with_commas(report.stored), with_commas(report.loss),
      with_commas(report.repeated));
  if (report.fit) log += fmt::format("values    {}\n", report.fit->words);
  for (const std::string& note : report.notes) log += fmt::format("note      {}\n", note);
  for (const std::string& name : names) log += fmt::format("file      {}\n", name);
  for (const ProducerRow& row : report.producers) log += sentence_of(row) + "\n";
  return log;
}

}  // namespace

Result<std::vector<std::string>> write_report(Files& files, const std::string& folder,
                                              const Report& report) {
  if (auto made = files.make_folder(folder); !made) return std::move(made).error();
  const std::vector<Chart> charts = charts_of(report);
  auto page = page_of(report, charts);
  if (!page) return std::move(page).error();
  std::vector<std::pair<std::string, std::string>> all{
      {"report.html", std::move(page).value()},
      {"report.json", report_json(report, charts) + "\n"},
      {"throughput.csv", throughput_csv(report)},
      {"producers.csv", producers_csv(report)}};
  if (report.curves) all.emplace_back("offered.csv", offered_csv(*report.curves));
  if (report.spacing) all.emplace_back("spacing.csv", spacing_csv(*report.spacing));
  if (!report.delays.empty()) all.emplace_back("delays.csv", delays_csv(report));
  if (!report.histogram.empty()) all.emplace_back("values.csv", values_csv(report));
  for (const Chart& chart : charts) {
    auto svg = svg_of(chart);
    if (!svg) return std::move(svg).error();
    auto png = png_of(chart);
    if (!png) return std::move(png).error();
    all.emplace_back(chart.name + ".svg", std::move(svg).value());
    all.emplace_back(chart.name + ".png", std::move(png).value());
  }
  std::vector<std::string> names;
  for (const auto& [name, content] : all) names.push_back(name);
  names.push_back("report.log");
  all.emplace_back("report.log", log_of(report, names));
  for (const auto& [name, content] : all)
    if (auto written = replace_file(files, folder + "/" + name, content); !written)
      return std::move(written).error();
  return names;
}

}  // namespace ds
