// The tables of a store in SQLite: what the sink writes, the claims' table and verify share.
//
//   tweets        a row per record, in the order of storing; no index, because one costs five
//                 sixths of the speed
//   readings      a row per sensor's reading, in the order of storing
//   records       a row per record of any other payload, with the identity that it carries (run,
//                 stream, sequence), its content_hash() and its bytes, in the order of storing
//   rollups       a row per record batch, window, brand and sentiment, with the exact count
//   offsets       where each partition goes on; moves in the transaction that stores the rows
//   accounted     sequence ranges of records that are stored without a row of their own: in
//   rollups,
//                 or trimmed. A range that was there twice lies here twice
//   runs          the claims, as they lie in datastorm.runs
//   meta          whose file this is
#pragma once

#include <span>
#include <string>

#include "ledger/claim.h"
#include "sink/sqlite.h"

namespace ds {

constexpr std::int64_t kStoreSchema = 1;

/// Opens for writing, in WAL mode; makes file and tables when they are missing. A SQLite file that
/// is not DataStorm's, or a later version's, is refused.
Result<sqlite::Database> open_store(const std::string& path);
/// Opens for reading only; writers are not disturbed.
Result<sqlite::Database> open_store_for_reading(const std::string& path);

/// The table of claims, through a connection of its own.
/// Threads: one.
class RunsTable {
 public:
  static Result<RunsTable> open(const std::string& path);
  /// Replaces what lies at each key, or removes it where the value is empty, in one transaction.
  Status put(std::span<const ClaimRecord> records, std::int64_t wall_ms);

 private:
  RunsTable(sqlite::Database db, sqlite::Statement put, sqlite::Statement remove)
      : db_(std::move(db)), put_(std::move(put)), remove_(std::move(remove)) {}
  sqlite::Database db_;
  sqlite::Statement put_;
  sqlite::Statement remove_;
};

}  // namespace ds
