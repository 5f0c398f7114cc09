#include "observe/history.h"

#include <fmt/format.h>

#include <algorithm>

namespace ds {
namespace {

constexpr int kApplicationId = 0x44534869;  // "DSHi"
constexpr std::int64_t kSecondMs = 1000, kHourMs = 3'600'000, kDayMs = 24 * kHourMs;
constexpr std::int64_t kRowsMax = 2000;
constexpr std::int64_t kWhole = 0;  // the brand of everything
constexpr const char* kOther = "(other)";

struct Level {
  std::int64_t step_ms;
  std::int64_t kept_ms;
};
constexpr Level kLevels[] = {{kSecondMs, 2 * kHourMs},
                             {10 * kSecondMs, 2 * kDayMs},
                             {60 * kSecondMs, 14 * kDayMs},
                             {600 * kSecondMs, 400 * kDayMs}};

struct Range {
  std::string_view name;
  std::int64_t length_ms;
  std::int64_t step_ms;
};
constexpr Range kRanges[] = {{"5m", 300'000, kSecondMs},      {"30m", 1'800'000, kSecondMs},
                             {"1h", kHourMs, 10 * kSecondMs}, {"6h", 6 * kHourMs, 10 * kSecondMs},
                             {"24h", kDayMs, 60 * kSecondMs}, {"7d", 7 * kDayMs, 600 * kSecondMs}};

/// Ordered so that a range of one level and brand lies together.
constexpr const char* kTables =
    "create table if not exists brands(id integer primary key, name text unique not null);"
    "create table if not exists points("
    " step integer not null, brand integer not null, t integer not null,"
    " positive integer not null, negative integer not null, neutral integer not null,"
    " generated integer not null, acknowledged integer not null, stored integer not null,"
    " lag integer not null, primary key(step, brand, t)) without rowid;"
    "create table if not exists alerts("
    " id integer primary key, t integer not null, kind text not null, share real not null,"
    " predicted integer not null, in_seconds real, window_s real)";

void bind_real(sqlite::Statement& statement, int at, std::optional<double> value) {
  if (value)
    sqlite3_bind_double(statement.get(), at, *value);
  else
    sqlite3_bind_null(statement.get(), at);
}

std::optional<double> real(const sqlite::Statement& statement, int at) {
  if (sqlite3_column_type(statement.get(), at) == SQLITE_NULL) return std::nullopt;
  return sqlite3_column_double(statement.get(), at);
}

}  // namespace

Result<HistorySpan> named_span(std::string_view name, std::int64_t now_ms) {
  for (const Range& range : kRanges) {
    if (range.name != name) continue;
    const std::int64_t until = now_ms / range.step_ms * range.step_ms;
    return HistorySpan{range.name, until - range.length_ms, until, range.step_ms};
  }
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("'{}' is not a range of the history", name),
               .hint = "5m, 30m, 1h, 6h, 24h or 7d; or from= and to= in Unix milliseconds"};
}

Result<HistorySpan> span_between(std::int64_t from_ms, std::int64_t to_ms, std::int64_t now_ms) {
  if (from_ms < 0 || to_ms <= from_ms || to_ms - from_ms > kLevels[3].kept_ms)
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("{} to {} is not a span of time", from_ms, to_ms),
                 .hint = "from= before to=, in Unix milliseconds, at most 400 days apart"};
  const Level* chosen = std::begin(kLevels);
  const auto serves = [&](const Level& level) {
    return (to_ms - from_ms) / level.step_ms <= kRowsMax && from_ms >= now_ms - level.kept_ms;
  };
  while (chosen + 1 < std::end(kLevels) && !serves(*chosen)) ++chosen;
  // Of years, the coarsest would still be too long an answer; the newest part is told.
  const std::int64_t step = chosen->step_ms;
  const std::int64_t until = std::min(to_ms, now_ms) / step * step;
  return HistorySpan{"", std::max(from_ms / step * step, until - kRowsMax * step), until, step};
}

Result<std::unique_ptr<History>> History::open(const std::string& path) {
  const auto trying = "open the history " + path;
  auto db = sqlite::Database::open(path, sqlite::Database::Mode::kCreate);
  if (!db) return std::move(db).error().while_trying(trying);
  db->set_busy_timeout(2 * kSecond);
  const auto tables = db->number("select count(*) from sqlite_master");
  if (!tables) return Error(tables.error()).while_trying(trying);
  const auto program = db->number("pragma application_id");
  if (*tables > 0 && (!program || *program != kApplicationId))
    return Error{.code = ErrorCode::kStorage,
                 .message = fmt::format("{} is not a history of DataStorm", path),
                 .hint = "name another --data-dir, or move the file away"};
  auto history = std::unique_ptr<History>(new History(std::move(*db)));
  if (auto made = history->make(); !made) return std::move(made).error().while_trying(trying);
  return history;
}

Status History::make() {
  if (auto set = db_.exec(fmt::format("pragma journal_mode=wal; pragma synchronous=normal;"
                                      "pragma application_id={}",
                                      kApplicationId));
      !set)
    return set;
  if (auto made = db_.exec(kTables); !made) return made;
  if (auto taken = take_over_first_format(); !taken) return taken;
  auto upsert = db_.prepare(
      "insert into points values(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)"
      " on conflict(step, brand, t) do update set"
      " positive=positive+?4, negative=negative+?5, neutral=neutral+?6,"
      " generated=generated+?7, acknowledged=acknowledged+?8, stored=stored+?9, lag=?10");
  if (!upsert) return std::move(upsert).error();
  upsert_ = std::move(*upsert);
  return learn_brands();
}

/// Before there were levels, seconds lay in two tables.
Status History::take_over_first_format() {
  const auto there = db_.number("select count(*) from sqlite_master where name = 'seconds'");
  if (!there) return there.error();
  if (*there == 0) return Done{};
  std::string sql =
      "begin immediate;"
      "insert or ignore into brands(name) select distinct brand from brand_seconds;";
  for (const Level& level : kLevels)
    sql += fmt::format(
        "insert or ignore into points select {0}, 0, t/{0}*{0} as step, sum(positive),"
        " sum(negative), sum(neutral), sum(generated), sum(acknowledged), sum(stored), max(lag)"
        " from seconds group by step;"
        "insert or ignore into points select {0}, b.id, s.t/{0}*{0} as step, sum(positive),"
        " sum(negative), sum(neutral), 0, 0, 0, 0 from brand_seconds s join brands b"
        " on b.name = s.brand group by b.id, step;",
        level.step_ms);
  return db_.exec(sql + "drop table seconds; drop table brand_seconds; commit");
}

Status History::learn_brands() {
  auto select = db_.prepare("select id, name from brands");
  if (!select) return std::move(select).error();
  while (select->step() == SQLITE_ROW) brands_.emplace(select->text(1), select->number(0));
  return Done{};
}

Error History::error(std::string_view what) const {
  return db_.error().while_trying(fmt::format("{} the history", what));
}

Result<std::int64_t> History::number_of(const std::string& brand) {
  const auto known = brands_.find(brand);
  if (known != brands_.end()) return known->second;
  if (brands_.size() >= kBrandsMax && brand != kOther) return number_of(kOther);
  auto insert = db_.prepare("insert into brands(name) values(?1)");
  if (!insert) return std::move(insert).error();
  insert->bind(1, std::string_view(brand));
  if (!db_.run(*insert)) return error("write");
  return brands_.emplace(brand, db_.last_rowid()).first->second;
}

Status History::add(std::span<const HistoryPoint> points) {
  auto transaction = sqlite::Transaction::begin(db_);
  if (!transaction) return std::move(transaction).error().while_trying("write the history");
  const auto before = brands_;
  const auto add_all = [&]() -> Status {
    for (const HistoryPoint& point : points) {
      if (auto added = add_counts(kWhole, point, point.sentiment, true); !added) return added;
      for (const auto& [brand, counts] : point.by_brand) {
        const auto number = number_of(brand);
        if (!number) return number.error();
        if (auto added = add_counts(*number, point, counts, false); !added) return added;
      }
    }
    return transaction->commit();
  };
  auto added = add_all();
  if (!added) brands_ = before;  // their numbers are rolled back too
  return added;
}

Status History::add_counts(std::int64_t brand, const HistoryPoint& point, const Shares& counts,
                           bool whole) {
  for (const Level& level : kLevels) {
    upsert_.bind(1, level.step_ms).bind(2, brand).bind(3, point.t / level.step_ms * level.step_ms);
    upsert_.bind(4, counts.positive).bind(5, counts.negative).bind(6, counts.neutral);
    upsert_.bind(7, whole ? point.generated : 0).bind(8, whole ? point.acknowledged : 0);
    upsert_.bind(9, whole ? point.stored : 0).bind(10, whole ? point.lag : 0);
    if (!db_.run(upsert_)) return error("write");
  }
  return Done{};
}

Result<HistoryColumns> History::read(const HistorySpan& span, std::string_view brand) {
  HistoryColumns columns{.range = std::string(span.name), .step_ms = span.step_ms};
  auto select = db_.prepare(
      brand.empty() ? "select t, positive, negative, neutral, generated, stored from points"
                      " where step = ?1 and brand = 0 and t >= ?2 and t < ?3 order by t"
                    : "select w.t, ifnull(b.positive, 0), ifnull(b.negative, 0),"
                      " ifnull(b.neutral, 0), w.generated, w.stored from points w"
                      " left join points b on b.step = ?1 and b.brand = ?4 and b.t = w.t"
                      " where w.step = ?1 and w.brand = 0 and w.t >= ?2 and w.t < ?3"
                      " order by w.t");
  if (!select) return std::move(select).error().while_trying("read the history");
  select->bind(1, span.step_ms).bind(2, span.from_ms).bind(3, span.to_ms);
  if (!brand.empty()) {
    const auto known = brands_.find(brand);
    select->bind(4, known == brands_.end() ? std::int64_t{-1} : known->second);
  }
  int state;
  while ((state = select->step()) == SQLITE_ROW) {
    columns.t.push_back(select->number(0));
    int at = 1;
    for (auto* column : {&columns.positive, &columns.negative, &columns.neutral, &columns.generated,
                         &columns.stored})
      column->push_back(static_cast<std::uint64_t>(select->number(at++)));
  }
  if (state != SQLITE_DONE) return error("read");
  return columns;
}

Status History::forget(std::int64_t now_ms) {
  auto erase = db_.prepare("delete from points where step = ?1 and brand = ?2 and t < ?3");
  if (!erase) return std::move(erase).error();
  auto transaction = sqlite::Transaction::begin(db_);
  if (!transaction) return std::move(transaction).error();
  const auto forget_brand = [&](std::int64_t brand) {
    return std::ranges::all_of(kLevels, [&](const Level& level) {
      erase->bind(1, level.step_ms).bind(2, brand).bind(3, now_ms - level.kept_ms);
      return db_.run(*erase);
    });
  };
  bool forgotten = forget_brand(kWhole);
  for (const auto& [name, number] : brands_) forgotten = forgotten && forget_brand(number);
  if (!forgotten) return error("trim");
  const auto old =
      fmt::format("delete from alerts where t < {}", now_ms - std::end(kLevels)[-1].kept_ms);
  if (auto trimmed = db_.exec(old); !trimmed) return trimmed;
  return transaction->commit();
}

Status History::add_alert(const Alert& alert) {
  auto insert = db_.prepare("insert or ignore into alerts values(?1,?2,?3,?4,?5,?6,?7)");
  if (!insert) return std::move(insert).error();
  insert->bind(1, alert.id).bind(2, alert.t).bind(3, std::string_view(alert.kind));
  bind_real(*insert, 4, alert.share);
  insert->bind(5, std::int64_t{alert.predicted});
  bind_real(*insert, 6, alert.in_seconds);
  bind_real(*insert, 7, alert.window_s);
  if (!db_.run(*insert)) return error("write");
  return Done{};
}

Result<std::vector<Alert>> History::alerts(std::size_t most) {
  auto select = db_.prepare(
      "select id, t, kind, share, predicted, in_seconds, window_s from alerts"
      " order by t desc, id desc limit ?1");
  if (!select) return std::move(select).error();
  select->bind(1, static_cast<std::int64_t>(most));
  std::vector<Alert> found;
  int state;
  while ((state = select->step()) == SQLITE_ROW)
    found.push_back({.id = select->number(0),
                     .t = select->number(1),
                     .kind = std::string(select->text(2)),
                     .share = real(*select, 3).value_or(0),
                     .predicted = select->number(4) != 0,
                     .in_seconds = real(*select, 5),
                     .window_s = real(*select, 6)});
  if (state != SQLITE_DONE) return error("read");
  std::ranges::reverse(found);
  return found;
}

}  // namespace ds
