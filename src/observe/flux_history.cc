#include "observe/flux_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

namespace ds {
namespace {

std::optional<std::int64_t> number_in(std::string_view cell) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc() || end != cell.data() + cell.size()) return std::nullopt;
  return value;
}

/// A text in Flux: as in JSON, and "${" would be an expression.
std::string quoted(const std::string& text) {
  std::string out = nlohmann::json(text).dump();
  for (std::size_t at = 0; (at = out.find("${", at)) != std::string::npos; at += 3)
    out.insert(at, 1, '\\');
  return out;
}

}  // namespace

std::string FluxHistory::question(const HistorySpan& span, const std::string& brand) const {
  const auto instant = [](std::int64_t ms) { return fmt::format("time(v: {})", ms * 1'000'000); };
  const std::string of_brand =
      brand.empty() ? "" : fmt::format(" and r.brand == {}", quoted(brand));
  return fmt::format(
      R"(from(bucket: {})
  |> range(start: {}, stop: {})
  |> filter(fn: (r) => r._measurement == "tweets" and r._field == "count"{})
  |> group(columns: ["sentiment"])
  |> aggregateWindow(every: {}ms, fn: sum, createEmpty: false, timeSrc: "_start")
  |> map(fn: (r) => ({{sentiment: r.sentiment, t: int(v: r._time) / 1000000, count: r._value}}))
)",
      quoted(bucket_), instant(span.from_ms), instant(span.to_ms), of_brand, span.step_ms);
}

Result<HistoryColumns> FluxHistory::read(const HistorySpan& span, const std::string& brand) const {
  const std::string flux = question(span, brand);
  std::map<std::int64_t, Shares> steps;
  std::vector<std::size_t> at(3);  // the columns of sentiment, t and count, by the last header
  std::string failed;
  const auto asked = ask_influx(server_, server_.flux_url(), &flux, [&](const CsvReader::Row& row) {
    constexpr std::string_view kNames[] = {"sentiment", "t", "count"};
    const auto column = [&](std::string_view name) {
      return static_cast<std::size_t>(std::ranges::find(row, name) - row.begin());
    };
    if (row.size() > 1 && row[1] == "error") return true;  // its reason is in the next row
    if (column("t") < row.size()) {
      for (std::size_t i = 0; i < 3; ++i) at[i] = column(kNames[i]);
      return true;
    }
    const std::size_t last = std::ranges::max(at);
    const auto t = last == 0 || last >= row.size() ? std::nullopt : number_in(row[at[1]]);
    const auto count = t ? number_in(row[at[2]]) : std::nullopt;
    if (!count) {
      failed = row.size() > 1 ? row[1] : row[0];
      return false;
    }
    Shares& shares = steps[*t];
    const std::string& sentiment = row[at[0]];
    (sentiment == "positive"   ? shares.positive
     : sentiment == "negative" ? shares.negative
                               : shares.neutral) += static_cast<std::uint64_t>(*count);
    return true;
  });
  if (!asked) return asked.error();
  if (!failed.empty())
    return Error{.code = ErrorCode::kProtocol,
                 .message = fmt::format("{} said: {}", server_.url, failed)};
  HistoryColumns columns{.range = std::string(span.name), .step_ms = span.step_ms};
  for (const auto& [t, shares] : steps) {
    columns.t.push_back(t);
    columns.positive.push_back(shares.positive);
    columns.negative.push_back(shares.negative);
    columns.neutral.push_back(shares.neutral);
    columns.generated.push_back(0);
    columns.stored.push_back(shares.positive + shares.negative + shares.neutral);
  }
  return columns;
}

HistoryColumns merged(const HistoryColumns& own, const HistoryColumns& store) {
  struct Step {
    std::uint64_t positive = 0, negative = 0, neutral = 0, generated = 0, stored = 0;
  };
  std::map<std::int64_t, Step> steps;
  for (std::size_t i = 0; i < own.t.size(); ++i) steps[own.t[i]].generated = own.generated[i];
  for (std::size_t i = 0; i < store.t.size(); ++i) {
    Step& step = steps[store.t[i]];
    step.positive = store.positive[i];
    step.negative = store.negative[i];
    step.neutral = store.neutral[i];
    step.stored = store.stored[i];
  }
  HistoryColumns all{.range = own.range, .step_ms = own.step_ms};
  for (const auto& [t, step] : steps) {
    all.t.push_back(t);
    all.positive.push_back(step.positive);
    all.negative.push_back(step.negative);
    all.neutral.push_back(step.neutral);
    all.generated.push_back(step.generated);
    all.stored.push_back(step.stored);
  }
  return all;
}

}  // namespace ds
