// How fast rows get into SQLite, against a bare insert loop of the same rows in the same run.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"

namespace ds {

struct SqliteBench {
  std::uint64_t rows = 0;
  double row_bytes = 0;      // of a record's value
  double bare_rows_s = 0;    // rows already decoded, one statement for 64, a transaction each 8,000
  double sink_rows_s = 0;    // from fetched record batches: checksums, Avro, offsets and all
  double rollup_rows_s = 0;  // records into rollups
  double read_rows_s = 0;    // read back for verify
  double ratio() const { return bare_rows_s > 0 ? sink_rows_s / bare_rows_s : 0; }
};

/// Writes files of about 200 bytes a row into `folder`, which is the caller's to remove. Tweets
/// come from the storm's own texts, 8,000 to a record batch as the storm sends them, over 32
/// partitions, ten batches to a transaction.
Result<SqliteBench> bench_sqlite(const std::string& folder, std::uint64_t rows, const Clock& clock,
                                 Log& log);

}  // namespace ds
