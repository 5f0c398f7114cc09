#include "report/page.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/markup.h"
#include "base/units.h"
#include "report/html.h"

namespace ds {
namespace {

constexpr std::size_t kProducersShown = 1000;

using Cell = HtmlTable::Cell;

std::string count(std::uint64_t value) {
  return with_commas(value);
}

std::string fact(std::string_view name, std::string_view value) {
  return value.empty() ? std::string()
                       : fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", escape_markup(name),
                                     escape_markup(value));
}

std::string head(const Report& report) {
  std::string html = fmt::format(
      "<header><div><p class=\"mark\">DataStorm report</p><h1>{}</h1>\n<dl class=\"facts\">\n",
      escape_markup(report.topic));
  html += fact("run", report.run);
  html += fact("store", report.source);
  if (!report.rates.empty()) html += fact("first record", shown_ms(report.rates.front().first_ms));
  html += fact("made", shown_ms(report.made_at_ms));
  html += "</dl></div><div class=\"tools\"></div></header>\n";
  return html;
}

std::string verdict(const Report& report) {
  std::string html = "<section class=\"card\"><dl class=\"verdict\">\n";
  html += headline("Sent", count(report.sent), "by " + report.sent_known_by);
  html += headline("Stored", count(report.stored),
                   report.repeated == 0 ? std::string("each once")
                                        : count(report.repeated) + " rows more than once");
  html += headline("Loss", count(report.loss),
                   report.loss == 0 ? std::string("nothing is missing")
                   : report.loss_unacknowledged == 0
                       ? fmt::format("{:.3g} % of what was sent", 100 * report.loss_share())
                       : fmt::format("{:.3g} %; {} were never acknowledged",
                                     100 * report.loss_share(), count(report.loss_unacknowledged)),
                   report.loss == 0 ? "good" : "bad");
  if (!report.rates.empty()) {
    const StageRate& rate = report.rates.back();
    html += headline("Rate " + rate.stage, shown_number(rate.per_second.mean) + "/s",
                     fmt::format("deviation {}", shown_number(rate.per_second.sd)));
  }
  if (!report.delays.empty()) {
    const StageDelay& delay = report.delays.front();
    html += headline("Delay to the store, p99", shown_delay(delay.p99_ms),
                     "half within " + shown_delay(delay.p50_ms));
  }
  if (report.fit && report.fit->fits)
    html += headline("Distribution", *report.fit->fits ? "fits" : "does not fit",
                     fmt::format("{}, p = {:.2g}", report.fit->distribution,
                                 report.fit->ks_p.value_or(report.fit->chi_p.value_or(0))),
                     *report.fit->fits ? "good" : "bad");
  return html + "</dl></section>\n";
}

std::string scrolling(HtmlTable table) {
  return "<div class=\"scroll\">" + table.done() + "</div>\n";
}

const std::vector<std::string> kSummaryHeads{"mean", "sd", "min", "25 %", "50 %", "75 %", "max"};

/// `first`, and the summary's cells under kSummaryHeads.
std::vector<Cell> summary_row(std::vector<Cell> first, const Summary& sum) {
  for (const double value : {sum.mean, sum.sd, sum.min, sum.q1, sum.median, sum.q3, sum.max})
    first.push_back({shown_number(value)});
  return first;
}

std::vector<std::string> summary_heads(std::vector<std::string> first) {
  first.insert(first.end(), kSummaryHeads.begin(), kSummaryHeads.end());
  return first;
}

std::string rates_table(const Report& report) {
  HtmlTable table("", summary_heads({"records a second", "intervals"}));
  for (const StageRate& rate : report.rates)
    table.row(summary_row({{rate.stage + " (" + rate.column + ")"}, {count(rate.per_second.count)}},
                          rate.per_second));
  return scrolling(std::move(table));
}

std::string curves_table(const Report& report) {
  const Curves& curves = *report.curves;
  const double seconds = static_cast<double>(curves.ended_ms - curves.began_ms) / 1000;
  HtmlTable table("", {"curve", "area, records", "against offered", "mean records/s"});
  const auto row = [&](std::string_view name, std::uint64_t area) {
    table.row({{std::string(name)},
               {count(area)},
               {fmt::format("{:+.3f} %", curves.off_percent(area))},
               {seconds > 0 ? shown_number(static_cast<double>(area) / seconds) : "–"}});
  };
  row("offered", curves.offered);
  row("achieved", curves.achieved);
  row("stored", report.stored);
  return scrolling(std::move(table));
}

std::string curves_words(const Curves& curves) {
  const std::string begin =
      "What was due by the plan, and what was acknowledged (acks 0: written), once a second. ";
  if (curves.behind_max == 0) return begin + "Nothing that was due was ever waited for.";
  return begin + fmt::format("The most that was due and not there yet: {} records, at {}.",
                             count(curves.behind_max), shown_ms(curves.behind_max_ms));
}

std::string spacing_table(const Spacing& spacing) {
  HtmlTable table("",
                  {"batches", "wanted", "within a tenth of it", "p1", "p50", "p90", "p99", "max"});
  const auto shown = [](double us) { return Cell{shown_delay(us / 1000)}; };
  table.row({{count(spacing.gaps)},
             spacing.wanted_us > 0 ? shown(spacing.wanted_us) : Cell{"–"},
             {spacing.near ? fmt::format("{:.1f} %", 100 * *spacing.near) : "–"},
             shown(spacing.p1_us),
             shown(spacing.p50_us),
             shown(spacing.p90_us),
             shown(spacing.p99_us),
             shown(spacing.max_us)});
  return scrolling(std::move(table));
}

std::string delays_table(const Report& report) {
  HtmlTable table("", {"delay", "records", "mean", "sd", "min", "p50", "p90", "p99", "p99.9", "max",
                       "negative"});
  for (const StageDelay& delay : report.delays)
    table.row({{delay.name},
               {count(delay.count)},
               {shown_delay(delay.mean_ms)},
               {shown_delay(delay.sd_ms)},
               {shown_delay(delay.min_ms)},
               {shown_delay(delay.p50_ms)},
               {shown_delay(delay.p90_ms)},
               {shown_delay(delay.p99_ms)},
               {shown_delay(delay.p999_ms)},
               {shown_delay(delay.max_ms)},
               {count(delay.negative)}});
  return scrolling(std::move(table));
}

std::string values_table(const Summary& sum) {
  HtmlTable table("", summary_heads({"values"}));
  table.row(summary_row({{count(sum.count)}}, sum));
  return scrolling(std::move(table));
}

/// Those that lost most when there are too many for a page, else all.
std::vector<const ProducerRow*> shown_producers(const Report& report) {
  std::vector<const ProducerRow*> rows;
  for (const ProducerRow& row : report.producers) rows.push_back(&row);
  if (rows.size() <= kProducersShown) return rows;
  std::ranges::stable_sort(rows, std::greater(), &ProducerRow::loss);
  rows.resize(kProducersShown);
  std::ranges::sort(rows, {}, &ProducerRow::id);
  return rows;
}

std::string missing_text(const ProducerRow& row) {
  std::string text = fmt::format("{}", fmt::join(row.missing, ", "));
  return row.missing.size() < 8 ? text : text + ", …";
}

std::string producers_table(const Report& report) {
  const bool timed = !report.delays.empty(), lost = report.loss > 0;
  std::vector<std::string> heads{"producer", "first sent", "sent", "stored", "loss"};
  if (report.repeated > 0) heads.push_back("repeated");
  if (timed) heads.insert(heads.end(), {"delay mean", "delay sd", "delay p99"});
  if (lost) heads.push_back("missing");
  HtmlTable table("sorts", heads);
  const auto delay = [](const std::optional<double>& ms) {
    return ms ? Cell{shown_delay(*ms), fmt::format("{}", *ms)} : Cell{"–", "-1"};
  };
  const auto number = [](std::uint64_t value) {
    return Cell{count(value), fmt::format("{}", value)};
  };
  for (const ProducerRow* row : shown_producers(report)) {
    std::vector<Cell> cells{{fmt::format("{}", row->id)},
                            {row->first_sent ? shown_ms(*row->first_sent) : "–"},
                            number(row->sent),
                            number(row->stored),
                            number(row->loss)};
    if (report.repeated > 0) cells.push_back(number(row->repeated));
    if (timed)
      cells.insert(cells.end(),
                   {delay(row->delay_mean_ms), delay(row->delay_sd_ms), delay(row->delay_p99_ms)});
    if (lost) cells.push_back({missing_text(*row), {}, "words"});
    table.row(cells, row->loss > 0 ? "bad" : "");
  }
  return "<div class=\"scroll tall\">" + table.done() + "</div>\n";
}

std::string section(std::string_view title, std::string_view hint, std::string_view words) {
  std::string html = fmt::format(
      "<section class=\"card\"><div class=\"head\"><h2>{}</h2><span class=\"hint\">{}"
      "</span></div>\n",
      escape_markup(title), escape_markup(hint));
  if (!words.empty()) html += fmt::format("<p>{}</p>\n", escape_markup(words));
  return html;
}

constexpr std::string_view kZoom = "drag to zoom, double click for all";

}  // namespace

Result<std::string> page_of(const Report& report, const std::vector<Chart>& charts) {
  std::string wrong;
  const auto figure = [&](std::string_view name) -> std::string {
    const auto chart = std::ranges::find(charts, name, &Chart::name);
    if (chart == charts.end()) return {};
    auto drawn = figure_of(*chart);
    if (drawn) return std::move(drawn).value();
    wrong = drawn.error().message;
    return {};
  };
  std::string body = "<main>\n" + head(report) + verdict(report);
  if (!report.rates.empty())
    body +=
        section("Throughput", kZoom,
                fmt::format("Records a second by each row's times, in intervals of {}. The "
                            "first and the last interval are cut and left out of the table.",
                            shown_delay(static_cast<double>(report.rates.back().interval_ms)))) +
        figure("throughput") + rates_table(report) + "</section>\n";
  if (report.curves)
    body += section("Offered and achieved", kZoom, curves_words(*report.curves)) +
            figure("offered") + curves_table(report) + "</section>\n";
  if (report.spacing)
    body += section("Spacing of batches", kZoom,
                    "The time from one generator batch's begin to the next one's.") +
            figure("spacing") + spacing_table(*report.spacing) + "</section>\n";
  if (!report.delays.empty()) {
    body += section("Delays", kZoom, "The share of records that took at most so long.");
    body += figure("delays") + delays_table(report) + "</section>\n";
    if (const std::string over_time = figure("delay-over-time"); !over_time.empty())
      body += section("Delay to the store over time", kZoom, "By the time at which it was made.") +
              over_time + "</section>\n";
  }
  if (report.values)
    body += section("Values", kZoom,
                    report.fit ? std::string_view(report.fit->words) : std::string_view()) +
            figure("values") + values_table(*report.values) + "</section>\n";
  const std::string who = report.payload == "tweet" ? "Streams" : "Producers";
  body += section(
      fmt::format("{}: {}", who, count(report.producers.size())), "a click on a head sorts",
      report.producers.size() > kProducersShown
          ? fmt::format("The {} that lost most; producers.csv has all.", count(kProducersShown))
          : std::string());
  body += figure("loss") + producers_table(report) + "</section>\n";
  if (!report.notes.empty()) {
    body += "<section class=\"card\"><h2>Notes</h2><ul class=\"notes\">\n";
    for (const std::string& note : report.notes)
      body += fmt::format("<li>{}</li>\n", escape_markup(note));
    body += "</ul></section>\n";
  }
  body += fmt::format("<footer>DataStorm {}. Times are UTC.</footer>\n</main>\n",
                      escape_markup(report.version));
  if (!wrong.empty()) return Error{.message = wrong};
  return whole_page("DataStorm report: " + report.topic, body, charts);
}

}  // namespace ds
