// Looking at a store from outside while somebody else writes into it: how many records it holds, of
// which brand and sentiment, where each partition goes on, and what was claimed.
//
//   auto watch = StoreWatch::open("tweets.db");
//   while (…, a second later) {
//     if (auto looked = watch->look(); !looked) …
//     show(watch->seen());
//   }
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "ledger/claim.h"
#include "record/mix.h"
#include "sink/sink.h"
#include "sink/sqlite.h"

namespace ds {

/// What a store holds. Counts are of records, whichever way they are stored.
struct StoreSeen {
  using ByBrand = std::map<std::string, std::array<std::uint64_t, kSentiments>, std::less<>>;

  std::uint64_t stored = 0;   // with a row of their own, rolled up, or trimmed
  std::uint64_t retired = 0;  // of these, the trimmed: only their identities are left
  /// The stored whose brand is known: what was trimmed before the first look is not among them.
  ByBrand by_brand;
  std::int64_t newest_ms = 0;  // the latest record time, 0 when there is none
  /// By cluster id: where the store wants each partition to go on.
  std::map<std::string, Sink::Offsets> next_offsets;
  bool whole = false;  // false while by_brand still catches up with what was there at the start
};

/// A store of whatever kind, looked at now and then. Threads: one.
class Watch {
 public:
  virtual ~Watch() = default;
  /// Brings seen() and claims() up to one moment of the store. While seen().whole is false the next
  /// look is worth making at once.
  virtual Status look() = 0;
  virtual const StoreSeen& seen() const = 0;
  /// Null: this kind of store keeps none, nor where partitions go on.
  virtual const ClaimBook* claims() const = 0;
};

/// A SQLite file. Threads: one.
/// Cost:    a look at an unchanged store is one question to SQLite; else it reads the rows that
///          are new, a few million a second, and what is there at the start in slices of
///          kSliceRows, so that the writer's log is never held for long.
class StoreWatch final : public Watch {
 public:
  static constexpr std::int64_t kSliceRows = 1'000'000;

  /// Refuses what is missing, empty or not DataStorm's. Never writes.
  static Result<StoreWatch> open(const std::string& path, std::int64_t slice_rows = kSliceRows);

  Status look() override;
  const StoreSeen& seen() const override { return seen_; }
  const ClaimBook* claims() const override { return &claims_; }

 private:
  StoreWatch(sqlite::Database db, std::int64_t slice_rows)
      : db_(std::move(db)), slice_rows_(slice_rows) {}

  Status look_at_all();
  Status follow_tweets();
  Status count_rows(std::int64_t from, std::int64_t to);
  Status follow_rollups();
  void merge();
  Status read_offsets();
  Status read_claims();

  /// Counts by brand of one table, up to the row that was read last.
  struct Followed {
    std::int64_t last_row = 0;
    StoreSeen::ByBrand all;    // of what was there at the start
    StoreSeen::ByBrand fresh;  // read, and not merged yet: a look that failed loses nothing
    void count(std::string_view brand, std::string_view sentiment, std::uint64_t records);
  };

  sqlite::Database db_;
  std::int64_t slice_rows_;
  std::int64_t version_ = -1;  // SQLite's, of the store that was looked at last
  std::int64_t claims_updated_ = -1;
  Followed tweets_, rollups_;
  std::uint64_t rolled_up_ = 0;  // the sum of `rollups`
  bool rows_left_ = false;       // of those there at the start
  StoreSeen seen_;
  ClaimBook claims_;
};

}  // namespace ds
