// What a sensor measures: values by a distribution, each a pure function of (seed, producer,
// sequence), so that a checker can make value n again without those before it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ds {

/// A value after construction. Threads: any.
class Distribution {
 public:
  enum class Kind {
    kNormal,   // normal:MEAN,SD
    kUniform,  // uniform:MIN,MAX
    kSine,     // sine:MEAN,AMPLITUDE,PERIOD      a wave of PERIOD readings, a phase a producer
    kDrift,    // drift:START,STEP,SD             START + sequence * STEP, with noise
    kStuck,    // stuck:MEAN,SD,AFTER             normal; from reading AFTER on always the same
    kFailing,  // failing:MEAN,SD,SHARE           normal; SHARE of the readings are kFault
  };
  static constexpr double kFault = -9999;  // what many loggers write for "no reading"

  Distribution() = default;
  Distribution(Kind kind, double a, double b, double c = 0) : kind_(kind), a_(a), b_(b), c_(c) {}

  double at(std::uint64_t seed, std::int64_t producer, std::int64_t sequence) const;
  Kind kind() const { return kind_; }
  /// Its numbers, in the order of the text.
  double a() const { return a_; }
  double b() const { return b_; }
  double c() const { return c_; }
  std::string to_string() const;

 private:
  Kind kind_ = Kind::kNormal;
  double a_ = 20, b_ = 5, c_ = 0;
};

/// "normal:20,5" and the others above.
Result<Distribution> parse_distribution(std::string_view text);

}  // namespace ds
