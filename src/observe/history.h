// The past, kept in a SQLite file of its own so that a restart loses nothing: a point a second,
// rolled up at once into steps of 10 s, 1 min and 10 min, each kept for longer than the finer one.
// A range is read from the finest level that answers it in at most about two thousand steps, so a
// day and a week cost what five minutes cost. Alerts are kept beside it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "observe/alerts.h"
#include "observe/snapshot.h"
#include "sink/sqlite.h"

namespace ds {

/// What happened in one second.
struct HistoryPoint {
  std::int64_t t = 0;  // ms, the second's begin
  Shares sentiment;    // stored
  std::uint64_t generated = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t stored = 0;
  std::uint64_t lag = 0;
  std::map<std::string, Shares, std::less<>> by_brand;  // those that stored something; kept only

  static void fields(auto& self, auto& io) {
    io("t", self.t);
    Shares::fields(self.sentiment, io);
    io("generated", self.generated);
    io("acknowledged", self.acknowledged);
    io("stored", self.stored);
    io("lag", self.lag);
  }
};

struct HistoryColumns {
  std::string range;  // its name; empty when it was asked for by instants
  std::int64_t step_ms = 1000;
  std::vector<std::int64_t> t;
  std::vector<std::uint64_t> positive, negative, neutral, generated, stored;

  static void fields(auto& self, auto& io) {
    io("range", self.range);
    io("stepMs", self.step_ms);
    io("t", self.t);
    io("positive", self.positive);
    io("negative", self.negative);
    io("neutral", self.neutral);
    io("generated", self.generated);
    io("stored", self.stored);
  }
};

/// A part of the past, and the step that it is told in.
struct HistorySpan {
  std::string_view name;
  std::int64_t from_ms;
  std::int64_t to_ms;
  std::int64_t step_ms;
};
/// "5m", "30m", "1h", "6h", "24h" or "7d": the whole steps up to `now_ms`.
Result<HistorySpan> named_span(std::string_view name, std::int64_t now_ms);
/// Between two instants, in the finest step that is still kept and makes at most 2,000 of it.
Result<HistorySpan> span_between(std::int64_t from_ms, std::int64_t to_ms, std::int64_t now_ms);

/// Threads: one.
class History {
 public:
  /// Brands beyond these are summed up under "(other)": a topic may hold any number.
  static constexpr std::size_t kBrandsMax = 64;

  /// Makes the file when it is missing; refuses one that is not DataStorm's history.
  static Result<std::unique_ptr<History>> open(const std::string& path);

  /// Adds to the steps that are there already, if they are; all of them or none.
  Status add(std::span<const HistoryPoint> points);
  /// With a brand, sentiments are that brand's.
  Result<HistoryColumns> read(const HistorySpan& span, std::string_view brand = {});
  /// Forgets what its level no longer keeps.
  Status forget(std::int64_t now_ms);

  Status add_alert(const Alert& alert);
  /// The last `most`, the newest last.
  Result<std::vector<Alert>> alerts(std::size_t most);

 private:
  explicit History(sqlite::Database db) : db_(std::move(db)) {}
  Status make();
  Status take_over_first_format();
  Status learn_brands();
  Result<std::int64_t> number_of(const std::string& brand);
  Status add_counts(std::int64_t brand, const HistoryPoint& point, const Shares& counts,
                    bool whole);
  Error error(std::string_view what) const;

  sqlite::Database db_;
  sqlite::Statement upsert_;
  std::map<std::string, std::int64_t, std::less<>> brands_;
};

}  // namespace ds
