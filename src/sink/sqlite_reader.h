// Reading a store back, for verify: which records are there, and what was claimed of them.
//
//   auto reader = SqliteReader::open("tweets.db");
//   auto book = reader->claims();
//   auto run = choose_run(*book, "latest");
//   Verdict verdict = *verify_store(*reader, **run);
#pragma once

#include "ledger/stage_check.h"
#include "sink/sqlite.h"

namespace ds {

/// A connection that only reads; it sees one moment of the store, the one of its first question,
/// and disturbs no writer (but while it lives the write-ahead log cannot be taken back).
/// Threads: one. Cost: about a million rows a second.
class SqliteReader final : public StageReader {
 public:
  static Result<SqliteReader> open(const std::string& path);

  const std::string& path() const { return db_.path(); }
  Result<ClaimBook> claims();
  std::string stage() const override { return "sqlite " + path(); }
  /// All records in the order of storing, before them those that have no row of their own, and
  /// the rollups' rows; the readings come last.
  Status read(StageVisitor& visitor) override;
  bool keeps_tombstones_in_place() const override { return false; }

 private:
  Status read_readings(StageVisitor& visitor);
  explicit SqliteReader(sqlite::Database db) : db_(std::move(db)) {}
  sqlite::Database db_;
};

/// The claims that the store keeps.
Result<ClaimBook> claims_in(sqlite::Database& db);

/// Rows of a store that are there now, by the ends of its tables: no row is looked at. Rows are
/// only added at the end and removed at the begin.
Result<std::uint64_t> rows_held(const std::string& path);

/// By the claims that the file itself keeps.
Result<Verdict> verify_store(SqliteReader& reader, const ClaimedRun& claimed);

}  // namespace ds
