#include "observe/history.h"

#include <fmt/format.h>
#include <sqlite3.h>

namespace ds {
namespace {

constexpr int kApplicationId = 0x44534869;  // "DSHi"
constexpr HistoryRange kRanges[] = {{"5m", 300'000, 1'000},
                                    {"30m", 1'800'000, 1'000},
                                    {"1h", 3'600'000, 10'000},
                                    {"6h", 21'600'000, 10'000},
                                    {"24h", 86'400'000, 60'000}};

Error storage(sqlite3* db, std::string_view what) {
  return Error{.code = ErrorCode::kStorage,
               .message = fmt::format("the history could not be {}: {}", what, sqlite3_errmsg(db))};
}

/// A prepared statement; bind() counts from 1, column() from 0, as SQLite does.
class Statement {
 public:
  Statement(sqlite3* db, const char* sql) { sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr); }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  void bind(int at, std::int64_t value) { sqlite3_bind_int64(statement_, at, value); }
  void bind(int at, std::uint64_t value) { bind(at, static_cast<std::int64_t>(value)); }
  void bind(int at, std::string_view text) {
    sqlite3_bind_text(statement_, at, text.data() == nullptr ? "" : text.data(),
                      static_cast<int>(text.size()), SQLITE_STATIC);
  }
  int step() { return statement_ == nullptr ? SQLITE_ERROR : sqlite3_step(statement_); }
  std::int64_t column(int at) const { return sqlite3_column_int64(statement_, at); }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

std::int64_t read_pragma(sqlite3* db, const char* pragma) {
  Statement statement(db, pragma);
  return statement.step() == SQLITE_ROW ? statement.column(0) : 0;
}

}  // namespace

Result<HistoryRange> parse_history_range(std::string_view name) {
  for (const HistoryRange& range : kRanges)
    if (range.name == name) return range;
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("'{}' is not a range of the history", name),
               .hint = "5m, 30m, 1h, 6h or 24h"};
}

Result<std::unique_ptr<History>> History::open(const std::string& path) {
  sqlite3* db = nullptr;
  const int opened = sqlite3_open_v2(
      path.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  auto history = std::unique_ptr<History>(new History(db));
  if (opened != SQLITE_OK) return storage(db, "opened at " + path);
  sqlite3_busy_timeout(db, 2000);
  const bool fresh = read_pragma(db, "select count(*) from sqlite_master") == 0;
  if (!fresh && read_pragma(db, "pragma application_id") != kApplicationId)
    return Error{.code = ErrorCode::kStorage,
                 .message = fmt::format("{} is not a history of DataStorm", path),
                 .hint = "name another --data-dir, or move the file away"};
  const std::string create = fmt::format(
      "pragma journal_mode=wal; pragma synchronous=normal; pragma application_id={};"
      "create table if not exists seconds("
      " t integer primary key, positive integer not null, negative integer not null,"
      " neutral integer not null, generated integer not null, acknowledged integer not null,"
      " stored integer not null, lag integer not null);"
      "create table if not exists brand_seconds("
      " t integer not null, brand text not null, positive integer not null,"
      " negative integer not null, neutral integer not null,"
      " primary key(t, brand)) without rowid",
      kApplicationId);
  if (sqlite3_exec(db, create.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return storage(db, "made at " + path);
  return history;
}

History::~History() {
  sqlite3_close(db_);
}

Status History::run(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    return storage(db_, "written");
  return Done{};
}

Status History::add(std::span<const HistoryPoint> points) {
  if (auto begun = run("begin immediate"); !begun) return begun;
  for (const HistoryPoint& point : points)
    if (auto added = add_point(point); !added) {
      (void)run("rollback");
      return added;
    }
  auto done = run("commit");
  if (!done) (void)run("rollback");
  return done;
}

Status History::add_point(const HistoryPoint& point) {
  Statement insert(
      db_,
      "insert into seconds values(?1,?2,?3,?4,?5,?6,?7,?8) on conflict(t) do update set"
      " positive=positive+?2, negative=negative+?3, neutral=neutral+?4,"
      " generated=generated+?5, acknowledged=acknowledged+?6, stored=stored+?7, lag=?8");
  insert.bind(1, point.t);
  int at = 2;
  for (const std::uint64_t value :
       {point.sentiment.positive, point.sentiment.negative, point.sentiment.neutral,
        point.generated, point.acknowledged, point.stored, point.lag})
    insert.bind(at++, value);
  if (insert.step() != SQLITE_DONE) return storage(db_, "written");
  for (const auto& [brand, counts] : point.by_brand) {
    Statement of_brand(
        db_,
        "insert into brand_seconds values(?1,?2,?3,?4,?5) on conflict(t, brand) do update set"
        " positive=positive+?3, negative=negative+?4, neutral=neutral+?5");
    of_brand.bind(1, point.t);
    of_brand.bind(2, brand);
    of_brand.bind(3, counts.positive);
    of_brand.bind(4, counts.negative);
    of_brand.bind(5, counts.neutral);
    if (of_brand.step() != SQLITE_DONE) return storage(db_, "written");
  }
  return Done{};
}

Result<HistoryColumns> History::read(const HistoryRange& range, std::int64_t now_ms,
                                     std::string_view brand) const {
  HistoryColumns columns{.range = std::string(range.name), .step_ms = range.step_ms};
  Statement select(
      db_, brand.empty() ? "select t / ?1 * ?1 as step, sum(positive), sum(negative), sum(neutral),"
                           " sum(generated), sum(stored) from seconds where t >= ?2 and t < ?3"
                           " group by step order by step"
                         : "select s.t / ?1 * ?1 as step, sum(ifnull(b.positive, 0)),"
                           " sum(ifnull(b.negative, 0)), sum(ifnull(b.neutral, 0)),"
                           " sum(s.generated), sum(s.stored)"
                           " from seconds s left join brand_seconds b on b.t = s.t and b.brand = ?4"
                           " where s.t >= ?2 and s.t < ?3 group by step order by step");
  const std::int64_t until = now_ms / range.step_ms * range.step_ms;
  select.bind(1, range.step_ms);
  select.bind(2, until - range.length_ms);
  select.bind(3, until);
  if (!brand.empty()) select.bind(4, brand);
  int state;
  while ((state = select.step()) == SQLITE_ROW) {
    columns.t.push_back(select.column(0));
    int at = 1;
    for (auto* column : {&columns.positive, &columns.negative, &columns.neutral, &columns.generated,
                         &columns.stored})
      column->push_back(static_cast<std::uint64_t>(select.column(at++)));
  }
  if (state != SQLITE_DONE) return storage(db_, "read");
  return columns;
}

Status History::forget(std::int64_t before_ms) {
  for (const char* sql :
       {"delete from seconds where t < ?1", "delete from brand_seconds where t < ?1"}) {
    Statement erase(db_, sql);
    erase.bind(1, before_ms);
    if (erase.step() != SQLITE_DONE) return storage(db_, "trimmed");
  }
  return Done{};
}

}  // namespace ds
