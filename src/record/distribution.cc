#include "record/distribution.h"

#include <charconv>
#include <cmath>
#include <numbers>
#include <vector>

#include "base/random.h"
#include "base/wrong_use.h"

namespace ds {
namespace {

struct Shape {
  std::string_view name;
  Distribution::Kind kind;
  std::size_t parameters;
  std::string_view usage;
};
constexpr Shape kShapes[] = {
    {"normal", Distribution::Kind::kNormal, 2, "normal:MEAN,SD"},
    {"uniform", Distribution::Kind::kUniform, 2, "uniform:MIN,MAX"},
    {"sine", Distribution::Kind::kSine, 3, "sine:MEAN,AMPLITUDE,PERIOD"},
    {"drift", Distribution::Kind::kDrift, 3, "drift:START,STEP,SD"},
    {"stuck", Distribution::Kind::kStuck, 3, "stuck:MEAN,SD,AFTER"},
    {"failing", Distribution::Kind::kFailing, 3, "failing:MEAN,SD,SHARE"},
};
constexpr std::string_view kAllowed =
    "normal:MEAN,SD, uniform:MIN,MAX, sine:MEAN,AMPLITUDE,PERIOD, drift:START,STEP,SD, "
    "stuck:MEAN,SD,AFTER or failing:MEAN,SD,SHARE";

/// Three numbers of a reading's own: two for its value, one for its fate.
struct Draws {
  Draws(std::uint64_t seed, std::int64_t producer, std::int64_t sequence)
      : random(mix_bits(seed ^ mix_bits(static_cast<std::uint64_t>(producer))),
               3 * static_cast<std::uint64_t>(sequence)) {}
  Random random;

  /// Box and Muller (1958); the first number is never 0.
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - random.unit()));
    return radius * std::cos(2 * std::numbers::pi * random.unit());
  }
};

}  // namespace

double Distribution::at(std::uint64_t seed, std::int64_t producer, std::int64_t sequence) const {
  Draws draws(seed, producer, sequence);
  switch (kind_) {
    case Kind::kNormal:
      return a_ + b_ * draws.normal();
    case Kind::kUniform:
      return a_ + (b_ - a_) * draws.random.unit();
    case Kind::kSine: {
      const double phase = Draws(seed, producer, 0).random.unit();
      const double turns = static_cast<double>(sequence) / c_ + phase;
      return a_ + b_ * std::sin(2 * std::numbers::pi * turns);
    }
    case Kind::kDrift:
      return a_ + b_ * static_cast<double>(sequence) + c_ * draws.normal();
    case Kind::kStuck: {
      const auto after = static_cast<std::int64_t>(c_);
      return a_ + b_ * Draws(seed, producer, std::min(sequence, after)).normal();
    }
    case Kind::kFailing: {
      const double value = a_ + b_ * draws.normal();
      return draws.random.unit() < c_ ? kFault : value;
    }
  }
  return 0;
}

std::string Distribution::to_string() const {
  for (const Shape& shape : kShapes)
    if (shape.kind == kind_)
      return shape.parameters == 2 ? fmt::format("{}:{},{}", shape.name, a_, b_)
                                   : fmt::format("{}:{},{},{}", shape.name, a_, b_, c_);
  return "";
}

Result<Distribution> parse_distribution(std::string_view text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  for (const Shape& shape : kShapes) {
    if (text.substr(0, colon) != shape.name) continue;
    std::vector<double> numbers;
    for (std::string_view rest = text.substr(colon); !rest.empty();) {
      rest.remove_prefix(1);  // the colon, or a comma
      const std::string_view each = rest.substr(0, rest.find(','));
      double number = 0;
      const auto [end, wrong] = std::from_chars(each.data(), each.data() + each.size(), number);
      if (wrong != std::errc() || end != each.data() + each.size() || !std::isfinite(number))
        return wrong_use(fmt::format("'{}' is not a number", each), std::string(shape.usage));
      numbers.push_back(number);
      rest.remove_prefix(each.size());
    }
    if (numbers.size() != shape.parameters)
      return wrong_use(fmt::format("'{}' has {} numbers", text, numbers.size()),
                       std::string(shape.usage));
    numbers.resize(3);
    const auto [a, b, c] = std::tuple(numbers[0], numbers[1], numbers[2]);
    using Kind = Distribution::Kind;
    const bool has_sd =
        shape.kind == Kind::kNormal || shape.kind == Kind::kStuck || shape.kind == Kind::kFailing;
    if (has_sd && b < 0)
      return wrong_use("a standard deviation is not negative", std::string(shape.usage));
    if (shape.kind == Kind::kDrift && c < 0)
      return wrong_use("a standard deviation is not negative", std::string(shape.usage));
    if (shape.kind == Kind::kUniform && a >= b)
      return wrong_use(fmt::format("{} is not below {}", a, b), std::string(shape.usage));
    if (shape.kind == Kind::kSine && c <= 0)
      return wrong_use("the period is not above 0", std::string(shape.usage));
    if (shape.kind == Kind::kStuck && (c < 0 || c > 1e15 || c != std::floor(c)))
      return wrong_use(fmt::format("{} is no reading's number", c), std::string(shape.usage));
    if (shape.kind == Kind::kFailing && (c < 0 || c > 1))
      return wrong_use(fmt::format("{} is no share, 0 to 1", c), std::string(shape.usage));
    return Distribution(shape.kind, a, b, c);
  }
  return wrong_use(fmt::format("'{}' is not a distribution", text), std::string(kAllowed));
}

}  // namespace ds
