// When each record is due. A schedule is a rate over time; its area is the number of records due,
// so the intended instant of record i is where the area reaches i. That is exact at any rate,
// needs no state shared between workers, and never drifts.
//
//   auto schedule = Schedule::parse("10s@100k, ramp 30s 100k..2M, spike 1s@5M every 10s");
//   Nanos due = schedule->instant(record);        // counted from the run's start
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "storm/arrivals.h"

namespace ds {

/// A value: copy it freely. Threads: one at a time.
class Schedule {
 public:
  /// As fast as it goes: every record is due at once.
  static Schedule flat_out() { return Schedule(); }
  /// Evenly for ever; 0 is never.
  static Schedule steady(double records_per_second);
  /// Parts in a row, with commas:
  ///   10s@100k                  a rate for a time; without a time ("100k") for ever
  ///   ramp 30s 100k..2M         from one rate to the other, in a straight line
  ///   sine 60s 100k..2M every 20s   between two rates, starting in the middle and rising
  ///   walk 60s 100k..2M every 500ms   at random between two rates, a new one each 500 ms (1s)
  ///   trace:FILE x2             what was recorded (trace.h), twice as much
  ///   spike 1s@5M every 10s     over all the others: for the last second of every ten
  /// With the word `poisson` before the first, arrivals are at random (arrivals.h).
  /// When the last part has a time, the run ends with it. Chance is a function of `seed`.
  static Result<Schedule> parse(std::string_view text, std::uint64_t seed = 1);
  /// Each record at an instant of its own, in order of time; ends with the last.
  static Schedule recorded(std::vector<Nanos> instants);
  /// Records arrive in lots of so many, a generator batch's; matters for `poisson` alone.
  void arrive_in_lots(std::uint64_t records);

  bool is_flat_out() const { return pieces_.empty() && !recorded_; }
  /// The instant at which `record` (from 0) is due; nothing when it never is.
  std::optional<Nanos> instant(double record) const;
  /// How many records are due by `at`.
  double due(Nanos at) const;
  /// The rate wanted at `at`, records a second.
  double rate(Nanos at) const;
  /// The rate of a schedule that has one alone, for ever and evenly.
  std::optional<double> even_rate() const;
  /// When the last part ends, and how many records that makes; nothing when it goes on for ever.
  std::optional<Nanos> length() const;
  std::optional<std::uint64_t> total() const;

 private:
  /// A stretch with a straight line of rates; sines are cut into many.
  struct Piece {
    double begin;  // seconds
    double end;    // infinity for the last of an endless schedule
    double rate_begin;
    double rate_end;
    double before;  // records due before it begins

    double area(double seconds) const;
    double rate_at(double seconds) const;
  };
  friend class ScheduleText;
  void append(double seconds, double rate_begin, double rate_end);
  const Piece* piece_at(double seconds) const;
  /// Of evenly spaced records.
  std::optional<Nanos> instant_of_area(double area) const;
  double records() const;  // infinity when it goes on for ever

  std::vector<Piece> pieces_;
  std::uint64_t seed_ = 1;
  std::optional<Arrivals> arrivals_;                    // nothing: evenly
  std::shared_ptr<const std::vector<Nanos>> recorded_;  // instead of pieces
};

}  // namespace ds
