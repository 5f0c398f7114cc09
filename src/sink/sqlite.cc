#include "sink/sqlite.h"

namespace ds::sqlite {
namespace {

constexpr Nanos kBusyTimeout = 5 * kSecond;

}  // namespace

Result<Database> Database::open(const std::string& path, Mode mode) {
  Database opened(path);
  sqlite3* db = nullptr;
  const int flags = mode == Mode::kRead    ? SQLITE_OPEN_READONLY
                    : mode == Mode::kWrite ? SQLITE_OPEN_READWRITE
                                           : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int result = sqlite3_open_v2(path.c_str(), &db, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  opened.db_.reset(db);
  if (result != SQLITE_OK) return opened.error();
  sqlite3_extended_result_codes(db, 1);
  opened.set_busy_timeout(kBusyTimeout);
  return opened;
}

bool Database::needs_playback() const {
  const int code = sqlite3_extended_errcode(get());
  return code == SQLITE_READONLY_ROLLBACK || code == SQLITE_READONLY_RECOVERY;
}

Status Database::exec(const std::string& sql) {
  if (sqlite3_exec(get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return error();
  return Done{};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                         &statement, nullptr) != SQLITE_OK)
    return error();
  return Statement(statement);
}

bool Database::run(Statement& statement) {
  int result = SQLITE_ROW;
  while (result == SQLITE_ROW) result = statement.step();
  statement.reset();  // keeps the error of the step
  return result == SQLITE_DONE;
}

Result<std::int64_t> Database::number(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return std::move(statement).error();
  const int result = statement->step();
  if (result == SQLITE_ROW) return statement->number(0);
  if (result == SQLITE_DONE) return std::int64_t{0};
  return error();
}

Error Database::error() const {
  const int code = db_ ? sqlite3_extended_errcode(get()) : SQLITE_NOMEM;
  const int primary = code & 0xff;
  const int system = db_ ? sqlite3_system_errno(get()) : 0;
  const auto say = [&](ErrorCode kind, std::string_view what, std::string hint) {
    return Error{.code = kind,
                 .message = fmt::format("{} {}", path_, what),
                 .hint = std::move(hint),
                 .system = system};
  };
  switch (primary) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return say(ErrorCode::kTimeout, "is locked by another program",
                 "end what else writes into it");
    case SQLITE_FULL:
      return say(ErrorCode::kTimeout, "cannot grow: the disk is full", "make room on the disk");
    case SQLITE_READONLY:
      return say(ErrorCode::kStorage, "may not be written", "check its rights and its folder's");
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return say(ErrorCode::kStorage, "may not be used", "check its rights and its folder's");
    case SQLITE_CANTOPEN:
      return say(ErrorCode::kStorage, "cannot be opened",
                 "check that it is there, and that its folder exists and may be used");
    case SQLITE_NOTADB:
      return say(ErrorCode::kStorage, "is not a SQLite database",
                 "name another file, or move this one away");
    case SQLITE_CORRUPT:
      return say(ErrorCode::kCorrupt, "is damaged",
                 "save what it still holds with `sqlite3 FILE .recover`, and name a new file");
    case SQLITE_IOERR:
      return say(ErrorCode::kStorage,
                 fmt::format("could not be read or written ({})", sqlite3_errmsg(get())),
                 "check the disk, and the system's log");
    default:
      return say(ErrorCode::kStorage,
                 fmt::format("refused: {}", db_ ? sqlite3_errmsg(get()) : "out of memory"), {});
  }
}

Result<Transaction> Transaction::begin(Database& db) {
  if (auto begun = db.exec("begin immediate"); !begun) return std::move(begun).error();
  return Transaction(db);
}

Transaction::~Transaction() {
  // Some errors have rolled back by themselves.
  if (db_ != nullptr && sqlite3_get_autocommit(db_->get()) == 0)
    sqlite3_exec(db_->get(), "rollback", nullptr, nullptr, nullptr);
}

Status Transaction::commit() {
  auto committed = db_->exec("commit");
  if (committed) db_ = nullptr;
  return committed;
}

}  // namespace ds::sqlite
