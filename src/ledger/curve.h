// What a run was to send and what it had delivered, second by second: the offered curve and the
// achieved one, so that a report can draw them together. Both are totals since the run's start, so
// a rate is a difference over the time between two samples, and a curve's end is its whole area.
//
// They travel as claims do, and lie in the store's table `runs` beside them; docs/storm.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ds {

/// A part of one shard's curve. Samples lie a second apart, or further where nothing happened.
struct CurveClaim {
  static constexpr std::size_t kSamplesMax = 256;

  std::uint64_t run = 0;
  std::uint32_t shard = 0;
  std::uint32_t part = 0;          // they follow each other
  std::vector<std::int64_t> t_ms;  // since 1970
  std::vector<std::uint64_t> scheduled;
  std::vector<std::uint64_t> delivered;  // acknowledged; with acks=0 written
  bool operator==(const CurveClaim&) const = default;
};

/// Collects samples; knows which parts have not been published. Threads: one.
class CurveKeeper {
 public:
  CurveKeeper(std::uint64_t run, std::uint32_t shard) : run_(run), shard_(shard) {}

  void sample(std::int64_t t_ms, std::uint64_t scheduled, std::uint64_t delivered);
  /// The parts that have changed since published().
  std::vector<CurveClaim> changed() const;
  void published();

 private:
  void push(std::int64_t t_ms, std::uint64_t scheduled, std::uint64_t delivered);

  std::uint64_t run_;
  std::uint32_t shard_;
  std::vector<CurveClaim> parts_;
  std::size_t first_changed_ = 0;
  bool changed_ = false;
  std::int64_t seen_ms_ = 0;  // when the last totals were last seen
};

}  // namespace ds
