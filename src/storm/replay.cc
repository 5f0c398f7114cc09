#include "storm/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include "base/units.h"
#include "base/wrong_use.h"
#include "record/json_field.h"

namespace ds {
namespace {

constexpr std::size_t kLinesMax = 10'000'000;
constexpr double kLongest = 100.0 * 365 * 86400 * 1e9;

/// The digits in front, exactly `count` of them; nothing when they are not there.
std::optional<int> take_digits(std::string_view& text, std::size_t count) {
  int value = 0;
  if (text.size() < count) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + count, value);
  if (error != std::errc() || end != text.data() + count || text[0] == '-') return std::nullopt;
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

Nanos take_fraction(std::string_view& text) {
  Nanos nanos = 0, unit = kSecond / 10;
  for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; text.remove_prefix(1), unit /= 10)
    nanos += (text[0] - '0') * unit;
  return nanos;
}

struct Unit {
  std::string_view name;
  double nanos;
};
constexpr Unit kUnits[] = {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}};

/// As clocks since 1970 count, between 1973 and 5138.
double unit_of(double first) {
  const double size = std::abs(first);
  return size >= 1e17 ? 1 : size >= 1e14 ? 1e3 : size >= 1e11 ? 1e6 : 1e9;
}

struct How {
  std::string field;
  std::optional<double> unit = {};  // in nanoseconds
  double speed = 1;
};

Result<How> parse_how(std::string_view text) {
  How how;
  for (std::size_t at = text.find_first_not_of(' '); at != std::string_view::npos;) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string_view word = text.substr(at, end - at);
    at = text.find_first_not_of(' ', end);
    if (how.field.empty()) {
      how.field = word;
      continue;
    }
    const Unit* unit = std::ranges::find(kUnits, word, &Unit::name);
    const auto speed = word.starts_with('x') ? parse_quantity(word.substr(1)) : Result<double>(0.0);
    if (unit != std::end(kUnits))
      how.unit = unit->nanos;
    else if (speed && *speed > 0)
      how.speed = *speed;
    else
      return wrong_use(fmt::format("'{}' says neither a unit nor a speed", word),
                       "\"timestamp\", \"timestamp ms x2\", \"first-word x0.5\"");
  }
  if (how.field.empty()) return wrong_use("no field is named");
  return how;
}

/// One file's times, line by line.
class Reader {
 public:
  explicit Reader(const How& how) : how_(how) {}

  /// Nanoseconds, from wherever; or why it has none.
  Result<double> time_of(std::string_view line) {
    const bool first_word = how_.field == "first-word";
    const std::optional<std::string_view> text =
        first_word ? std::optional(line) : field_.read(as_bytes(line), how_.field);
    if (!text) return wrong_use(fmt::format("there is no field '{}' in this line", how_.field));
    if (const auto iso = parse_iso(*text, first_word)) return static_cast<double>(*iso);
    const std::string_view word =
        first_word ? text->substr(0, text->find_first_of(" \t,;")) : *text;
    double value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size() || !std::isfinite(value))
      return wrong_use(fmt::format("'{}' is no time", word.substr(0, 40)));
    if (!unit_) unit_ = how_.unit.value_or(unit_of(value));
    if (!zero_) zero_ = value;
    return (value - *zero_) * *unit_;  // near 0, where a double is exact
  }

 private:
  /// A date and a time may be two words, and a comma may begin the fraction or end the word.
  std::optional<Nanos> parse_iso(std::string_view text, bool first_word) {
    if (!first_word) return since_first(parse_iso_time(text));
    for (const std::string_view between : {" \t;", " \t,;"}) {
      const std::size_t one = std::min(text.find_first_of(between), text.size());
      const std::size_t two = text.find_first_of(between, one + 1);
      for (const std::size_t end : {one, two})
        if (const auto at = since_first(parse_iso_time(text.substr(0, end)))) return at;
    }
    return std::nullopt;
  }
  std::optional<Nanos> since_first(std::optional<Nanos> at) {
    if (!at) return at;
    if (!iso_zero_) iso_zero_ = at;
    return *at - *iso_zero_;
  }

  const How& how_;
  JsonField field_;
  std::optional<double> unit_, zero_;
  std::optional<Nanos> iso_zero_;
};

}  // namespace

std::optional<Nanos> parse_iso_time(std::string_view text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day || !take(text, "T t_")) return std::nullopt;
  const auto hour = take_digits(text, 2);
  if (!hour || !take(text, ":")) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute) return std::nullopt;
  std::optional<int> second = 0;
  Nanos fraction = 0;
  if (take(text, ":")) {
    second = take_digits(text, 2);
    if (second && take(text, ".,")) fraction = take_fraction(text);
  }
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok() || *hour > 24 || *minute > 59 || !second || *second > 60) return std::nullopt;
  Nanos zone = 0;
  if (!take(text, "Zz") && !text.empty()) {
    const bool west = text[0] == '-';
    if (!take(text, "+-")) return std::nullopt;
    const auto hours = take_digits(text, 2);
    take(text, ":");
    const auto minutes = text.empty() ? std::optional(0) : take_digits(text, 2);
    if (!hours || !minutes) return std::nullopt;
    zone = (*hours * 3600 + *minutes * 60) * kSecond * (west ? -1 : 1);
  }
  if (!text.empty()) return std::nullopt;
  const Nanos days = std::chrono::sys_days(date).time_since_epoch().count();
  return (days * 86400 + *hour * 3600 + *minute * 60 + *second) * kSecond + fraction - zone;
}

Result<Schedule> read_replay(const std::string& path, std::string_view text) {
  const auto how = parse_how(text);
  if (!how) return how.error();
  std::ifstream file(path);
  if (!file || (file.peek(), file.bad())) return wrong_use(fmt::format("{} cannot be read", path));
  Reader reader(*how);
  std::vector<Nanos> instants;
  double latest = 0;
  std::size_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;  // as the payload does
    const auto at = reader.time_of(line);
    if (!at) return wrong_use(fmt::format("{}:{}: {}", path, number, at.error().message));
    latest = std::max(latest, *at / how->speed);
    if (latest > kLongest)
      return wrong_use(fmt::format("{}:{}: it would last longer than a century", path, number),
                       "name the times' unit: s, ms, us or ns");
    if (instants.size() == kLinesMax)
      return wrong_use(fmt::format("{} has more than {} lines", path, kLinesMax));
    instants.push_back(static_cast<Nanos>(std::llround(latest)));
  }
  if (instants.empty()) return wrong_use(fmt::format("{} has no line", path));
  return Schedule::recorded(std::move(instants));
}

}  // namespace ds
