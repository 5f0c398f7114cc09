// SQLite's C interface with owners and errors in words; only this room uses it.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace ds::sqlite {

/// A prepared statement. bind() counts from 1, column() from 0, as SQLite does.
/// Lifetime: ends before its database. Bound text is borrowed until the next reset or bind.
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  sqlite3_stmt* get() const { return statement_.get(); }

  Statement& bind(int at, std::int64_t value) {
    sqlite3_bind_int64(get(), at, value);
    return *this;
  }
  Statement& bind(int at, std::uint64_t value) {
    return bind(at, static_cast<std::int64_t>(value));
  }
  Statement& bind(int at, std::int32_t value) { return bind(at, std::int64_t{value}); }
  Statement& bind(int at, std::uint32_t value) { return bind(at, std::int64_t{value}); }
  Statement& bind(int at, double value) {
    sqlite3_bind_double(statement_.get(), at, value);
    return *this;
  }
  Statement& bind(int at, std::string_view text) {
    // A null pointer would bind NULL.
    sqlite3_bind_text(get(), at, text.data() == nullptr ? "" : text.data(),
                      static_cast<int>(text.size()), SQLITE_STATIC);
    return *this;
  }
  Statement& bind(int at, ByteView bytes) {
    sqlite3_bind_blob64(get(), at, bytes.data(), bytes.size(), SQLITE_STATIC);
    return *this;
  }
  Statement& bind_null(int at) {
    sqlite3_bind_null(get(), at);
    return *this;
  }

  /// SQLITE_ROW, SQLITE_DONE or an error's number.
  int step() { return sqlite3_step(get()); }
  void reset() { sqlite3_reset(get()); }
  std::int64_t number(int at) const { return sqlite3_column_int64(get(), at); }
  /// Lifetime: until the next step or reset.
  std::string_view text(int at) const {
    const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(get(), at));
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(get(), at))};
  }
  /// The same of blobs and texts alike; NULL has no bytes.
  ByteView bytes(int at) const {
    const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(get(), at));
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(get(), at))};
  }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// A connection. Threads: one.
class Database {
 public:
  enum class Mode { kRead, kWrite, kCreate };
  static Result<Database> open(const std::string& path, Mode mode);

  /// The last call met what a killed writer left, a journal to be played back: reading takes
  /// kWrite.
  bool needs_playback() const;

  const std::string& path() const { return path_; }
  sqlite3* get() const { return db_.get(); }

  /// How long a call waits for another program's lock; 5 s unless said.
  void set_busy_timeout(Nanos timeout) {
    sqlite3_busy_timeout(get(), static_cast<int>(timeout / kMillisecond));
  }

  Status exec(const std::string& sql);
  Result<Statement> prepare(std::string_view sql);
  /// Steps to the end (rows are passed over) and resets. False: error() says why.
  bool run(Statement& statement);
  /// The first column of the first row; 0 when there is none.
  Result<std::int64_t> number(std::string_view sql);
  std::int64_t changes() const { return sqlite3_changes64(get()); }
  std::int64_t last_rowid() const { return sqlite3_last_insert_rowid(get()); }

  /// What the last call met, in words: kTimeout for what may pass (busy, locked, a full disk),
  /// kCorrupt and kStorage for what will not.
  Error error() const;

 private:
  explicit Database(std::string path) : path_(std::move(path)) {}

  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  std::string path_;
  std::unique_ptr<sqlite3, Close> db_;
};

/// A transaction that rolls back unless it is committed. It takes the writer's place at once, so
/// that what it reads stays true.
class Transaction {
 public:
  static Result<Transaction> begin(Database& db);
  Transaction(Transaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  ~Transaction();
  Status commit();

 private:
  explicit Transaction(Database& db) : db_(&db) {}
  Database* db_;
};

}  // namespace ds::sqlite
