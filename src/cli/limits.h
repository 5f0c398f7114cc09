// --limit "p99<20ms" --limit lost=0: what must hold for exit code 0.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/settings.h"

namespace ds::cli {

struct Limit {
  std::string text;  // as it was given
  std::string figure;
  enum class Relation { kBelow, kAtMost, kAbove, kAtLeast, kEqual } relation = Relation::kEqual;
  double bound = 0;  // durations in nanoseconds
};

Result<Limit> parse_limit(std::string_view text);
/// A limit on none of `figures` is wrong use; without figures any name will do.
std::vector<Limit> read_limits(Reader& read, std::span<const std::string_view> figures = {});
bool holds(const Limit& limit, double value);
/// Nothing when it holds; else by what it was missed.
std::optional<std::string> missed(const Limit& limit, const std::map<std::string, double>& figures);

/// Says on standard error which limits were missed, and by what; true when all hold. A limit on a
/// figure that is not there is missed.
bool report_limits(const std::vector<Limit>& limits, const std::map<std::string, double>& figures);

}  // namespace ds::cli
