#include "sink/sqlite_reader.h"

#include <fmt/format.h>

#include "record/content_hash.h"
#include "sink/sqlite_store.h"

namespace ds {

Result<SqliteReader> SqliteReader::open(const std::string& path) {
  auto db = open_store_for_reading(path);
  if (!db) return std::move(db).error().while_trying("read the store");
  if (auto begun = db->exec("begin"); !begun) return std::move(begun).error();
  return SqliteReader(std::move(db).value());
}

Result<std::uint64_t> rows_held(const std::string& path) {
  auto db = open_store_for_reading(path);
  if (!db) return std::move(db).error().while_trying("count the store's rows");
  std::uint64_t rows = 0;
  for (const char* table : {"tweets", "readings", "records"}) {
    const auto held = db->number(
        fmt::format("select ifnull((select max(rowid) from {0}) - (select min(rowid) from {0}) + 1,"
                    " 0)",
                    table));
    if (!held) return Error(held.error()).while_trying("count the store's rows");
    rows += static_cast<std::uint64_t>(*held);
  }
  return rows;
}

Result<ClaimBook> claims_in(sqlite::Database& db) {
  auto rows = db.prepare("select key, value from runs");
  if (!rows) return std::move(rows).error();
  ClaimBook book;
  int result;
  while ((result = rows->step()) == SQLITE_ROW)
    if (auto added = book.add(rows->text(0), rows->text(1)); !added)
      return std::move(added).error().while_trying("read the claims in " + db.path());
  if (result != SQLITE_DONE) return db.error();
  return book;
}

Result<ClaimBook> SqliteReader::claims() {
  return claims_in(db_);
}

Status SqliteReader::read(StageVisitor& visitor) {
  auto accounted = db_.prepare("select run, stream, first_sequence, last_sequence from accounted");
  if (!accounted) return std::move(accounted).error();
  int result;
  while ((result = accounted->step()) == SQLITE_ROW)
    visitor.identities(static_cast<std::uint64_t>(accounted->number(0)),
                       static_cast<std::uint32_t>(accounted->number(1)),
                       {static_cast<std::uint64_t>(accounted->number(2)),
                        static_cast<std::uint64_t>(accounted->number(3)) + 1});
  if (result != SQLITE_DONE) return db_.error();

  auto rolled = db_.prepare("select window, brand, sentiment, count from rollups");
  if (!rolled) return std::move(rolled).error();
  while ((result = rolled->step()) == SQLITE_ROW)
    visitor.rollup(rolled->number(0) / 1000, rolled->text(1), rolled->text(2),
                   static_cast<std::uint64_t>(rolled->number(3)));
  if (result != SQLITE_DONE) return db_.error();

  auto rows = db_.prepare(
      "select tweetId, timestamp, text, brand, sentiment, partition from tweets"
      " order by rowid");
  if (!rows) return std::move(rows).error();
  std::int64_t partition = -1;
  while ((result = rows->step()) == SQLITE_ROW) {
    if (const std::int64_t of = rows->number(5); of != partition)
      visitor.partition(static_cast<std::int32_t>(partition = of));
    visitor.tweet({.tweet_id = rows->text(0),
                   .timestamp = rows->number(1),
                   .text = rows->text(2),
                   .brand = rows->text(3),
                   .sentiment = rows->text(4)});
  }
  if (result != SQLITE_DONE) return db_.error();

  // A file of before there were payloads has no such table.
  const auto has_records = db_.number("select count(*) from sqlite_master where name = 'records'");
  if (!has_records) return has_records.error();
  if (*has_records == 0) return read_readings(visitor);
  auto payloads = db_.prepare(
      "select run, stream, sequence, value, timestamp, partition from records"
      " order by rowid");
  if (!payloads) return std::move(payloads).error();
  partition = -1;
  while ((result = payloads->step()) == SQLITE_ROW) {
    if (const std::int64_t of = payloads->number(5); of != partition)
      visitor.partition(static_cast<std::int32_t>(partition = of));
    visitor.payload({static_cast<std::uint64_t>(payloads->number(0)),
                     static_cast<std::uint32_t>(payloads->number(1)),
                     static_cast<std::uint64_t>(payloads->number(2))},
                    content_hash(payloads->bytes(3)), payloads->number(4));
  }
  if (result != SQLITE_DONE) return db_.error();
  return read_readings(visitor);
}

Status SqliteReader::read_readings(StageVisitor& visitor) {
  const auto there = db_.number("select count(*) from sqlite_master where name = 'readings'");
  if (!there) return there.error();
  if (*there == 0) return Done{};
  auto rows = db_.prepare(
      "select data, timestamp_producer, producer_id, sequence from readings order by rowid");
  if (!rows) return std::move(rows).error();
  int result;
  while ((result = rows->step()) == SQLITE_ROW)
    visitor.reading(
        {sqlite3_column_double(rows->get(), 0), rows->number(1), rows->number(2), rows->number(3)});
  if (result != SQLITE_DONE) return db_.error();
  return Done{};
}

Result<Verdict> verify_store(SqliteReader& reader, const ClaimedRun& claimed) {
  auto book = reader.claims();
  if (!book) return std::move(book).error();
  return verify_stage(reader, *book, claimed);
}

}  // namespace ds
