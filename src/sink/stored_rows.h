// Rows of a store as a report reads them: who made a record, when it passed which stage, what it
// says. One pass, in the order of storing, in slices; nothing is kept.
//
//   auto rows = open_rows("sqlite:readings.db", mongo_url);
//   auto topics = (*rows)->topics();
//   auto read = (*rows)->read(topics->front(), [&](std::span<const StoredRow> slice) { … });
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/interval_set.h"
#include "base/result.h"
#include "ledger/claim.h"

namespace ds {

constexpr std::int64_t kNoTime = std::numeric_limits<std::int64_t>::min();

struct StoredRow {
  std::int64_t producer = 0;  // a reading's producer_id; a tweet's stream
  std::int64_t sequence = 0;
  std::int64_t made_ms = kNoTime;   // timestamp_producer
  std::int64_t kafka_ms = kNoTime;  // timestamp_kafka; a tweet's row in SQLite has none
  std::int64_t db_ms = kNoTime;     // timestamp_db; nor this
  double value = 0;                 // of readings
  std::uint64_t run = 0;            // of tweets
  bool numbered = true;             // false: whose it is cannot be read
};

/// What a store holds of one topic: readings or tweets.
struct StoredTopic {
  std::string topic;
  bool readings = true;  // else tweets
};

struct RowsRead {
  std::uint64_t rows = 0;             // given
  std::uint64_t of_other_topics = 0;  // passed over
};

/// Threads: one.
class RowReader {
 public:
  virtual ~RowReader() = default;
  /// "sqlite readings.db", without passwords.
  virtual std::string name() const = 0;
  /// Those whose rows came last first, readings before tweets. A store without an index tells the
  /// newest topic of each alone, since finding the others would take a pass of its own.
  virtual Result<std::vector<StoredTopic>> topics() = 0;
  /// The claims that the store keeps itself; empty where it keeps none.
  virtual Result<ClaimBook> claims() = 0;
  using Take = std::function<void(std::span<const StoredRow>)>;
  virtual Result<RowsRead> read(const StoredTopic& topic, const Take& take) = 0;
  /// Tweets that the store holds by their numbers alone: trimmed or rolled up.
  using TakeNumbers = std::function<void(std::uint64_t run, std::uint32_t stream, Interval)>;
  virtual Status read_numbers(const TakeNumbers& take) = 0;
};

/// "sqlite:PATH" or "mongo:URL" (MONGO_URL without one). Opens for reading alone; refuses in words
/// what is not there, or not DataStorm's.
Result<std::unique_ptr<RowReader>> open_rows(std::string_view store, const std::string& mongo_url);

Result<std::unique_ptr<RowReader>> open_sqlite_rows(const std::string& path);
Result<std::unique_ptr<RowReader>> open_mongo_rows(const std::string& url);

}  // namespace ds
