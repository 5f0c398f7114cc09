#include "observe/flux_history.h"

#include <fmt/format.h>

#include <map>

#include "base/whole_number.h"

namespace ds {
std::string FluxHistory::question(const HistorySpan& span, const std::string& brand) const {
  const auto instant = [](std::int64_t ms) { return fmt::format("time(v: {})", ms * 1'000'000); };
  const std::string of_brand =
      brand.empty() ? "" : fmt::format(" and r.brand == {}", flux_text(brand));
  return fmt::format(
      R"(from(bucket: {})
  |> range(start: {}, stop: {})
  |> filter(fn: (r) => r._measurement == "tweets" and r._field == "count"{})
  |> group(columns: ["sentiment"])
  |> aggregateWindow(every: {}ms, fn: sum, createEmpty: false, timeSrc: "_start")
  |> map(fn: (r) => ({{sentiment: r.sentiment, t: int(v: r._time) / 1000000, count: r._value}}))
)",
      flux_text(bucket_), instant(span.from_ms), instant(span.to_ms), of_brand, span.step_ms);
}

Result<HistoryColumns> FluxHistory::read(const HistorySpan& span, const std::string& brand) const {
  constexpr std::string_view kColumns[] = {"sentiment", "t", "count"};
  std::map<std::int64_t, Shares> steps;
  const auto asked = ask_flux(server_, question(span, brand), kColumns, [&](auto cells) {
    const auto t = whole_number<std::int64_t>(cells[1]);
    const auto count = whole_number<std::int64_t>(cells[2]);
    if (!t || !count) return false;
    Shares& shares = steps[*t];
    (cells[0] == "positive"   ? shares.positive
     : cells[0] == "negative" ? shares.negative
                              : shares.neutral) += static_cast<std::uint64_t>(*count);
    return true;
  });
  if (!asked) return asked.error();
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
