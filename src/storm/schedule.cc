#include "storm/schedule.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ds {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();

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

Schedule Schedule::recorded(std::vector<Nanos> instants) {
  Schedule schedule;
  schedule.recorded_ = std::make_shared<const std::vector<Nanos>>(std::move(instants));
  return schedule;
}

const Schedule::Piece* Schedule::piece_at(double seconds) const {
  auto after = std::upper_bound(pieces_.begin(), pieces_.end(), seconds,
                                [](double t, const Piece& piece) { return t < piece.begin; });
  return after == pieces_.begin() ? nullptr : &*std::prev(after);
}

double Schedule::records() const {
  const Piece& last = pieces_.back();
  return last.end == kForever ? kForever : last.before + last.area(last.end);
}

void Schedule::arrive_in_lots(std::uint64_t records_at_once) {
  if (arrivals_) arrivals_.emplace(seed_, static_cast<double>(records_at_once), records());
}

std::optional<Nanos> Schedule::instant(double record) const {
  if (is_flat_out()) return 0;
  if (recorded_) {
    const auto number = static_cast<std::size_t>(record);
    return number < recorded_->size() ? std::optional((*recorded_)[number]) : std::nullopt;
  }
  return instant_of_area(arrivals_ ? arrivals_->place(record) : record);
}

std::optional<Nanos> Schedule::instant_of_area(double record) const {
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
  if (recorded_)
    return static_cast<double>(std::ranges::upper_bound(*recorded_, at) - recorded_->begin());
  const double seconds = std::max(0.0, static_cast<double>(at) / 1e9);
  const Piece* piece = piece_at(seconds);
  const double area = piece->before + piece->area(std::min(seconds, piece->end));
  return arrivals_ ? arrivals_->arrived(area) : area;
}

double Schedule::rate(Nanos at) const {
  if (is_flat_out()) return 0;
  if (recorded_) return due(at) - due(at - kSecond);
  const double seconds = std::max(0.0, static_cast<double>(at) / 1e9);
  const Piece* piece = piece_at(seconds);
  return seconds > piece->end ? 0 : piece->rate_at(seconds);
}

std::optional<double> Schedule::even_rate() const {
  if (pieces_.size() != 1 || arrivals_ || length()) return std::nullopt;
  return pieces_[0].rate_begin;
}

std::optional<Nanos> Schedule::length() const {
  if (recorded_) return recorded_->back();
  if (is_flat_out() || pieces_.back().end == kForever) return std::nullopt;
  return static_cast<Nanos>(std::llround(pieces_.back().end * 1e9));
}

std::optional<std::uint64_t> Schedule::total() const {
  if (recorded_) return recorded_->size();
  if (!length()) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(records()));
}

}  // namespace ds
