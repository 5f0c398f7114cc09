#include "cli/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/units.h"

namespace ds::cli {

Result<Limit> parse_limit(std::string_view text) {
  const auto refuse = [&] {
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("'{}' is not a limit", text),
                 .hint = "FIGURE<VALUE, <=, >, >= or =, as in p99<20ms, lost=0 or rate>=1M"};
  };
  const std::size_t at = text.find_first_of("<>=");
  if (at == std::string_view::npos || at == 0) return refuse();
  const bool wide = text[at] != '=' && at + 1 < text.size() && text[at + 1] == '=';
  Limit limit{.text = std::string(text), .figure = std::string(text.substr(0, at))};
  using enum Limit::Relation;
  limit.relation = text[at] == '<'   ? (wide ? kAtMost : kBelow)
                   : text[at] == '>' ? (wide ? kAtLeast : kAbove)
                                     : kEqual;
  const std::string_view value = text.substr(at + (wide ? 2 : 1));
  if (const auto quantity = parse_quantity(value)) {
    limit.bound = *quantity;
  } else if (const auto duration = parse_duration(value)) {
    limit.bound = static_cast<double>(*duration);
  } else {
    return refuse();
  }
  return limit;
}

std::vector<Limit> read_limits(Reader& read, std::span<const std::string_view> figures) {
  std::vector<Limit> limits;
  for (const std::string& text : read.list("limit")) {
    auto limit = parse_limit(text);
    if (!limit)
      read.wrong("limit", limit.error());
    else if (!figures.empty() && std::ranges::find(figures, limit->figure) == figures.end())
      read.wrong("limit", Error{.code = ErrorCode::kUsage,
                                .message = fmt::format("there is no figure '{}'", limit->figure),
                                .hint = fmt::format("{}", fmt::join(figures, ", "))});
    else
      limits.push_back(std::move(*limit));
  }
  return limits;
}

bool holds(const Limit& limit, double value) {
  switch (limit.relation) {
    case Limit::Relation::kBelow:
      return value < limit.bound;
    case Limit::Relation::kAtMost:
      return value <= limit.bound;
    case Limit::Relation::kAbove:
      return value > limit.bound;
    case Limit::Relation::kAtLeast:
      return value >= limit.bound;
    case Limit::Relation::kEqual:
      return value == limit.bound;
  }
  return false;
}

std::optional<std::string> missed(const Limit& limit,
                                  const std::map<std::string, double>& figures) {
  const auto figure = figures.find(limit.figure);
  if (figure == figures.end()) return fmt::format("there is no figure '{}' here", limit.figure);
  if (!holds(limit, figure->second)) return fmt::format("it was {}", figure->second);
  return std::nullopt;
}

bool report_limits(const std::vector<Limit>& limits, const std::map<std::string, double>& figures) {
  bool all = true;
  for (const Limit& limit : limits)
    if (const auto why = missed(limit, figures)) {
      fmt::print(stderr, "datastorm: limit missed: {} ({})\n", limit.text, *why);
      all = false;
    }
  return all;
}

}  // namespace ds::cli
