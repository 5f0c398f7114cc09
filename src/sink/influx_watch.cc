#include "sink/influx_watch.h"

#include <fmt/format.h>

#include "base/whole_number.h"
#include "ledger/read_tweets.h"

namespace ds {
namespace {

constexpr Nanos kPauseLeast = kSecond;
constexpr int kPauseShare = 4;  // times what the answer took

/// Counts of every record, whichever way it is stored; the clocks of those who wrote may be ahead.
constexpr const char* kCounts = R"(from(bucket: {})
  |> range(start: {}, stop: 1d)
  |> filter(fn: (r) => r._measurement == "tweets" and r._field == "count")
)";
constexpr const char* kSums = R"(  |> group(columns: ["brand", "sentiment"])
  |> sum()
)";
constexpr const char* kNewest = R"(  |> last()
  |> group()
  |> sort(columns: ["_time"], desc: true)
  |> limit(n: 1)
  |> map(fn: (r) => ({t: int(v: r._time) / 1000000}))
)";

}  // namespace

Status InfluxWatch::look() {
  const Nanos begun = clock_.now();
  if (begun < ask_at_) return last_;
  last_ = add_up();
  if (last_) last_ = ask_for_the_newest();
  const Nanos took = clock_.now() - begun;
  ask_at_ = clock_.now() + std::max(kPauseLeast, kPauseShare * took);
  return last_;
}

Status InfluxWatch::add_up() {
  constexpr std::string_view kColumns[] = {"brand", "sentiment", "_value"};
  StoreSeen::ByBrand sums;
  std::uint64_t all = 0;
  const std::string question = fmt::format(kCounts, flux_text(bucket_), "0") + kSums;
  auto asked = ask_flux(server_, question, kColumns, [&](auto cells) {
    const auto count = whole_number<std::uint64_t>(cells[2]);
    if (!count) return false;
    all += *count;
    if (const auto kind = sentiment_named(cells[1]))
      sums[std::string(cells[0])][static_cast<std::size_t>(*kind)] += *count;
    return true;
  });
  if (!asked) return asked;
  seen_.stored = all;
  seen_.by_brand = std::move(sums);
  seen_.whole = true;
  return Done{};
}

Status InfluxWatch::ask_for_the_newest() {
  constexpr std::string_view kColumns[] = {"t"};
  const std::string question = fmt::format(kCounts, flux_text(bucket_), "-1d") + kNewest;
  return ask_flux(server_, question, kColumns, [&](auto cells) {
    const auto newest = whole_number<std::int64_t>(cells[0]);
    if (newest) seen_.newest_ms = *newest;
    return newest.has_value();
  });
}

}  // namespace ds
