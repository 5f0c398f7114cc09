// The embedded store: rows and the next offset of each partition in one transaction, so a record is
// there exactly once whatever is killed when. Its tables are named in sqlite_store.h.
//
//   auto sink = SqliteSink::open("tweets.db", {.store = StoreAs::kRaw}, clock, log);
//   auto starts = (*sink)->next_offsets(cluster_id);
//   auto stored = (*sink)->store(fetched);
//
// Offsets move only from the value that was read before: when another consumer of the same
// partitions has moved them, store() changes nothing and answers kRefused.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "sink/record_walk.h"
#include "sink/sink.h"
#include "sink/sink_settings.h"
#include "sink/sqlite_writers.h"

namespace ds {

class SqliteSink final : public Sink {
 public:
  static Result<std::unique_ptr<SqliteSink>> open(const std::string& path,
                                                  const SinkSettings& settings, const Clock& clock,
                                                  Log& log);

  Result<Offsets> next_offsets(const LogName& log) override;
  Result<Stored> store(std::span<const kafka::Fetched> batches) override;
  bool keeps_offsets() const override { return true; }
  std::string description() const override;
  void set_busy_timeout(Nanos timeout) { db_.set_busy_timeout(timeout); }

  /// Deletes the oldest rows until `keep` holds, in slices of a transaction each, at most
  /// `slices_max` of them; returns how many. Their identities go to `accounted`.
  Result<std::uint64_t> trim(const Keep& keep, int slices_max);

 private:
  struct Tables {
    TweetRows tweets;
    ReadingRows readings;
    RecordRows records;
    RollupRows rollups;
    AccountedRows accounted;
    OffsetRows offsets;
  };
  class Storing;

  SqliteSink(sqlite::Database db, SinkSettings settings, const Clock& clock, Log& log)
      : db_(std::move(db)),
        settings_(std::move(settings)),
        clock_(clock),
        log_(log),
        decoder_(settings_.decode) {}
  Status prepare();
  Result<Stored> store_in(sqlite::Transaction& transaction,
                          std::span<const kafka::Fetched> batches);
  Status move_offsets(const Offsets& next);
  Result<std::uint64_t> trim_as_we_go(std::uint64_t stored);
  Result<std::int64_t> last_row_to_go(const Keep& keep);
  Result<std::uint64_t> trim_slice(std::int64_t last_row);

  sqlite::Database db_;
  const SinkSettings settings_;
  const Clock& clock_;
  Log& log_;
  std::unique_ptr<Tables> tables_;  // after db_: their statements end first
  LogName log_name_;
  Offsets expected_;                       // as the table has them
  Offsets next_;                           // below these, records are stored already
  std::set<kafka::TopicPartition> begun_;  // what this sink has stored something of
  std::uint64_t stored_since_trim_ = 0;
  SeenLetters seen_;
  ByteVec scratch_;
  TweetDecoder decoder_;
};

}  // namespace ds
