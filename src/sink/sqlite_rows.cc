// A SQLite store's rows for the report.
#include <fmt/format.h>

#include "ledger/read_tweets.h"
#include "record/identity.h"
#include "sink/sqlite_reader.h"
#include "sink/sqlite_store.h"
#include "sink/stored_rows.h"

namespace ds {
namespace {

constexpr std::size_t kSlice = 4096;

class SqliteRows final : public RowReader {
 public:
  explicit SqliteRows(sqlite::Database db) : db_(std::move(db)) {}

  std::string name() const override { return "sqlite " + db_.path(); }

  Result<std::vector<StoredTopic>> topics() override {
    std::vector<StoredTopic> topics;
    for (const bool readings : {true, false}) {
      const char* const table = readings ? "readings" : "tweets";
      auto there =
          db_.number(fmt::format("select count(*) from sqlite_master where name = '{}'", table));
      if (!there) return std::move(there).error();
      if (*there == 0) continue;  // made before there were readings
      auto newest =
          db_.prepare(fmt::format("select topic from {} order by rowid desc limit 1", table));
      if (!newest) return std::move(newest).error();
      const int result = newest->step();
      if (result == SQLITE_ROW) topics.push_back({std::string(newest->text(0)), readings});
      if (result != SQLITE_ROW && result != SQLITE_DONE) return db_.error();
    }
    return topics;
  }

  Result<ClaimBook> claims() override { return claims_in(db_); }

  Result<RowsRead> read(const StoredTopic& topic, const Take& take) override {
    auto rows = db_.prepare(
        topic.readings ? "select topic, timestamp_producer, producer_id, sequence,"
                         " timestamp_kafka, timestamp_db, data from readings order by rowid"
                       : "select topic, timestamp, tweetId from tweets order by rowid");
    if (!rows) return std::move(rows).error();
    std::vector<StoredRow> slice;
    slice.reserve(kSlice);
    RowsRead read;
    TweetIdReader ids;
    int result;
    while ((result = rows->step()) == SQLITE_ROW) {
      if (rows->text(0) != topic.topic) {
        ++read.of_other_topics;
        continue;
      }
      StoredRow& row = slice.emplace_back();
      row.made_ms = rows->number(1);
      if (topic.readings)
        fill_reading(*rows, row);
      else
        fill_tweet(rows->text(2), ids, row);
      if (slice.size() == kSlice) {
        take(slice);
        read.rows += slice.size();
        slice.clear();
      }
    }
    if (result != SQLITE_DONE) return db_.error();
    take(slice);
    read.rows += slice.size();
    return read;
  }

  Status read_numbers(const TakeNumbers& take) override {
    auto rows = db_.prepare("select run, stream, first_sequence, last_sequence from accounted");
    if (!rows) return std::move(rows).error();
    int result;
    while ((result = rows->step()) == SQLITE_ROW)
      take(static_cast<std::uint64_t>(rows->number(0)), static_cast<std::uint32_t>(rows->number(1)),
           {static_cast<std::uint64_t>(rows->number(2)),
            static_cast<std::uint64_t>(rows->number(3)) + 1});
    if (result != SQLITE_DONE) return db_.error();
    return Done{};
  }

 private:
  static void fill_reading(const sqlite::Statement& from, StoredRow& row) {
    row.producer = from.number(2);
    row.sequence = from.number(3);
    row.kafka_ms = from.number(4);
    row.db_ms = from.number(5);
    row.value = sqlite3_column_double(from.get(), 6);
    row.numbered = row.sequence >= 0;
  }
  static void fill_tweet(std::string_view id_text, TweetIdReader& ids, StoredRow& row) {
    const auto id = ids.read(id_text);
    row.numbered = id.has_value();
    if (!id) return;
    row.run = id->run;
    row.producer = id->stream;
    row.sequence = static_cast<std::int64_t>(id->sequence);
  }

  sqlite::Database db_;
};

}  // namespace

Result<std::unique_ptr<RowReader>> open_sqlite_rows(const std::string& path) {
  auto db = open_store_for_reading(path);
  if (!db) return std::move(db).error().while_trying("read the store");
  // One moment of the store for all questions.
  if (auto begun = db->exec("begin"); !begun) return std::move(begun).error();
  return std::unique_ptr<RowReader>(new SqliteRows(std::move(db).value()));
}

Result<std::unique_ptr<RowReader>> open_rows(std::string_view store, const std::string& mongo_url) {
  const std::size_t colon = std::min(store.find(':'), store.size());
  const std::string rest(store.substr(std::min(colon + 1, store.size())));
  if (store.substr(0, colon) == "sqlite" && !rest.empty()) return open_sqlite_rows(rest);
  if (store.substr(0, colon) == "mongo" && !(rest.empty() && mongo_url.empty()))
    return open_mongo_rows(rest.empty() ? mongo_url : rest);
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("'{}' is no store that can be reported on", store),
               .hint = "sqlite:PATH or mongo:URL (or MONGO_URL)"};
}

}  // namespace ds
