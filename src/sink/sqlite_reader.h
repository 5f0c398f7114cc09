// Reading a store back, for verify: which records are there, and what was claimed of them.
//
//   auto reader = SqliteReader::open("tweets.db");
//   auto book = reader->claims();
//   auto run = choose_run(*book, "latest");
//   Verdict verdict = *verify_store(*reader, **run);
#pragma once

#include "ledger/balance.h"
#include "sink/sqlite.h"

namespace ds {

/// A connection that only reads; it sees one moment of the store, the one of its first question,
/// and disturbs no writer (but while it lives the write-ahead log cannot be taken back).
/// Threads: one. Cost: about a million rows a second.
class SqliteReader {
 public:
  static Result<SqliteReader> open(const std::string& path);

  const std::string& path() const { return db_.path(); }
  Result<ClaimBook> claims();
  /// All records in the order of storing, and before them those that have no row of their own.
  Result<Holdings> holdings();
  /// Records of `accounted`: rolled up or trimmed.
  std::uint64_t without_row() const { return without_row_; }

 private:
  explicit SqliteReader(sqlite::Database db) : db_(std::move(db)) {}
  sqlite::Database db_;
  std::uint64_t without_row_ = 0;
};

Result<Verdict> verify_store(SqliteReader& reader, const ClaimedRun& claimed);

}  // namespace ds
