#include "report/html.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cmath>

#include "base/json_writer.h"
#include "base/markup.h"
#include "base/units.h"
#include "report/plot.h"
#include "report_assets.h"

namespace ds {
namespace {

std::string_view asset(std::string_view path) {
  for (const web_assets::Asset& each : report_assets::all())
    if (each.path == path) return each.body;
  return {};  // built without the dashboard: the pictures stay
}

std::string base64(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

/// JSON within a <script>: what could end it is escaped.
std::string script_json(const std::vector<Chart>& charts) {
  std::string json;
  JsonWriter(json).put(charts);
  std::string safe;
  safe.reserve(json.size());
  for (const char c : json) {
    if (c == '<')
      safe += "\\u003c";
    else
      safe += c;
  }
  return safe;
}

}  // namespace

std::string shown_number(double value) {
  if (!std::isfinite(value)) return "–";
  const double size = std::abs(value);
  if (size >= 1e15) return fmt::format("{:.4g}", value);
  if (size >= 1000 || value == std::round(value)) {
    const std::string digits = with_commas(static_cast<std::uint64_t>(std::llround(size)));
    return value < 0 ? "-" + digits : digits;
  }
  return size >= 100 ? fmt::format("{:.1f}", value)
         : size >= 1 ? fmt::format("{:.2f}", value)
                     : fmt::format("{:.3g}", value);
}

std::string shown_delay(double ms) {
  const double size = std::abs(ms);
  if (size >= 100'000) return fmt::format("{:.0f} s", ms / 1000);
  if (size >= 1000) return fmt::format("{:.2f} s", ms / 1000);
  return size >= 100  ? fmt::format("{:.0f} ms", ms)
         : size >= 10 ? fmt::format("{:.1f} ms", ms)
                      : fmt::format("{:.2f} ms", ms);
}

std::string whole_page(std::string_view title, std::string_view body,
                       const std::vector<Chart>& charts) {
  std::string page = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{}</title>\n<style>\n",
      escape_markup(title));
  page += asset("/report.css");
  page += "</style>\n<body>\n";
  page += body;
  page += "<script type=\"application/json\" id=\"charts\">";
  page += script_json(charts);
  page += "</script>\n";
  if (const std::string_view script = asset("/report.js"); !script.empty()) {
    page += "<script>\n";
    page += script;
    page += "</script>\n";
  }
  page += "</body>\n</html>\n";
  return page;
}

Result<std::string> figure_of(const Chart& chart) {
  auto svg = svg_of(chart);
  if (!svg) return svg;
  return fmt::format(
      "<figure data-chart=\"{}\"><img alt=\"{}: {} over {}\" "
      "src=\"data:image/svg+xml;base64,{}\"></figure>\n",
      chart.name, escape_markup(chart.title), escape_markup(chart.y_name),
      escape_markup(chart.x_name), base64(*svg));
}

std::string headline(std::string_view name, std::string_view value, std::string_view below,
                     std::string_view tone) {
  return fmt::format(
      "<div><dt>{}</dt><dd class=\"{}\">{}<span class=\"small\">{}</span></dd></div>\n",
      escape_markup(name), tone, escape_markup(value), escape_markup(below));
}

HtmlTable::HtmlTable(std::string_view kind, const std::vector<std::string>& heads) {
  html_ = fmt::format("<table class=\"{}\"><thead><tr>", kind);
  for (const std::string& head : heads)
    html_ += fmt::format("<th scope=\"col\">{}</th>", escape_markup(head));
  html_ += "</tr></thead>\n<tbody>\n";
}

HtmlTable& HtmlTable::row(const std::vector<Cell>& cells, std::string_view kind) {
  html_ += kind.empty() ? "<tr>" : fmt::format("<tr class=\"{}\">", kind);
  for (const Cell& cell : cells) {
    html_ += "<td";
    if (!cell.kind.empty()) html_ += fmt::format(" class=\"{}\"", cell.kind);
    if (!cell.key.empty()) html_ += fmt::format(" data-v=\"{}\"", escape_markup(cell.key));
    html_ += fmt::format(">{}</td>", escape_markup(cell.text));
  }
  html_ += "</tr>\n";
  return *this;
}

std::string HtmlTable::done() {
  return html_ + "</tbody></table>\n";
}

}  // namespace ds
