#include "sink/sqlite_sink.h"

#include <algorithm>

#include "sink/sqlite_store.h"

namespace ds {
namespace {

constexpr std::int64_t kTrimSlice = 16'384;

}  // namespace

/// What one store() writes: passes records to the tables' writers and remembers the first failure.
class SqliteSink::Storing {
 public:
  explicit Storing(SqliteSink& sink)
      : db_(sink.db_),
        tables_(*sink.tables_),
        raw_(sink.settings_.store != StoreAs::kRollup),
        rollup_(sink.settings_.store != StoreAs::kRaw),
        replay_(sink.settings_.replay),
        next_(sink.next_),
        wall_ms_(sink.clock_.wall_ms()) {}

  /// Returns below which offset everything is stored already.
  std::int64_t begin(const kafka::Fetched& fetched) {
    const auto known = next_.find(fetched.from);
    const std::int64_t stored_below = known == next_.end() ? fetched.first_offset : known->second;
    end_ = std::max(stored_below, fetched.first_offset);
    if (known != next_.end() && fetched.high_watermark < known->second)
      refuse_shrunken(fetched, known->second);
    from_ = nullptr;
    return stored_below;
  }

  std::string_view tweet(const Place& place, const kafka::RecordView&, const TweetView& tweet,
                         Sentiment sentiment) {
    // Many errors have rolled the transaction back: what went on would be stored without an offset.
    if (error_) [[unlikely]]
      return {};
    go_to(place.from);
    if (raw_ && !error_) keep(tables_.tweets.add(place.offset, tweet));
    if (rollup_ && !error_)
      keep(tables_.rollups.add(place.from, place.offset, tweet.timestamp, tweet.brand, sentiment));
    if (rollup_ && replay_ && !error_) keep(tables_.rollups.end_batch(place.from));
    if (!raw_ && !error_ && !(ids_.is_next(tweet.tweet_id) && tables_.accounted.add_next()))
      if (const auto id = ids_.read(tweet.tweet_id)) keep(tables_.accounted.add(*id));
    return {};
  }

  /// A row whatever the way of storing: readings have no brands to roll up by.
  std::string_view reading(const Place& place, const kafka::RecordView& record,
                           const Reading& reading) {
    if (error_) return {};
    go_to(place.from);
    if (!error_) keep(tables_.readings.add(place.offset, record.timestamp, reading));
    return {};
  }

  /// A reading that carries its identity, which its row has no column for.
  std::string_view reading(const Place& place, const kafka::RecordView& record, const Reading& of,
                           const RecordId& id) {
    keep(tables_.accounted.add(id));
    return reading(place, record, of);
  }

  /// As readings, a row whatever the way of storing.
  std::string_view payload(const Place& place, const kafka::RecordView& record,
                           const RecordId& id) {
    go_to(place.from);
    keep(tables_.records.add(place.offset, record, id));
    return {};
  }

  void batch_done(const kafka::TopicPartition& from, const kafka::BatchHeader& header) {
    end_ = std::max(end_, header.next_offset());
    if (error_) return;
    if (rollup_) keep(tables_.rollups.end_batch(from));
    keep(tables_.accounted.flush());
    // A compressed batch lies in scratch memory, which the next one takes.
    if (header.codec() == kafka::Compression::kNone) return;
    if (raw_) keep(tables_.tweets.flush());
    keep(tables_.records.flush());
  }

  void end(const kafka::Fetched& fetched) { next_[fetched.from] = end_; }
  void finish() {
    if (error_) return;
    if (raw_) keep(tables_.tweets.flush());
    if (!error_) keep(tables_.readings.flush());
    keep(tables_.records.flush());
  }

  /// What was refused first, if anything.
  const std::optional<Error>& error() const { return error_; }
  const Offsets& next() const { return next_; }

 private:
  void go_to(const kafka::TopicPartition& from) {
    if (&from == from_) return;
    from_ = &from;
    if (raw_) keep(tables_.tweets.begin(from));
    if (!error_) keep(tables_.readings.begin(from, wall_ms_));
    keep(tables_.records.begin(from));
  }
  /// Without this all of the new topic's records would pass for duplicates.
  void refuse_shrunken(const kafka::Fetched& fetched, std::int64_t stored) {
    if (error_) return;
    error_ = Error{
        .code = ErrorCode::kStorage,
        .message = fmt::format(
            "{}/{} ends at offset {}, but {} has stored it up to {}: the topic was "
            "deleted and made anew, or has lost its end",
            fetched.from.topic, fetched.from.partition, fetched.high_watermark, db_.path(), stored),
        .hint = "store into another file, or start again with --reset-offsets"};
  }
  void keep(bool written) {
    if (!written && !error_) [[unlikely]]
      error_ = db_.error();
  }

  sqlite::Database& db_;
  Tables& tables_;
  const bool raw_, rollup_, replay_;
  Offsets next_;
  const std::int64_t wall_ms_;
  const kafka::TopicPartition* from_ = nullptr;
  std::int64_t end_ = 0;
  TweetIdReader ids_;
  std::optional<Error> error_;
};

Result<std::unique_ptr<SqliteSink>> SqliteSink::open(const std::string& path,
                                                     const SinkSettings& settings,
                                                     const Clock& clock, Log& log) {
  constexpr std::string_view kModes[] = {"off", "normal", "full", "extra"};
  if (std::find(std::begin(kModes), std::end(kModes), settings.synchronous) == std::end(kModes))
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("'{}' is no synchronous mode", settings.synchronous),
                 .hint = "off, normal, full or extra"};
  auto db = open_store(path);
  if (!db) return std::move(db).error().while_trying("open the store");
  auto sink =
      std::unique_ptr<SqliteSink>(new SqliteSink(std::move(db).value(), settings, clock, log));
  if (auto prepared = sink->prepare(); !prepared)
    return std::move(prepared).error().while_trying("open the store");
  return sink;
}

Status SqliteSink::prepare() {
  if (auto set = db_.exec("pragma synchronous=" + settings_.synchronous); !set) return set;
  auto tweets = TweetRows::make(db_);
  if (!tweets) return std::move(tweets).error();
  auto readings = ReadingRows::make(db_);
  if (!readings) return std::move(readings).error();
  auto records = RecordRows::make(db_);
  if (!records) return std::move(records).error();
  auto rollups = RollupRows::make(db_);
  if (!rollups) return std::move(rollups).error();
  auto accounted = AccountedRows::make(db_);
  if (!accounted) return std::move(accounted).error();
  auto offsets = OffsetRows::make(db_);
  if (!offsets) return std::move(offsets).error();
  tables_.reset(new Tables{std::move(tweets).value(), std::move(readings).value(),
                           std::move(records).value(), std::move(rollups).value(),
                           std::move(accounted).value(), std::move(offsets).value()});
  return Done{};
}

std::string SqliteSink::description() const {
  return fmt::format("sqlite {}, {}, synchronous={}", db_.path(), name_of(settings_.store),
                     settings_.synchronous);
}

Result<Sink::Offsets> SqliteSink::next_offsets(const LogName& log) {
  auto offsets = tables_->offsets.read(log);
  if (!offsets) return std::move(offsets).error().while_trying("read the store's offsets");
  log_name_ = log;
  expected_ = std::move(offsets).value();
  next_ = expected_;
  if (settings_.reset_offsets)
    std::erase_if(next_, [&](const auto& entry) { return !begun_.contains(entry.first); });
  return next_;
}

Result<Stored> SqliteSink::store(std::span<const kafka::Fetched> batches) {
  decoder_.forget();
  auto transaction = sqlite::Transaction::begin(db_);
  if (!transaction) return std::move(transaction).error();
  auto stored = store_in(*transaction, batches);
  if (!stored) {
    // Whatever the writers still hold belongs to a transaction that never was.
    tables_->tweets.drop();
    tables_->readings.drop();
    tables_->records.drop();
    tables_->rollups.drop();
    tables_->accounted.drop();
    return stored;
  }
  if (settings_.keep.has_no_limit()) return stored;
  if (auto trimmed = trim_as_we_go(stored->stored))
    stored->retired = *trimmed;
  else
    log_.warn("the store could not be trimmed: {}", trimmed.error().message);
  return stored;
}

Result<Stored> SqliteSink::store_in(sqlite::Transaction& transaction,
                                    std::span<const kafka::Fetched> batches) {
  Storing storing(*this);
  Walk<Storing> walk(storing, settings_, seen_);
  for (const kafka::Fetched& fetched : batches) {
    const std::int64_t stored_below = storing.begin(fetched);
    if (storing.error()) return *storing.error();
    walk.read(fetched, scratch_, decoder_, stored_below);
    storing.end(fetched);
    if (storing.error()) return *storing.error();
  }
  storing.finish();
  if (storing.error()) return *storing.error();
  if (auto moved = move_offsets(storing.next()); !moved) return std::move(moved).error();
  // Before the offsets move for good: a letter may come twice, but never not at all.
  if (auto sent = walk.tray().send(); !sent) return std::move(sent).error();
  if (auto committed = transaction.commit(); !committed) return std::move(committed).error();
  for (const auto& [partition, next] : storing.next()) expected_[partition] = next;
  for (const kafka::Fetched& fetched : batches) begun_.insert(fetched.from);
  next_ = storing.next();
  walk.keep_seen();
  return walk.tally().sum();
}

Status SqliteSink::move_offsets(const Offsets& next) {
  for (const auto& [partition, offset] : next) {
    const auto row = expected_.find(partition);
    const auto expected = row == expected_.end() ? std::nullopt : std::optional(row->second);
    if (expected == offset) continue;
    const auto moved = tables_->offsets.move(log_name_, partition, expected, offset);
    if (!moved) return moved.error();
    if (!*moved)
      return Error{.code = ErrorCode::kRefused,
                   .message = fmt::format("another consumer has stored {}/{} in {} meanwhile",
                                          partition.topic, partition.partition, db_.path()),
                   .hint = "let one consumer at a time write into a file"};
  }
  return Done{};
}

Result<std::uint64_t> SqliteSink::trim_as_we_go(std::uint64_t stored) {
  stored_since_trim_ += stored;
  const auto slices = static_cast<int>(stored_since_trim_ / kTrimSlice);
  if (slices == 0) return std::uint64_t{0};
  stored_since_trim_ = 0;
  // One more than came in, so that a file that was too large shrinks.
  return trim(settings_.keep, slices + 1);
}

Result<std::uint64_t> SqliteSink::trim(const Keep& keep, int slices_max) {
  std::uint64_t trimmed = 0;
  for (int slice = 0; slice < slices_max; ++slice) {
    const auto last = last_row_to_go(keep);
    if (!last) return last.error();
    const auto first = db_.number("select min(rowid) from tweets");
    if (!first) return first.error();
    if (*first == 0 || *last < *first) break;
    const std::int64_t end = std::min(*last, *first + kTrimSlice - 1);
    auto rows = trim_slice(end);
    if (!rows) return rows;
    trimmed += *rows;
  }
  return trimmed;
}

Result<std::int64_t> SqliteSink::last_row_to_go(const Keep& keep) {
  const auto first = db_.number("select min(rowid) from tweets");
  const auto last = db_.number("select max(rowid) from tweets");
  if (!first || !last) return db_.error();
  std::int64_t cut = 0;
  const std::int64_t rows = *last == 0 ? 0 : *last - *first + 1;
  if (keep.rows != 0) cut = std::max(cut, *last - static_cast<std::int64_t>(keep.rows));
  if (keep.bytes != 0) {
    const auto used = db_.number(
        "select (page_count - freelist_count) * page_size"
        " from pragma_page_count, pragma_freelist_count, pragma_page_size");
    if (!used) return used.error();
    const auto kept = static_cast<double>(keep.bytes) / static_cast<double>(std::max(*used, 1L));
    if (kept < 1)
      cut = std::max(cut, *last - static_cast<std::int64_t>(kept * static_cast<double>(rows)));
  }
  if (keep.age_ms != 0) {
    // Rows lie in the order of storing, so the slice's last row tells of all before it.
    const auto newest = db_.number(fmt::format(
        "select timestamp from tweets where rowid >= {} limit 1", *first + kTrimSlice - 1));
    if (!newest) return newest.error();
    if (*newest != 0 && *newest < clock_.wall_ms() - keep.age_ms)
      cut = std::max(cut, *first + kTrimSlice - 1);
  }
  return cut;
}

Result<std::uint64_t> SqliteSink::trim_slice(std::int64_t last_row) {
  auto transaction = sqlite::Transaction::begin(db_);
  if (!transaction) return std::move(transaction).error();
  auto oldest = db_.prepare("select tweetId from tweets where rowid <= ?1 order by rowid");
  if (!oldest) return std::move(oldest).error();
  oldest->bind(1, last_row);
  TweetIdReader ids;
  bool accounted = true;
  while (accounted && oldest->step() == SQLITE_ROW)
    if (const auto id = ids.read(oldest->text(0))) accounted = tables_->accounted.add(*id);
  oldest->reset();
  if (!accounted || !tables_->accounted.flush()) return db_.error();
  auto remove = db_.prepare("delete from tweets where rowid <= ?1");
  if (!remove) return std::move(remove).error();
  if (!db_.run(remove->bind(1, last_row))) return db_.error();
  const auto removed = static_cast<std::uint64_t>(db_.changes());
  if (auto committed = transaction->commit(); !committed) return std::move(committed).error();
  return removed;
}

}  // namespace ds
