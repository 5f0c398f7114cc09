// A schedule's text form, part by part; the grammar stands in schedule.h and docs/storm.md.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/random.h"
#include "base/units.h"
#include "storm/schedule.h"
#include "storm/trace.h"

namespace ds {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();
constexpr double kDay = 86400;
constexpr int kSinePiecesPerPeriod = 240;
constexpr std::size_t kPiecesMax = 1'000'000;

using Words = std::vector<std::string_view>;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

Words split(std::string_view text, char separator) {
  Words parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    const std::string_view part = trimmed(text.substr(0, at));
    if (!part.empty() || separator != ' ') parts.push_back(part);
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

Error not_a_schedule(std::string_view part, std::string_view why) {
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("the schedule's part '{}' {}", part, why),
               .hint =
                   "parts are: 10s@100k, ramp 30s 100k..2M, sine 60s 100k..2M every 20s, "
                   "walk 60s 100k..2M every 1s, trace:FILE x2, spike 1s@5M every 10s; "
                   "poisson before them"};
}

struct Span {
  double seconds;
  double low;
  double high;
};

Result<double> parse_seconds(std::string_view text) {
  auto nanos = parse_duration(text);
  if (!nanos) return std::move(nanos).error();
  return static_cast<double>(*nanos) / 1e9;
}

/// "30s" and "100k..2M".
std::optional<Span> parse_span(std::string_view duration, std::string_view rates) {
  const std::size_t dots = rates.find("..");
  if (dots == std::string_view::npos) return std::nullopt;
  const auto seconds = parse_seconds(duration);
  const auto low = parse_quantity(rates.substr(0, dots));
  const auto high = parse_quantity(rates.substr(dots + 2));
  if (!seconds || !low || !high || *seconds <= 0) return std::nullopt;
  return Span{*seconds, *low, *high};
}

/// "10s@100k"; without a time, for ever.
std::optional<Span> parse_step(std::string_view text) {
  const std::size_t at = text.find('@');
  const bool timed = at != std::string_view::npos;
  const auto rate = parse_quantity(timed ? text.substr(at + 1) : text);
  if (!rate) return std::nullopt;
  if (!timed) return Span{kForever, *rate, *rate};
  const auto seconds = parse_seconds(text.substr(0, at));
  if (!seconds) return std::nullopt;
  return Span{*seconds, *rate, *rate};
}

}  // namespace

/// Reads one schedule. What a part's function returns is why it is refused; nothing when it is not.
class ScheduleText {
 public:
  explicit ScheduleText(std::uint64_t seed) : seed_(seed) {}

  Result<Schedule> read(std::string_view text) {
    std::string_view rest = trimmed(text);
    const bool poisson = rest.starts_with("poisson ");
    if (poisson) rest.remove_prefix(8);
    for (const std::string_view part : split(rest, ',')) {
      if (const std::string why = take(split(part, ' ')); !why.empty())
        return not_a_schedule(part, why);
      if (!is_sane()) return not_a_schedule(part, "asks for more than 1T records a second");
    }
    if (base_.pieces_.empty()) return not_a_schedule(text, "has no rate of its own");
    if (spike_) {
      if (!lay_spikes_over()) return not_a_schedule(text, "has too many spikes");
    }
    base_.seed_ = random_at(seed_, 0);
    if (poisson) base_.arrivals_.emplace(base_.seed_, 1, base_.records());
    return std::move(base_);
  }

 private:
  struct Spike {
    double seconds, rate, every;
  };

  /// Beyond that the sums are not exact.
  bool is_sane() const {
    constexpr double kRateMax = 1e12;
    const auto is_more = [](const Schedule::Piece& piece) {
      return !(std::max(piece.rate_begin, piece.rate_end) <= kRateMax);
    };
    return std::ranges::none_of(base_.pieces_, is_more) && (!spike_ || spike_->rate <= kRateMax);
  }

  std::string take(const Words& words) {
    if (words.empty() || words[0].empty()) return "is empty";
    if (words[0] == "spike") return spike(words);
    if (!base_.pieces_.empty() && base_.pieces_.back().end == kForever)
      return "follows one that never ends";
    if (words[0] == "ramp") return ramp(words);
    if (words[0] == "sine") return sine(words);
    if (words[0] == "walk") return walk(words);
    if (words[0].starts_with("trace:")) return trace(words);
    return step(words);
  }

  std::string step(const Words& words) {
    const auto step = words.size() == 1 ? parse_step(words[0]) : std::nullopt;
    if (!step) return "is not understood";
    if (step->seconds <= 0) return "takes no time";
    base_.append(step->seconds, step->low, step->high);
    return {};
  }

  std::string ramp(const Words& words) {
    const auto span = words.size() == 3 ? parse_span(words[1], words[2]) : std::nullopt;
    if (!span) return "is not 'ramp 30s 100k..2M'";
    base_.append(span->seconds, span->low, span->high);
    return {};
  }

  /// Starts in the middle and rises.
  std::string sine(const Words& words) {
    const bool whole = words.size() == 5 && words[3] == "every";
    const auto span = whole ? parse_span(words[1], words[2]) : std::nullopt;
    const auto period = whole ? parse_seconds(words[4]) : Result<double>(0.0);
    if (!span || !period || *period <= 0) return "is not 'sine 60s 100k..2M every 20s'";
    const double step = *period / kSinePiecesPerPeriod;
    if (span->seconds / step > static_cast<double>(kPiecesMax)) return "has too many periods";
    const auto wave = [&](double t) {
      const double middle = (span->low + span->high) / 2, swing = (span->high - span->low) / 2;
      return middle + swing * std::sin(2 * std::numbers::pi * t / *period);
    };
    for (double t = 0; t < span->seconds; t += step) {
      const double next = std::min(t + step, span->seconds);
      base_.append(next - t, wave(t), wave(next));
    }
    return {};
  }

  /// From the middle in steps of up to a fifth of the span, thrown back at its ends.
  std::string walk(const Words& words) {
    const bool every = words.size() == 5 && words[3] == "every";
    const auto span = words.size() == 3 || every ? parse_span(words[1], words[2]) : std::nullopt;
    const auto step = every ? parse_seconds(words[4]) : Result<double>(1.0);
    if (!span || !step || *step <= 0 || span->low > span->high)
      return "is not 'walk 60s 100k..2M every 1s'";
    if (span->seconds / *step > static_cast<double>(kPiecesMax)) return "has too many steps";
    Random random(random_at(seed_, 1 + base_.pieces_.size()));
    double rate = (span->low + span->high) / 2;
    for (double t = 0; t < span->seconds; t += *step) {
      double next = rate + (random.unit() - 0.5) * 0.4 * (span->high - span->low);
      if (next < span->low) next = 2 * span->low - next;
      if (next > span->high) next = 2 * span->high - next;
      base_.append(std::min(*step, span->seconds - t), rate, next);
      rate = next;
    }
    return {};
  }

  std::string trace(const Words& words) {
    const auto times = words.size() == 2 && words[1].starts_with('x')
                           ? parse_quantity(words[1].substr(1))
                           : Result<double>(1.0);
    if (words.size() > 2 || (words.size() == 2 && !words[1].starts_with('x')) || !times)
      return "is not 'trace:FILE x2'";
    const auto steps = read_trace(std::string(words[0].substr(6)));
    if (!steps) return fmt::format("is no use: {}", steps.error().message);
    for (const TraceStep& step : *steps)
      base_.append(step.seconds, step.rate * *times, step.rate * *times);
    return {};
  }

  std::string spike(const Words& words) {
    if (spike_) return "is a second spike: one is allowed";
    const bool whole = words.size() == 4 && words[2] == "every";
    const auto step = whole ? parse_step(words[1]) : std::nullopt;
    const auto every = whole ? parse_seconds(words[3]) : Result<double>(0.0);
    if (!step || !every || step->seconds == kForever) return "is not 'spike 1s@5M every 10s'";
    if (step->seconds <= 0 || step->seconds > *every)
      return "must be shorter than the time it returns after";
    spike_ = Spike{step->seconds, step->low, *every};
    return {};
  }

  /// Cuts the base at every border of a spike; an endless one for a day.
  bool lay_spikes_over() {
    const double end = base_.length() ? base_.pieces_.back().end : kDay;
    Schedule spiked;
    for (double at = 0; at < end;) {
      if (spiked.pieces_.size() > kPiecesMax) return false;
      const double period_begin = std::floor(at / spike_->every + 1e-9) * spike_->every;
      const double spike_begin = period_begin + spike_->every - spike_->seconds;
      const bool inside = at >= spike_begin - 1e-9;
      double until = std::min(end, inside ? period_begin + spike_->every : spike_begin);
      if (inside) {
        spiked.append(until - at, spike_->rate, spike_->rate);
      } else {
        const Schedule::Piece* piece = base_.piece_at(at);
        until = std::min(until, piece->end);
        spiked.append(until - at, piece->rate_at(at), piece->rate_at(until));
      }
      at = until;
    }
    base_ = std::move(spiked);
    return true;
  }

  const std::uint64_t seed_;
  Schedule base_;
  std::optional<Spike> spike_;
};

Result<Schedule> Schedule::parse(std::string_view text, std::uint64_t seed) {
  return ScheduleText(seed).read(text);
}

}  // namespace ds
