#include "sink/sqlite_reader.h"

#include "ledger/read_tweets.h"
#include "sink/sqlite_store.h"

namespace ds {

Result<SqliteReader> SqliteReader::open(const std::string& path) {
  auto db = open_store_for_reading(path);
  if (!db) return std::move(db).error().while_trying("read the store");
  if (auto begun = db->exec("begin"); !begun) return std::move(begun).error();
  return SqliteReader(std::move(db).value());
}

Result<ClaimBook> SqliteReader::claims() {
  auto rows = db_.prepare("select key, value from runs");
  if (!rows) return std::move(rows).error();
  ClaimBook book;
  int result;
  while ((result = rows->step()) == SQLITE_ROW)
    if (auto added = book.add(rows->text(0), rows->text(1)); !added)
      return std::move(added).error().while_trying("read the claims in " + path());
  if (result != SQLITE_DONE) return db_.error();
  return book;
}

Result<Holdings> SqliteReader::holdings() {
  Holdings held;
  without_row_ = 0;
  auto accounted = db_.prepare("select run, stream, first_sequence, last_sequence from accounted");
  if (!accounted) return std::move(accounted).error();
  int result;
  while ((result = accounted->step()) == SQLITE_ROW) {
    const Interval range{static_cast<std::uint64_t>(accounted->number(2)),
                         static_cast<std::uint64_t>(accounted->number(3)) + 1};
    held.add(static_cast<std::uint64_t>(accounted->number(0)),
             static_cast<std::uint32_t>(accounted->number(1)), range);
    without_row_ += range.size();
  }
  if (result != SQLITE_DONE) return db_.error();

  auto rows = db_.prepare("select tweetId from tweets order by rowid");
  if (!rows) return std::move(rows).error();
  TweetIdReader ids;
  while ((result = rows->step()) == SQLITE_ROW) {
    if (const auto id = ids.read(rows->text(0)))
      held.add(*id);
    else
      held.add_foreign();
  }
  if (result != SQLITE_DONE) return db_.error();
  return held;
}

Result<Verdict> verify_store(SqliteReader& reader, const ClaimedRun& claimed) {
  auto held = reader.holdings();
  if (!held) return std::move(held).error();
  Verdict verdict = balance(claimed, *held, "sqlite " + reader.path());
  if (reader.without_row() > 0)
    verdict.not_shown.push_back(
        fmt::format("order of {} records that were rolled up or trimmed", reader.without_row()));
  return verdict;
}

}  // namespace ds
