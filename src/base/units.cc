#include "base/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

namespace ds {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

Error not_a(std::string_view what, std::string_view text, std::string_view allowed) {
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("'{}' is not {}", text, what),
               .hint = std::string(allowed)};
}

/// A non-negative decimal with one of the units behind it.
template <std::size_t N>
Result<double> parse_with_unit(std::string_view text, const std::array<Unit, N>& units,
                               std::string_view what, std::string_view allowed) {
  double number = 0;
  const auto [end, wrong] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (wrong != std::errc() || !(number >= 0) || !std::isfinite(number))
    return not_a(what, text, allowed);
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  for (const Unit& each : units)
    if (each.name == unit) return number * each.factor;
  return not_a(what, text, allowed);
}

constexpr std::string_view kQuantityAllowed = "a number such as 250, 100k, 2.5M or 1G";

}  // namespace

Result<double> parse_quantity(std::string_view text) {
  static constexpr std::array<Unit, 6> kUnits{
      {{"", 1}, {"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"B", 1e9}}};
  return parse_with_unit(text, kUnits, "a quantity", kQuantityAllowed);
}

Result<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t whole = 0;  // exact up to 64 bits, where a double is not
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (wrong == std::errc() && end == text.data() + text.size()) return whole;
  auto quantity = parse_quantity(text);
  if (!quantity || *quantity != std::floor(*quantity) || *quantity > 0x1p62)
    return not_a("a whole number", text, "a whole number such as 250, 100k or 50M");
  return static_cast<std::uint64_t>(*quantity);
}

Result<Nanos> parse_duration(std::string_view text) {
  static constexpr std::array<Unit, 8> kUnits{{{"", 1e9},
                                               {"ns", 1},
                                               {"us", 1e3},
                                               {"ms", 1e6},
                                               {"s", 1e9},
                                               {"m", 60e9},
                                               {"h", 3600e9},
                                               {"d", 86400e9}}};
  auto nanos =
      parse_with_unit(text, kUnits, "a duration", "a duration such as 500ms, 10s, 5m or 2h");
  if (!nanos) return std::move(nanos).error();
  if (*nanos > 0x1p62) return not_a("a duration", text, "at most 146 years");
  return static_cast<Nanos>(std::llround(*nanos));
}

Result<std::uint64_t> parse_size(std::string_view text) {
  static constexpr std::array<Unit, 12> kUnits{{{"", 1},
                                                {"B", 1},
                                                {"KiB", 0x1p10},
                                                {"MiB", 0x1p20},
                                                {"GiB", 0x1p30},
                                                {"TiB", 0x1p40},
                                                {"KB", 1e3},
                                                {"MB", 1e6},
                                                {"GB", 1e9},
                                                {"K", 0x1p10},
                                                {"M", 0x1p20},
                                                {"G", 0x1p30}}};
  auto bytes =
      parse_with_unit(text, kUnits, "a size", "a size such as 65536, 64KiB, 16MiB or 1GiB");
  if (!bytes) return std::move(bytes).error();
  if (*bytes > 0x1p62) return not_a("a size", text, "at most 4096 PiB");
  return static_cast<std::uint64_t>(*bytes);
}

std::string with_commas(std::uint64_t value) {
  std::string digits = std::to_string(value);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

std::string hours_minutes_seconds(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::max(0.0, seconds));
  return fmt::format("{:02}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string human_bytes(double bytes) {
  static constexpr std::array<std::string_view, 5> kNames{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < kNames.size(); ++unit) bytes /= 1024;
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, kNames[unit]);
}

}  // namespace ds
