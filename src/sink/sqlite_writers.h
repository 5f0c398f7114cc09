// How rows get into SQLite fast: the statements behind the sink, one class for each table. What
// returns bool is false when SQLite refused; then the database's error() says why.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/interval_set.h"
#include "kafka/client/source.h"
#include "kafka/wire/record_batch.h"
#include "record/avro_tweet.h"
#include "record/identity.h"
#include "record/mix.h"
#include "record/reading.h"
#include "sink/rollup_count.h"
#include "sink/sqlite.h"

namespace ds {

/// Rows of `tweets`, many to a statement, bound without a copy. Topic and partition are the same
/// two parameters for all rows of a statement.
/// Lifetime: what was added must stay where it is until flush().
class TweetRows {
 public:
  static constexpr int kRows = 64;
  static Result<TweetRows> make(sqlite::Database& db);

  /// The rows that follow come from there.
  bool begin(const kafka::TopicPartition& from);
  bool add(std::int64_t offset, const TweetView& tweet) {
    pending_[static_cast<std::size_t>(count_)] = {offset, tweet};
    return ++count_ < kRows || insert(many_, kRows);
  }
  bool flush();
  void drop() { count_ = 0; }

 private:
  static constexpr int kShared = 2, kOwn = 6;
  struct Row {
    std::int64_t offset = 0;
    TweetView tweet;
  };
  TweetRows(sqlite::Database& db, sqlite::Statement many, sqlite::Statement one)
      : db_(&db), many_(std::move(many)), one_(std::move(one)) {}
  /// Inserts all pending rows, `rows` at a time.
  bool insert(sqlite::Statement& statement, int rows);

  sqlite::Database* db_;
  sqlite::Statement many_, one_;
  kafka::TopicPartition from_;
  std::array<Row, kRows> pending_;
  int count_ = 0;
};

/// Rows of `readings`, many to a statement. What repeats is bound once, as in TweetRows.
class ReadingRows {
 public:
  static constexpr int kRows = 64;
  static Result<ReadingRows> make(sqlite::Database& db);

  /// The rows that follow come from there, and are stored at `wall_ms`.
  bool begin(const kafka::TopicPartition& from, std::int64_t wall_ms);
  bool add(std::int64_t offset, std::int64_t timestamp_kafka, const Reading& reading) {
    pending_[static_cast<std::size_t>(count_)] = {offset, timestamp_kafka, reading};
    return ++count_ < kRows || insert(many_, kRows);
  }
  bool flush() { return insert(one_, 1); }
  void drop() { count_ = 0; }

 private:
  static constexpr int kShared = 3, kOwn = 6;
  struct Row {
    std::int64_t offset = 0;
    std::int64_t timestamp_kafka = 0;
    Reading reading;
  };
  ReadingRows(sqlite::Database& db, sqlite::Statement many, sqlite::Statement one)
      : db_(&db), many_(std::move(many)), one_(std::move(one)) {}
  bool insert(sqlite::Statement& statement, int rows);

  sqlite::Database* db_;
  sqlite::Statement many_, one_;
  std::array<Row, kRows> pending_;
  int count_ = 0;
};

/// Rows of `records`: payloads that are neither tweets nor readings, by the identity that they
/// carry.
/// Lifetime: what was added must stay where it is until flush().
class RecordRows {
 public:
  static constexpr int kRows = 32;
  static Result<RecordRows> make(sqlite::Database& db);

  bool begin(const kafka::TopicPartition& from);
  bool add(std::int64_t offset, const kafka::RecordView& record, const RecordId& id) {
    pending_[static_cast<std::size_t>(count_)] = {offset, record.timestamp, id, record.key,
                                                  record.value};
    return ++count_ < kRows || insert(many_, kRows);
  }
  bool flush() { return insert(one_, 1); }
  void drop() { count_ = 0; }

 private:
  static constexpr int kShared = 2, kOwn = 8;
  struct Row {
    std::int64_t offset = 0, timestamp = 0;
    RecordId id;
    std::optional<ByteView> key, value;
  };
  RecordRows(sqlite::Database& db, sqlite::Statement many, sqlite::Statement one)
      : db_(&db), many_(std::move(many)), one_(std::move(one)) {}
  bool insert(sqlite::Statement& statement, int rows);

  sqlite::Database* db_;
  sqlite::Statement many_, one_;
  kafka::TopicPartition from_;
  std::array<Row, kRows> pending_;
  int count_ = 0;
};

/// Rows of `rollups`: the counts of one record batch.
class RollupRows {
 public:
  static Result<RollupRows> make(sqlite::Database& db);

  bool add(const kafka::TopicPartition& from, std::int64_t offset, std::int64_t timestamp,
           std::string_view brand, Sentiment sentiment) {
    if (!count_.takes(timestamp) && !end_batch(from)) return false;
    count_.add({offset, offset}, timestamp, brand, sentiment);
    return true;
  }
  bool end_batch(const kafka::TopicPartition& from);
  void drop() { count_.clear(); }

 private:
  RollupRows(sqlite::Database& db, sqlite::Statement insert)
      : db_(&db), insert_(std::move(insert)) {}

  sqlite::Database* db_;
  sqlite::Statement insert_;
  RollupCount count_;
};

/// Rows of `accounted`: which records are stored without a row of their own. Neighbouring ranges
/// grow together, so the table stays as small as the gaps are few.
class AccountedRows {
 public:
  static Result<AccountedRows> make(sqlite::Database& db);

  bool add(const RecordId& id) {
    if (open_ && id.run == run_ && id.stream == stream_ && id.sequence == range_.end) {
      ++range_.end;
      return true;
    }
    return start_range(id);
  }
  /// The record after the one added last, of the same stream; false when no range is open.
  bool add_next() {
    range_.end += open_ ? 1u : 0u;
    return open_;
  }
  bool flush();
  void drop() { open_ = false; }

 private:
  AccountedRows(sqlite::Database& db, sqlite::Statement grow, sqlite::Statement insert)
      : db_(&db), grow_(std::move(grow)), insert_(std::move(insert)) {}
  bool start_range(const RecordId& id);

  sqlite::Database* db_;
  sqlite::Statement grow_, insert_;
  bool open_ = false;
  std::uint64_t run_ = 0;
  std::uint32_t stream_ = 0;
  Interval range_{0, 0};
};

/// Rows of `offsets`: where each partition of a cluster's topics goes on.
class OffsetRows {
 public:
  static Result<OffsetRows> make(sqlite::Database& db);

  Result<std::map<kafka::TopicPartition, std::int64_t>> read(const LogName& log);
  /// Moves from the expected value (none: there must be no row); false when it is not that.
  Result<bool> move(const LogName& log, const kafka::TopicPartition& partition,
                    std::optional<std::int64_t> expected, std::int64_t next);

 private:
  OffsetRows(sqlite::Database& db, sqlite::Statement read, sqlite::Statement insert,
             sqlite::Statement update)
      : db_(&db), read_(std::move(read)), insert_(std::move(insert)), update_(std::move(update)) {}

  sqlite::Database* db_;
  sqlite::Statement read_, insert_, update_;
};

}  // namespace ds
