#include "storm/trace.h"

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <optional>
#include <string_view>

namespace ds {
namespace {

constexpr std::size_t kLinesMax = 1'000'000;

/// The line's numbers; nothing when a word is none.
std::optional<std::vector<double>> numbers_of(std::string_view line) {
  std::vector<double> numbers;
  constexpr std::string_view kBetween = " \t\r,;";
  for (std::size_t at = line.find_first_not_of(kBetween); at != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(kBetween, at), line.size());
    double value = 0;
    const auto [stop, error] = std::from_chars(line.data() + at, line.data() + end, value);
    if (error != std::errc() || stop != line.data() + end) return std::nullopt;
    numbers.push_back(value);
    at = line.find_first_not_of(kBetween, end);
  }
  return numbers;
}

}  // namespace

Result<std::vector<TraceStep>> read_trace(const std::string& path) {
  const auto wrong = [&](std::string why) {
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("the trace {}{}", path, why),
                 .hint = "lines of SECONDS,RATE, or of one arrival's time each"};
  };
  std::ifstream file(path);
  if (!file || (file.peek(), file.bad())) return wrong(" cannot be read");
  std::vector<TraceStep> steps;
  std::size_t columns = 0, number = 0, seen = 0;
  double since = 0, rate = 0, together = 0;  // of the line before; arrivals at one instant
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.empty() || line[0] == '#' || line == "\r") continue;
    const auto values = numbers_of(line);
    if (!values && seen == 0 && columns == 0) {
      columns = 1 + static_cast<std::size_t>(line.find_first_of(",;") != std::string::npos);
      continue;  // the columns' names
    }
    const auto refuse = [&](std::string_view why) {
      return wrong(fmt::format(":{}: {}", number, why));
    };
    if (!values || values->empty() || values->size() > 2)
      return refuse("is neither SECONDS,RATE nor a time");
    if (seen == 0) columns = values->size();
    if (values->size() != columns) return refuse("has not as many columns as the first line");
    if (++seen > kLinesMax) return refuse("a trace has at most 1000000 lines");
    const double at = (*values)[0], next_rate = columns == 2 ? (*values)[1] : 0;
    if (next_rate < 0) return refuse("its rate is negative");
    if (seen > 1 && at < since) return refuse("its time is before the one above");
    if (columns == 2) {
      if (seen > 1 && at > since) steps.push_back({at - since, rate});
      rate = next_rate;
    } else {
      if (seen > 1 && at > since) {
        steps.push_back({at - since, together / (at - since)});
        together = 0;
      }
      ++together;
    }
    since = at;
  }
  if (steps.empty()) return wrong(" has no two lines with different times");
  return steps;
}

}  // namespace ds
