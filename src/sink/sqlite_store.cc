#include "sink/sqlite_store.h"

#include <optional>

namespace ds {
namespace {

// Came after the first stores were made: they get it when they are opened for writing.
constexpr const char* kLaterTables =
    "create table if not exists readings("
    " topic text not null, partition integer not null, offset integer not null,"
    " timestamp_kafka integer not null, timestamp_db integer not null, data real not null,"
    " timestamp_producer integer not null, producer_id integer not null,"
    " sequence integer not null);"
    "create table if not exists records("
    " topic text not null, partition integer not null, offset integer not null,"
    " timestamp integer not null, run integer not null, stream integer not null,"
    " sequence integer not null, key, hash integer not null, value);";

constexpr const char* kTables =
    "create table if not exists meta(key text primary key, value) without rowid;"
    "create table if not exists tweets("
    " topic text not null, partition integer not null, offset integer not null,"
    " tweetId text not null, timestamp integer not null, text text not null,"
    " brand text not null, sentiment text not null);"
    "create table if not exists rollups("
    " topic text not null, partition integer not null, first_offset integer not null,"
    " last_offset integer not null, window integer not null, brand text not null,"
    " sentiment text not null, count integer not null);"
    "create table if not exists offsets("
    " cluster_id text not null, topic text not null, topic_id text not null,"
    " partition integer not null, next_offset integer not null,"
    " unique(cluster_id, topic, topic_id, partition));"
    "create table if not exists accounted("
    " run integer not null, stream integer not null, first_sequence integer not null,"
    " last_sequence integer not null, rows integer not null);"
    "create index if not exists accounted_by_end on accounted(run, stream, last_sequence);"
    "create table if not exists runs("
    " key text not null unique, value text not null, updated integer not null);";

/// Nothing when the file is empty; else the schema's version, or the refusal.
Result<std::optional<std::int64_t>> schema_of(sqlite::Database& db) {
  const auto tables = db.number("select count(*) from sqlite_master");
  if (!tables) return tables.error();
  if (*tables == 0) return std::optional<std::int64_t>();
  const Error foreign{.code = ErrorCode::kStorage,
                      .message = db.path() + " is a SQLite file, but not DataStorm's",
                      .hint = "name another file: nothing was changed in this one"};
  if (*db.number("select count(*) from sqlite_master where name = 'meta'") == 0) return foreign;
  const auto ours =
      db.number("select count(*) from meta where key = 'program' and value = 'datastorm'");
  if (!ours && ours.error().code == ErrorCode::kCorrupt) return ours.error();
  if (!ours || *ours == 0) return foreign;
  const auto schema = db.number("select value from meta where key = 'schema'");
  if (!schema) return schema.error();
  if (*schema > kStoreSchema)
    return Error{
        .code = ErrorCode::kStorage,
        .message = fmt::format("{} was made by a later DataStorm (tables {}, known are {})",
                               db.path(), *schema, kStoreSchema),
        .hint = "use that version, or name another file"};
  return std::optional(*schema);
}

/// Changing the journal does not wait for another opener by itself, unlike all else.
Status start_log(sqlite::Database& db) {
  constexpr int kTries = 250, kPauseMs = 20;
  // Pages of 16 KiB: fewer of them to split, log and check; 1.8 M rows/s against 1.3 with 4 KiB.
  for (int tries = 1;; ++tries) {
    auto set = db.exec("pragma page_size=16384; pragma journal_mode=wal");
    if (set || set.error().code != ErrorCode::kTimeout || tries == kTries) return set;
    sqlite3_sleep(kPauseMs);
  }
}

Status make_tables(sqlite::Database& db) {
  if (auto set = start_log(db); !set) return set;
  auto transaction = sqlite::Transaction::begin(db);
  if (!transaction) return std::move(transaction).error();
  if (auto made = db.exec(kTables); !made) return made;
  const auto meta = fmt::format(
      "insert or ignore into meta values('program','datastorm'),('schema',{})", kStoreSchema);
  if (auto made = db.exec(meta); !made) return made;
  return transaction->commit();
}

}  // namespace

Result<sqlite::Database> open_store(const std::string& path) {
  auto db = sqlite::Database::open(path, sqlite::Database::Mode::kCreate);
  if (!db) return db;
  const auto schema = schema_of(*db);
  if (!schema) return schema.error();
  if (!*schema)
    if (auto made = make_tables(*db); !made) return std::move(made).error();
  if (auto made = db->exec(kLaterTables); !made) return std::move(made).error();
  // A log of 64 MiB between checkpoints writes each page once instead of many times.
  if (auto set = db->exec("pragma wal_autocheckpoint=4096; pragma cache_size=-32768"); !set)
    return std::move(set).error();
  return db;
}

Result<sqlite::Database> open_store_for_reading(const std::string& path) {
  auto db = sqlite::Database::open(path, sqlite::Database::Mode::kRead);
  if (!db) return db;
  auto schema = schema_of(*db);
  if (!schema && db->needs_playback()) {
    db = sqlite::Database::open(path, sqlite::Database::Mode::kWrite);
    if (!db) return db;
    schema = schema_of(*db);
  }
  if (!schema) return schema.error();
  if (!*schema)
    return Error{.code = ErrorCode::kStorage,
                 .message = path + " is empty",
                 .hint = "name the file that `datastorm consume --sink sqlite:…` wrote"};
  return db;
}

Result<RunsTable> RunsTable::open(const std::string& path) {
  auto db = open_store(path);
  if (!db) return std::move(db).error();
  auto put = db->prepare(
      "insert into runs values(?1, ?2, ?3) on conflict(key) do update set"
      " value = excluded.value, updated = excluded.updated where value <> excluded.value");
  if (!put) return std::move(put).error();
  auto remove = db->prepare("delete from runs where key = ?1");
  if (!remove) return std::move(remove).error();
  return RunsTable(std::move(db).value(), std::move(put).value(), std::move(remove).value());
}

Status RunsTable::put(std::span<const ClaimRecord> records, std::int64_t wall_ms) {
  auto transaction = sqlite::Transaction::begin(db_);
  if (!transaction) return std::move(transaction).error();
  for (const ClaimRecord& record : records) {
    if (record.value.empty()) {
      if (!db_.run(remove_.bind(1, record.key))) return db_.error();
      continue;
    }
    put_.bind(1, record.key).bind(2, record.value).bind(3, wall_ms);
    if (!db_.run(put_)) return db_.error();
  }
  return transaction->commit();
}

}  // namespace ds
