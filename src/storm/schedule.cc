#include "storm/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/units.h"

namespace ds {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();
constexpr int kSinePiecesPerPeriod = 240;
constexpr std::size_t kPiecesMax = 1'000'000;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
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
                   "spike 1s@5M every 10s"};
}

struct Span {
  double seconds;
  double low;
  double high;
};

Error not_a_span() {
  return Error{.code = ErrorCode::kUsage, .message = "not a span"};
}

Result<double> parse_seconds(std::string_view text) {
  auto nanos = parse_duration(text);
  if (!nanos) return std::move(nanos).error();
  return static_cast<double>(*nanos) / 1e9;
}

/// "30s" and "100k..2M".
Result<Span> parse_span(std::string_view duration, std::string_view rates) {
  const std::size_t dots = rates.find("..");
  if (dots == std::string_view::npos) return Error{.code = ErrorCode::kUsage, .message = "no A..B"};
  auto seconds = parse_seconds(duration);
  auto low = parse_quantity(rates.substr(0, dots));
  auto high = parse_quantity(rates.substr(dots + 2));
  if (!seconds) return std::move(seconds).error();
  if (!low) return std::move(low).error();
  if (!high) return std::move(high).error();
  return Span{*seconds, *low, *high};
}

/// "10s@100k"; without a time, for ever.
Result<Span> parse_step(std::string_view text) {
  const std::size_t at = text.find('@');
  const bool timed = at != std::string_view::npos;
  auto rate = parse_quantity(timed ? text.substr(at + 1) : text);
  if (!rate) return std::move(rate).error();
  if (!timed) return Span{kForever, *rate, *rate};
  auto seconds = parse_seconds(text.substr(0, at));
  if (!seconds) return std::move(seconds).error();
  return Span{*seconds, *rate, *rate};
}

}  // namespace

double Schedule::Piece::area(double seconds) const {
  const double t = seconds - begin;
  if (rate_begin == rate_end) return rate_begin * t;
  return rate_begin * t + (rate_end - rate_begin) * t * t / (2 * (end - begin));
}

double Schedule::Piece::rate_at(double seconds) const {
  if (rate_begin == rate_end) return rate_begin;
  return rate_begin + (rate_end - rate_begin) * (seconds - begin) / (end - begin);
}

void Schedule::append(double seconds, double rate_begin, double rate_end) {
  if (seconds <= 0) return;
  const double begin = pieces_.empty() ? 0 : pieces_.back().end;
  const double before =
      pieces_.empty() ? 0 : pieces_.back().before + pieces_.back().area(pieces_.back().end);
  pieces_.push_back({begin, begin + seconds, rate_begin, rate_end, before});
}

Schedule Schedule::steady(double records_per_second) {
  Schedule schedule;
  schedule.append(kForever, records_per_second, records_per_second);
  return schedule;
}

Result<Schedule> Schedule::parse(std::string_view text) {
  struct Spike {
    double seconds, rate, every;
  };
  Schedule base;
  std::optional<Spike> spike;
  for (const std::string_view part : split(text, ',')) {
    const auto words = split(part, ' ');
    const auto refuse = [&](std::string_view why) { return not_a_schedule(part, why); };
    if (words.empty() || words[0].empty()) return refuse("is empty");
    const bool endless = !base.pieces_.empty() && base.pieces_.back().end == kForever;
    if (words[0] == "spike") {
      if (spike) return refuse("is a second spike: one is allowed");
      if (words.size() != 4 || words[2] != "every") return refuse("is not 'spike 1s@5M every 10s'");
      auto step = parse_step(words[1]);
      auto every = parse_seconds(words[3]);
      if (!step || !every || step->seconds == kForever)
        return refuse("is not 'spike 1s@5M every 10s'");
      if (step->seconds <= 0 || step->seconds > *every)
        return refuse("must be shorter than the time it returns after");
      spike = Spike{step->seconds, step->low, *every};
      continue;
    }
    if (endless) return refuse("follows one that never ends");
    if (words[0] == "ramp") {
      auto span = words.size() == 3 ? parse_span(words[1], words[2]) : Result<Span>(not_a_span());
      if (!span || span->seconds <= 0) return refuse("is not 'ramp 30s 100k..2M'");
      base.append(span->seconds, span->low, span->high);
    } else if (words[0] == "sine") {
      const bool whole = words.size() == 5 && words[3] == "every";
      auto span = whole ? parse_span(words[1], words[2]) : Result<Span>(not_a_span());
      auto period = whole ? parse_seconds(words[4]) : Result<double>(not_a_span());
      if (!span || !period || span->seconds <= 0 || *period <= 0)
        return refuse("is not 'sine 60s 100k..2M every 20s'");
      const double step = *period / kSinePiecesPerPeriod;
      if (span->seconds / step > static_cast<double>(kPiecesMax))
        return refuse("has too many periods");
      const auto wave = [&](double t) {
        const double middle = (span->low + span->high) / 2, swing = (span->high - span->low) / 2;
        return middle + swing * std::sin(2 * std::numbers::pi * t / *period);
      };
      for (double t = 0; t < span->seconds; t += step) {
        const double next = std::min(t + step, span->seconds);
        base.append(next - t, wave(t), wave(next));
      }
    } else {
      auto step = words.size() == 1 ? parse_step(words[0]) : Result<Span>(not_a_span());
      if (!step) return refuse("is not understood");
      if (step->seconds <= 0) return refuse("takes no time");
      base.append(step->seconds, step->low, step->high);
    }
  }
  if (base.pieces_.empty()) return not_a_schedule(text, "has no rate of its own");
  if (!spike) return base;

  // Lay the spike over: cut the base at every border of a spike. An endless base is cut for a day.
  const double end = base.length() ? base.pieces_.back().end : 86400.0;
  Schedule spiked;
  double at = 0;
  while (at < end) {
    if (spiked.pieces_.size() > kPiecesMax) return not_a_schedule(text, "has too many spikes");
    const double period_begin = std::floor(at / spike->every + 1e-9) * spike->every;
    const double spike_begin = period_begin + spike->every - spike->seconds;
    const bool inside = at >= spike_begin - 1e-9;
    double until = std::min(end, inside ? period_begin + spike->every : spike_begin);
    if (inside) {
      spiked.append(until - at, spike->rate, spike->rate);
    } else {
      const Piece* piece = base.piece_at(at);
      until = std::min(until, piece->end);
      spiked.append(until - at, piece->rate_at(at), piece->rate_at(until));
    }
    at = until;
  }
  return spiked;
}

const Schedule::Piece* Schedule::piece_at(double seconds) const {
  auto after = std::upper_bound(pieces_.begin(), pieces_.end(), seconds,
                                [](double t, const Piece& piece) { return t < piece.begin; });
  return after == pieces_.begin() ? nullptr : &*std::prev(after);
}

std::optional<Nanos> Schedule::instant(double record) const {
  if (is_flat_out()) return 0;
  auto after = std::upper_bound(pieces_.begin(), pieces_.end(), record,
                                [](double r, const Piece& piece) { return r < piece.before; });
  // Of pieces that begin at the same count (a rate of 0 between them) the last one holds it.
  const Piece& piece = *std::prev(after);
  const double wanted = record - piece.before;
  const double a = piece.rate_begin, b = piece.rate_end;
  double t = 0;  // the area up to t is `wanted`: t·a + t²·(b−a)/(2·length) = wanted
  if (wanted > 0) {
    if (a == b) {
      if (a <= 0) return std::nullopt;
      t = wanted / a;
    } else {
      const double slope = (b - a) / (piece.end - piece.begin);
      const double root = a * a + 2 * slope * wanted;
      if (root < 0) return std::nullopt;
      t = 2 * wanted / (a + std::sqrt(root));
    }
  } else if (a <= 0 && b <= 0) {
    return std::nullopt;
  }
  if (piece.begin + t > piece.end * (1 + 1e-12)) return std::nullopt;
  return static_cast<Nanos>(std::llround((piece.begin + t) * 1e9));
}

double Schedule::due(Nanos at) const {
  if (is_flat_out()) return 0;
  const double seconds = std::max(0.0, static_cast<double>(at) / 1e9);
  const Piece* piece = piece_at(seconds);
  return piece->before + piece->area(std::min(seconds, piece->end));
}

double Schedule::rate(Nanos at) const {
  if (is_flat_out()) return 0;
  const double seconds = std::max(0.0, static_cast<double>(at) / 1e9);
  const Piece* piece = piece_at(seconds);
  return seconds > piece->end ? 0 : piece->rate_at(seconds);
}

std::optional<Nanos> Schedule::length() const {
  if (is_flat_out() || pieces_.back().end == kForever) return std::nullopt;
  return static_cast<Nanos>(std::llround(pieces_.back().end * 1e9));
}

std::optional<std::uint64_t> Schedule::total() const {
  if (!length()) return std::nullopt;
  const Piece& last = pieces_.back();
  return static_cast<std::uint64_t>(std::llround(last.before + last.area(last.end)));
}

}  // namespace ds
