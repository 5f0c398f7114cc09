#include "report/plot.h"

#include <cairo-svg.h>
#include <cairo.h>
#include <fmt/chrono.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <memory>
#include <span>

#include "base/units.h"

#if defined(__SANITIZE_ADDRESS__)
/// What fontconfig knows of fonts it keeps until the program ends.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libfontconfig\n";
}
#endif

namespace ds {
namespace {

constexpr double kWidth = 960, kHeight = 420, kLeft = 84, kRight = 24, kTop = 64, kBottom = 58;
constexpr double kInnerWidth = kWidth - kLeft - kRight, kInnerHeight = kHeight - kTop - kBottom;

struct Color {
  const char* name;
  double red, green, blue;
};
constexpr Color kColors[] = {{"accent", 0.231, 0.310, 0.878}, {"good", 0.031, 0.412, 0.369},
                             {"wait", 0.757, 0.459, 0.043},   {"bad", 0.722, 0.149, 0.133},
                             {"muted", 0.455, 0.510, 0.639},  {"text", 0.071, 0.102, 0.184},
                             {"line", 0.859, 0.882, 0.929}};

/// Where values lie on paper.
class Scale {
 public:
  Scale(double low, double high, double from, double to, bool log)
      : low_(low), high_(high), from_(from), to_(to), log_(log) {}
  double operator()(double value) const {
    return from_ + (place(value) - place(low_)) / (place(high_) - place(low_)) * (to_ - from_);
  }
  double low() const { return low_; }
  double high() const { return high_; }

 private:
  double place(double value) const { return log_ ? std::log10(std::max(value, 1e-9)) : value; }
  double low_, high_, from_, to_;
  bool log_;
};

/// Marks of a time axis: seconds, minutes, hours or days apart.
std::vector<double> time_steps(double low, double high) {
  constexpr double kSteps[] = {0.001, 0.01,  0.1,    0.5, 1,     2,    5,     10,    15,    30,
                               60,    120,   300,    600, 900,   1800, 3600,  7200,  10800, 21600,
                               43200, 86400, 172800, 6e5, 2.6e6, 8e6,  3.2e7, 3.2e8, 3.2e9};
  const double seconds = (high - low) / 1000;
  double step = kSteps[std::size(kSteps) - 1];
  for (const double each : kSteps)
    if (seconds / each <= 9) {
      step = each;
      break;
    }
  std::vector<double> steps;
  for (double at = std::ceil(low / 1000 / step); at * step * 1000 <= high && steps.size() < 20;
       ++at)
    steps.push_back(at * step * 1000);
  return steps;
}

std::string time_text(double ms, double span_ms) {
  const auto whole = static_cast<std::time_t>(std::floor(ms / 1000));
  std::tm utc{};
  gmtime_r(&whole, &utc);
  if (span_ms > 2 * 86'400'000.0) return fmt::format("{:%m-%d %H:%M}", utc);
  if (span_ms > 20 * 60'000.0) return fmt::format("{:%H:%M}", utc);
  if (span_ms > 5'000) return fmt::format("{:%H:%M:%S}", utc);
  return fmt::format("{:%H:%M:%S}.{:03}", utc, static_cast<int>(std::lround(ms)) % 1000);
}

std::string number_text(double value) {
  const double size = std::abs(value);
  if (size >= 1e9) return fmt::format("{:g}G", value / 1e9);
  if (size >= 1e6) return fmt::format("{:g}M", value / 1e6);
  if (size >= 1e4) return fmt::format("{:g}k", value / 1e3);
  if (size >= 1000) return fmt::format("{:.6g}", value);
  return fmt::format("{:.4g}", value);
}

class Drawing {
 public:
  Drawing(cairo_t* to, const Chart& chart)
      : to_(to), chart_(chart), x_(x_scale(chart)), y_(y_scale(chart)) {}

  void draw() {
    cairo_set_source_rgb(to_, 1, 1, 1);
    cairo_paint(to_);
    text(chart_.title, 20, 30, 17, "text", true);
    legend();
    axes();
    cairo_save(to_);
    cairo_rectangle(to_, kLeft, kTop - 2, kInnerWidth, kInnerHeight + 3);
    cairo_clip(to_);
    for (const ChartSeries& series : chart_.series) {
      if (series.shape == "bars")
        bars(series);
      else
        line(series);
    }
    cairo_restore(to_);
  }

 private:
  static Scale x_scale(const Chart& chart) {
    double low = chart.x.empty() ? 0 : chart.x.front(), high = chart.x.empty() ? 1 : chart.x.back();
    const bool log = chart.x_kind == "log";
    const bool bars = std::ranges::any_of(
        chart.series, [](const ChartSeries& each) { return each.shape == "bars"; });
    if (bars) {
      low -= chart.bar_width / 2;
      high += chart.bar_width / 2;
    }
    if (log) {
      low = std::max(low, 1.0) / 1.05;
      high = std::max(high, 10.0) * 1.05;
    }
    if (high <= low) high = low + (chart.x_kind == "time" ? 1000 : 1);
    return {low, high, kLeft, kLeft + kInnerWidth, log};
  }
  static Scale y_scale(const Chart& chart) {
    double low = 0, high = 0;
    for (const ChartSeries& series : chart.series)
      for (const double value : series.y) {
        if (!std::isfinite(value)) continue;
        low = std::min(low, value);
        high = std::max(high, value);
      }
    if (high <= low) high = low + 1;
    return {low, high + (high - low) * 0.06, kTop + kInnerHeight, kTop, false};
  }

  void color(std::string_view name, double alpha = 1) {
    const auto* found = std::ranges::find(kColors, name, &Color::name);
    if (found == std::end(kColors)) found = kColors;
    cairo_set_source_rgba(to_, found->red, found->green, found->blue, alpha);
  }
  double text_width(const std::string& words) {
    cairo_text_extents_t size;
    cairo_text_extents(to_, words.c_str(), &size);
    return size.x_advance;
  }
  /// `align`: 0 begins at x, 0.5 is centred there, 1 ends there.
  void text(const std::string& words, double x, double y, double size, const char* ink,
            bool bold = false, double align = 0) {
    cairo_select_font_face(to_, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(to_, size);
    color(ink);
    cairo_move_to(to_, x - align * text_width(words), y);
    cairo_show_text(to_, words.c_str());
  }

  void legend() {
    double x = kWidth - kRight;
    for (auto series = chart_.series.rbegin(); series != chart_.series.rend(); ++series) {
      cairo_select_font_face(to_, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
      cairo_set_font_size(to_, 13);
      x -= text_width(series->name);
      text(series->name, x, 30, 13, "text");
      x -= 22;
      color(series->color);
      cairo_rectangle(to_, x, series->shape == "bars" ? 20 : 24, 15,
                      series->shape == "bars" ? 11 : 3);
      cairo_fill(to_);
      x -= 18;
    }
  }

  void axes() {
    cairo_set_line_width(to_, 1);
    for (const double value : round_steps(y_.low(), y_.high(), 6)) {
      const double y = std::round(y_(value)) + 0.5;
      color("line");
      cairo_move_to(to_, kLeft, y);
      cairo_line_to(to_, kLeft + kInnerWidth, y);
      cairo_stroke(to_);
      text(number_text(value), kLeft - 10, y + 4, 12, "muted", false, 1);
    }
    for (const auto& [value, words] : x_marks()) {
      const double x = x_(value);
      color("line");
      cairo_move_to(to_, x, kTop + kInnerHeight);
      cairo_line_to(to_, x, kTop + kInnerHeight + 5);
      cairo_stroke(to_);
      text(words, x, kTop + kInnerHeight + 20, 12, "muted", false, 0.5);
    }
    text(chart_.x_name, kLeft + kInnerWidth, kTop + kInnerHeight + 42, 12, "muted", false, 1);
    text(chart_.y_name, 20, kTop - 12, 12, "muted");
  }

  std::vector<std::pair<double, std::string>> x_marks() const {
    std::vector<std::pair<double, std::string>> marks;
    if (chart_.x_kind == "time") {
      for (const double at : time_steps(x_.low(), x_.high()))
        marks.emplace_back(at, time_text(at, x_.high() - x_.low()));
    } else if (chart_.x_kind == "log") {
      const bool dense = x_.high() / x_.low() < 1e3;
      for (double power = 1; power <= x_.high(); power *= 10)
        for (const double each : {1.0, 2.0, 5.0})
          if (each * power >= x_.low() && each * power <= x_.high() && (dense || each == 1))
            marks.emplace_back(each * power, number_text(each * power));
    } else {
      for (const double at : round_steps(x_.low(), x_.high(), 9))
        marks.emplace_back(at, number_text(at));
    }
    return marks;
  }

  void line(const ChartSeries& series) {
    color(series.color);
    cairo_set_line_width(to_, 2);
    cairo_set_line_join(to_, CAIRO_LINE_JOIN_ROUND);
    const double dashes[] = {6, 5};
    if (series.shape == "dashes") cairo_set_dash(to_, dashes, 2, 0);
    bool pen_down = false;
    std::size_t drawn = 0;
    for (std::size_t i = 0; i < chart_.x.size(); ++i) {
      if (!std::isfinite(series.y[i])) {
        pen_down = false;
        continue;
      }
      const double x = x_(chart_.x[i]), y = y_(series.y[i]);
      if (pen_down)
        cairo_line_to(to_, x, y);
      else
        cairo_move_to(to_, x, y);
      pen_down = true;
      ++drawn;
    }
    cairo_stroke(to_);
    cairo_set_dash(to_, nullptr, 0, 0);
    if (drawn == 1) {  // a single point is no line
      cairo_arc(to_, x_(chart_.x.front()), y_(series.y.front()), 4, 0, 6.2832);
      cairo_fill(to_);
    }
  }
  void bars(const ChartSeries& series) {
    color(series.color, 0.72);
    for (std::size_t i = 0; i < chart_.x.size(); ++i) {
      const double from = x_(chart_.x[i] - chart_.bar_width / 2) + 0.5;
      const double to = x_(chart_.x[i] + chart_.bar_width / 2) - 0.5;
      const double top = y_(series.y[i]);
      cairo_rectangle(to_, from, top, std::max(1.0, to - from), kTop + kInnerHeight - top);
      cairo_fill(to_);
    }
  }

  cairo_t* to_;
  const Chart& chart_;
  const Scale x_, y_;
};

cairo_status_t append(void* into, const unsigned char* bytes, unsigned int size) {
  static_cast<std::string*>(into)->append(reinterpret_cast<const char*>(bytes), size);
  return CAIRO_STATUS_SUCCESS;
}

using Surface = std::unique_ptr<cairo_surface_t, decltype(&cairo_surface_destroy)>;

Status draw_on(cairo_surface_t* surface, const Chart& chart, double scale) {
  cairo_t* const context = cairo_create(surface);
  cairo_scale(context, scale, scale);
  Drawing(context, chart).draw();
  const cairo_status_t status = cairo_status(context);
  cairo_destroy(context);
  if (status == CAIRO_STATUS_SUCCESS) return Done{};
  return Error{.message = fmt::format("the plot {} could not be drawn: {}", chart.name,
                                      cairo_status_to_string(status))};
}

}  // namespace

std::vector<double> round_steps(double low, double high, int wanted) {
  const double rough = (high - low) / wanted;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  const double step = power * (rough / power < 1.5   ? 1
                               : rough / power < 3.5 ? 2
                               : rough / power < 7.5 ? 5
                                                     : 10);
  std::vector<double> steps;
  for (double at = std::ceil(low / step - 1e-9);
       at * step <= high * (1 + 1e-12) && steps.size() < 50; ++at)
    steps.push_back(at == 0 ? 0 : at * step);
  return steps;
}

Result<std::string> svg_of(const Chart& chart) {
  std::string bytes;
  {
    const Surface surface(cairo_svg_surface_create_for_stream(&append, &bytes, kWidth, kHeight),
                          &cairo_surface_destroy);
    if (auto drawn = draw_on(surface.get(), chart, 1); !drawn) return std::move(drawn).error();
    cairo_surface_finish(surface.get());
  }
  return bytes;
}

Result<std::string> png_of(const Chart& chart) {
  constexpr double kScale = 2;
  const Surface surface(
      cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(kWidth * kScale),
                                 static_cast<int>(kHeight * kScale)),
      &cairo_surface_destroy);
  if (auto drawn = draw_on(surface.get(), chart, kScale); !drawn) return std::move(drawn).error();
  std::string bytes;
  if (cairo_surface_write_to_png_stream(surface.get(), &append, &bytes) != CAIRO_STATUS_SUCCESS)
    return Error{.message = fmt::format("the plot {} could not be packed", chart.name)};
  return bytes;
}

}  // namespace ds
