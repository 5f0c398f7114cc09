// The past, a point a second, kept in a SQLite file of its own so that a restart loses nothing.
// A range is answered in columns, thinned to at most about two thousand steps.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "observe/snapshot.h"

struct sqlite3;

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
  std::string range;
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

/// "5m", "30m", "1h", "6h" or "24h", and the step that each is drawn with.
struct HistoryRange {
  std::string_view name;
  std::int64_t length_ms;
  std::int64_t step_ms;
};
Result<HistoryRange> parse_history_range(std::string_view name);

/// Threads: one.
class History {
 public:
  /// Makes the file when it is missing; refuses one that is not DataStorm's history.
  static Result<std::unique_ptr<History>> open(const std::string& path);
  ~History();
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  /// Adds to the seconds that are there already, if they are; all of them or none.
  Status add(std::span<const HistoryPoint> points);
  /// The whole steps up to `now_ms`. With a brand, sentiments are that brand's.
  Result<HistoryColumns> read(const HistoryRange& range, std::int64_t now_ms,
                              std::string_view brand = {}) const;
  /// Forgets what is older than `before_ms`.
  Status forget(std::int64_t before_ms);

 private:
  explicit History(sqlite3* db) : db_(db) {}
  Status add_point(const HistoryPoint& point);
  Status run(const char* sql);
  sqlite3* db_;
};

}  // namespace ds
