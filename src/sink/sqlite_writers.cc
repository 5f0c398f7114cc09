#include "sink/sqlite_writers.h"

#include <utility>

#include "base/utf8.h"
#include "record/content_hash.h"

namespace ds {
namespace {

std::string insert_many(std::string_view table, int rows, int shared, int own) {
  std::string sql = fmt::format("insert into {} values", table);
  for (int row = 0; row < rows; ++row) {
    sql += row == 0 ? "(?1,?2" : ",(?1,?2";
    for (int i = 1; i <= own; ++i) sql += fmt::format(",?{}", shared + row * own + i);
    sql += ')';
  }
  return sql;
}

}  // namespace

Result<TweetRows> TweetRows::make(sqlite::Database& db) {
  auto many = db.prepare(insert_many("tweets", kRows, kShared, kOwn));
  if (!many) return std::move(many).error();
  auto one = db.prepare(insert_many("tweets", 1, kShared, kOwn));
  if (!one) return std::move(one).error();
  return TweetRows(db, std::move(many).value(), std::move(one).value());
}

bool TweetRows::begin(const kafka::TopicPartition& from) {
  if (from == from_) return true;
  if (!flush()) return false;
  from_ = from;
  for (sqlite::Statement* statement : {&many_, &one_})
    statement->bind(1, from_.topic).bind(2, from_.partition);
  return true;
}

bool TweetRows::insert(sqlite::Statement& statement, int rows) {
  const int count = std::exchange(count_, 0);
  for (int i = 0; i < count;) {
    int at = kShared;
    for (const int end = i + rows; i < end; ++i, at += kOwn) {
      const auto& [offset, tweet] = pending_[static_cast<std::size_t>(i)];
      statement.bind(at + 1, offset).bind(at + 2, tweet.tweet_id).bind(at + 3, tweet.timestamp);
      statement.bind(at + 4, tweet.text).bind(at + 5, tweet.brand).bind(at + 6, tweet.sentiment);
    }
    if (!db_->run(statement)) return false;
  }
  return true;
}

bool TweetRows::flush() {
  return insert(one_, 1);
}

Result<ReadingRows> ReadingRows::make(sqlite::Database& db) {
  const auto sql = [](int rows) {
    std::string text = "insert into readings values";
    for (int row = 0, at = kShared; row < rows; ++row, at += kOwn)
      text += fmt::format("{}(?1,?2,?{},?{},?3,?{},?{},?{},?{})", row == 0 ? "" : ",", at + 1,
                          at + 2, at + 3, at + 4, at + 5, at + 6);
    return text;
  };
  auto many = db.prepare(sql(kRows));
  if (!many) return std::move(many).error();
  auto one = db.prepare(sql(1));
  if (!one) return std::move(one).error();
  return ReadingRows(db, std::move(many).value(), std::move(one).value());
}

bool ReadingRows::begin(const kafka::TopicPartition& from, std::int64_t wall_ms) {
  if (!flush()) return false;
  for (sqlite::Statement* statement : {&many_, &one_})
    statement->bind(1, from.topic).bind(2, from.partition).bind(3, wall_ms);
  return true;
}

bool ReadingRows::insert(sqlite::Statement& statement, int rows) {
  const int count = std::exchange(count_, 0);
  for (int i = 0; i < count;) {
    int at = kShared;
    for (const int end = i + rows; i < end; ++i, at += kOwn) {
      const auto& [offset, timestamp_kafka, reading] = pending_[static_cast<std::size_t>(i)];
      statement.bind(at + 1, offset).bind(at + 2, timestamp_kafka).bind(at + 3, reading.data);
      statement.bind(at + 4, reading.timestamp_producer).bind(at + 5, reading.producer_id);
      statement.bind(at + 6, reading.sequence);
    }
    if (!db_->run(statement)) return false;
  }
  return true;
}

Result<RecordRows> RecordRows::make(sqlite::Database& db) {
  auto many = db.prepare(insert_many("records", kRows, kShared, kOwn));
  if (!many) return std::move(many).error();
  auto one = db.prepare(insert_many("records", 1, kShared, kOwn));
  if (!one) return std::move(one).error();
  return RecordRows(db, std::move(many).value(), std::move(one).value());
}

bool RecordRows::begin(const kafka::TopicPartition& from) {
  if (from == from_) return true;
  if (!flush()) return false;
  from_ = from;
  for (sqlite::Statement* statement : {&many_, &one_})
    statement->bind(1, from_.topic).bind(2, from_.partition);
  return true;
}

bool RecordRows::insert(sqlite::Statement& statement, int rows) {
  // Text as text, so that people can read it; the bytes are the same.
  const auto bind = [&](int at, const std::optional<ByteView>& bytes) {
    if (!bytes)
      statement.bind_null(at);
    else if (is_utf8(as_text(*bytes)) && as_text(*bytes).find('\0') == std::string_view::npos)
      statement.bind(at, as_text(*bytes));
    else
      statement.bind(at, *bytes);
  };
  const int count = std::exchange(count_, 0);
  for (int i = 0; i < count;) {
    int at = kShared;
    for (const int end = i + rows; i < end; ++i, at += kOwn) {
      const Row& row = pending_[static_cast<std::size_t>(i)];
      const std::uint64_t content = content_hash(row.value.value_or(ByteView{}));
      statement.bind(at + 1, row.offset).bind(at + 2, row.timestamp);
      statement.bind(at + 3, row.id.run).bind(at + 4, row.id.stream).bind(at + 5, row.id.sequence);
      bind(at + 6, row.key);
      statement.bind(at + 7, static_cast<std::int64_t>(content));
      bind(at + 8, row.value);
    }
    if (!db_->run(statement)) return false;
  }
  return true;
}

Result<RollupRows> RollupRows::make(sqlite::Database& db) {
  auto insert = db.prepare("insert into rollups values(?1,?2,?3,?4,?5,?6,?7,?8)");
  if (!insert) return std::move(insert).error();
  return RollupRows(db, std::move(insert).value());
}

bool RollupRows::end_batch(const kafka::TopicPartition& from) {
  if (count_.empty()) return true;
  insert_.bind(1, from.topic).bind(2, from.partition).bind(3, count_.first().place);
  insert_.bind(4, count_.last().place).bind(5, count_.second_ms());
  const bool stored =
      count_.each([this](std::uint32_t brand, Sentiment sentiment, std::uint64_t count) {
        insert_.bind(6, count_.brand(brand));
        insert_.bind(7, kSentimentNames[static_cast<std::size_t>(sentiment)]).bind(8, count);
        return db_->run(insert_);
      });
  if (stored) count_.clear();
  return stored;
}

Result<AccountedRows> AccountedRows::make(sqlite::Database& db) {
  auto grow = db.prepare(
      "update accounted set last_sequence = ?4 - 1, rows = rows + ?4 - ?3 where rowid ="
      " (select rowid from accounted where run = ?1 and stream = ?2 and last_sequence = ?3 - 1"
      "  limit 1)");
  if (!grow) return std::move(grow).error();
  auto insert = db.prepare("insert into accounted values(?1, ?2, ?3, ?4 - 1, ?4 - ?3)");
  if (!insert) return std::move(insert).error();
  return AccountedRows(db, std::move(grow).value(), std::move(insert).value());
}

bool AccountedRows::start_range(const RecordId& id) {
  if (!flush()) return false;
  open_ = true;
  run_ = id.run;
  stream_ = id.stream;
  range_ = {id.sequence, id.sequence + 1};
  return true;
}

bool AccountedRows::flush() {
  if (!std::exchange(open_, false)) return true;
  for (sqlite::Statement* statement : {&grow_, &insert_}) {
    statement->bind(1, run_).bind(2, stream_).bind(3, range_.begin).bind(4, range_.end);
    if (!db_->run(*statement)) return false;
    if (db_->changes() == 1) break;
  }
  return true;
}

Result<OffsetRows> OffsetRows::make(sqlite::Database& db) {
  auto read = db.prepare(
      "select topic, partition, next_offset from offsets where cluster_id = ?1 and topic_id = ?2");
  if (!read) return std::move(read).error();
  auto insert = db.prepare("insert or ignore into offsets values(?1, ?2, ?6, ?3, ?4)");
  if (!insert) return std::move(insert).error();
  auto update = db.prepare(
      "update offsets set next_offset = ?4 where cluster_id = ?1 and topic = ?2"
      " and topic_id = ?6 and partition = ?3 and next_offset = ?5");
  if (!update) return std::move(update).error();
  return OffsetRows(db, std::move(read).value(), std::move(insert).value(),
                    std::move(update).value());
}

Result<std::map<kafka::TopicPartition, std::int64_t>> OffsetRows::read(const LogName& log) {
  std::map<kafka::TopicPartition, std::int64_t> offsets;
  read_.bind(1, log.cluster_id).bind(2, log.topic_id);
  int result;
  while ((result = read_.step()) == SQLITE_ROW)
    offsets[{std::string(read_.text(0)), static_cast<std::int32_t>(read_.number(1))}] =
        read_.number(2);
  read_.reset();
  if (result != SQLITE_DONE) return db_->error();
  return offsets;
}

Result<bool> OffsetRows::move(const LogName& log, const kafka::TopicPartition& partition,
                              std::optional<std::int64_t> expected, std::int64_t next) {
  sqlite::Statement& statement = expected ? update_ : insert_;
  statement.bind(1, log.cluster_id).bind(2, partition.topic).bind(3, partition.partition);
  statement.bind(4, next).bind(6, log.topic_id);
  if (expected) statement.bind(5, *expected);
  if (!db_->run(statement)) return db_->error();
  return db_->changes() == 1;
}

}  // namespace ds
