#include "sink/store_watch.h"

#include <algorithm>

#include "ledger/read_tweets.h"
#include "sink/sqlite_store.h"

namespace ds {
namespace {

/// Steps through all rows; the statement is of `db`.
template <typename Visit>
Status for_each_row(sqlite::Database& db, sqlite::Statement& rows, const Visit& visit) {
  int result;
  while ((result = rows.step()) == SQLITE_ROW) visit(rows);
  if (result != SQLITE_DONE) return db.error();
  return Done{};
}

/// Cell by cell: into = combine(into, from).
template <typename Combine>
void combine(StoreSeen::ByBrand& into, const StoreSeen::ByBrand& from, const Combine& combine) {
  for (const auto& [brand, counts] : from) {
    auto& cells = into[brand];
    for (std::size_t kind = 0; kind < kSentiments; ++kind)
      cells[kind] = combine(cells[kind], counts[kind]);
  }
}

constexpr auto kLarger = [](std::uint64_t a, std::uint64_t b) { return std::max(a, b); };

}  // namespace

void StoreWatch::Followed::count(std::string_view brand, std::string_view sentiment,
                                 std::uint64_t records) {
  const auto kind = sentiment_named(sentiment);
  if (!kind) return;
  auto found = fresh.find(brand);
  if (found == fresh.end()) found = fresh.try_emplace(std::string(brand)).first;
  found->second[static_cast<std::size_t>(*kind)] += records;
}

Result<StoreWatch> StoreWatch::open(const std::string& path, std::int64_t slice_rows) {
  auto db = open_store_for_reading(path);
  if (!db) return std::move(db).error();
  return StoreWatch(std::move(db).value(), slice_rows);
}

Status StoreWatch::look() {
  const auto version = db_.number("pragma data_version");
  if (!version) return version.error();
  if (*version == version_ && seen_.whole) return Done{};
  if (auto begun = db_.exec("begin"); !begun) return begun;
  auto looked = look_at_all();
  // Reads only, so there is nothing to keep; what lies between is let go at once.
  if (auto ended = db_.exec("rollback"); !ended) return ended;
  if (looked) version_ = *version;
  return looked;
}

Status StoreWatch::look_at_all() {
  if (auto done = follow_rollups(); !done) return done;
  if (auto done = follow_tweets(); !done) return done;
  merge();
  if (auto done = read_offsets(); !done) return done;
  return read_claims();
}

Status StoreWatch::follow_tweets() {
  const auto first = db_.number("select min(rowid) from tweets");
  const auto last = db_.number("select max(rowid) from tweets");
  const auto without_row = db_.number("select sum(rows) from accounted");
  for (const auto* each : {&first, &last, &without_row})
    if (!*each) return each->error();
  // Rows are added behind the last and trimmed from the first on, so their numbers count them.
  const std::int64_t rows = *last == 0 ? 0 : *last - *first + 1;
  // Both are at most what was stored, and one of them is: rollups know nothing of raw stores, and
  // identities nothing of records that are not the storm's and have no row.
  seen_.stored = std::max(static_cast<std::uint64_t>(rows + *without_row), rolled_up_);
  seen_.retired = seen_.stored - std::max(static_cast<std::uint64_t>(rows), rolled_up_);

  if (*last < tweets_.last_row) tweets_.last_row = 0;  // all were trimmed, and numbers began again
  const std::int64_t from = std::max(tweets_.last_row, *first - 1);
  const std::int64_t to = seen_.whole ? *last : std::min(*last, from + slice_rows_);
  if (auto counted = count_rows(from, to); !counted) return counted;
  tweets_.last_row = to;
  rows_left_ = to < *last;
  return Done{};
}

Status StoreWatch::count_rows(std::int64_t from, std::int64_t to) {
  if (to <= from) return Done{};
  auto rows = db_.prepare(
      "select rowid, timestamp, brand, sentiment from tweets where rowid > ?1 and rowid <= ?2");
  if (!rows) return std::move(rows).error();
  rows->bind(1, from).bind(2, to);
  return for_each_row(db_, *rows, [this](const sqlite::Statement& row) {
    tweets_.last_row = row.number(0);
    seen_.newest_ms = std::max(seen_.newest_ms, row.number(1));
    tweets_.count(row.text(2), row.text(3), 1);
  });
}

Status StoreWatch::follow_rollups() {
  auto rows =
      db_.prepare("select rowid, window, brand, sentiment, count from rollups where rowid > ?1");
  if (!rows) return std::move(rows).error();
  rows->bind(1, rollups_.last_row);
  return for_each_row(db_, *rows, [this](const sqlite::Statement& row) {
    rollups_.last_row = row.number(0);
    seen_.newest_ms = std::max(seen_.newest_ms, row.number(1));
    const auto records = static_cast<std::uint64_t>(row.number(4));
    rolled_up_ += records;
    rollups_.count(row.text(2), row.text(3), records);
  });
}

void StoreWatch::merge() {
  constexpr auto kSum = [](std::uint64_t a, std::uint64_t b) { return a + b; };
  StoreSeen::ByBrand tweets = std::move(tweets_.fresh), rollups = std::move(rollups_.fresh);
  tweets_.fresh.clear();
  rollups_.fresh.clear();
  if (seen_.whole) {
    // A transaction's rows and rollups tell of the same records; a store that has only one of
    // them has nothing in the other.
    combine(tweets, rollups, kLarger);
    combine(seen_.by_brand, tweets, kSum);
    return;
  }
  combine(tweets_.all, tweets, kSum);
  combine(rollups_.all, rollups, kSum);
  seen_.by_brand = tweets_.all;
  combine(seen_.by_brand, rollups_.all, kLarger);
  seen_.whole = !rows_left_;
}

Status StoreWatch::read_offsets() {
  // In the order of their making: a topic that was made anew stands behind its namesake.
  auto rows =
      db_.prepare("select cluster_id, topic, partition, next_offset from offsets order by rowid");
  if (!rows) return std::move(rows).error();
  return for_each_row(db_, *rows, [this](const sqlite::Statement& row) {
    auto& offsets = seen_.next_offsets[std::string(row.text(0))];
    offsets[{std::string(row.text(1)), static_cast<std::int32_t>(row.number(2))}] = row.number(3);
  });
}

Status StoreWatch::read_claims() {
  // From the last instant on, not after it: more may have been written in that millisecond.
  auto rows = db_.prepare("select key, value, updated from runs where updated >= ?1");
  if (!rows) return std::move(rows).error();
  rows->bind(1, claims_updated_);
  Status sound = Done{};
  const auto read = for_each_row(db_, *rows, [&](const sqlite::Statement& row) {
    claims_updated_ = std::max(claims_updated_, row.number(2));
    if (auto added = claims_.add(row.text(0), row.text(1)); !added) sound = added;
  });
  return read ? sound : read;
}

}  // namespace ds
