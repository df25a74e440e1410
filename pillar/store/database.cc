// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/database.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace bitrepo::store {
namespace {

// The WAL is folded into the file beyond this many pages: 16 MiB.
constexpr int kWalPages = 4096;

absl::StatusCode CodeOf(int result) {
  switch (result & 0xFF) {
    case SQLITE_FULL:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::StatusCode::kFailedPrecondition;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_IOERR:
      return absl::StatusCode::kDataLoss;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return absl::StatusCode::kPermissionDenied;
    default:
      return absl::StatusCode::kInternal;
  }
}

int NoteWalPages(void* pages, sqlite3* /*connection*/, const char* /*name*/, int count) {
  *static_cast<int*>(pages) = count;
  return SQLITE_OK;
}

int SizeOf(absl::string_view value) { return static_cast<int>(value.size()); }

// SQLite takes a null address as NULL, so an empty value still needs one.
const char* DataOf(absl::string_view value) { return value.empty() ? "" : value.data(); }

}  // namespace

Query::~Query() {
  if (statement_ != nullptr) {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
}

Query& Query::Bind(int64_t value) {
  bind_result_ |= sqlite3_bind_int64(statement_, next_parameter_++, value);
  return *this;
}

Query& Query::BindText(absl::string_view value) {
  bind_result_ |= sqlite3_bind_text(statement_, next_parameter_++, DataOf(value), SizeOf(value),
                                    SQLITE_TRANSIENT);
  return *this;
}

Query& Query::BindBlob(absl::string_view value) {
  bind_result_ |= sqlite3_bind_blob(statement_, next_parameter_++, DataOf(value), SizeOf(value),
                                    SQLITE_TRANSIENT);
  return *this;
}

Query& Query::BindNull() {
  bind_result_ |= sqlite3_bind_null(statement_, next_parameter_++);
  return *this;
}

absl::StatusOr<bool> Query::Step() {
  if (bind_result_ != SQLITE_OK) {
    return absl::InternalError("the catalogue cannot take a value");
  }
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) {
    return true;
  }
  if (result == SQLITE_DONE) {
    return false;
  }
  return database_->StatusOf(result);
}

absl::Status Query::Run() {
  bool more = true;
  while (more) {
    BITREPO_ASSIGN_OR_RETURN(more, Step());
  }
  return absl::OkStatus();
}

int64_t Query::Int(int column) const { return sqlite3_column_int64(statement_, column); }

absl::string_view Query::Bytes(int column) const {
  const void* const data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr
             ? absl::string_view()
             : absl::string_view(static_cast<const char*>(data), static_cast<size_t>(size));
}

bool Query::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path,
                                                         const std::string& vfs) {
  sqlite3* connection = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                    SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
  const int result =
      sqlite3_open_v2(path.c_str(), &connection, flags, vfs.empty() ? nullptr : vfs.c_str());
  std::unique_ptr<Database> database(new Database(connection));
  if (result != SQLITE_OK) {
    return base::Annotate(database->StatusOf(result), path);
  }
  // The lock before the journal mode: the WAL index is then kept in memory of our own, and no other
  // may come in.
  BITREPO_RETURN_IF_ERROR(base::Annotate(
      database->Execute(
          "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
          "PRAGMA journal_size_limit=67108864; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16384"),
      path));
  BITREPO_ASSIGN_OR_RETURN(Query mode, database->Prepare("PRAGMA journal_mode"));
  BITREPO_ASSIGN_OR_RETURN(const bool row, mode.Step());
  if (!row || mode.Bytes(0) != "wal") {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": this file system takes no write-ahead log"));
  }
  return database;
}

Database::Database(sqlite3* connection) : connection_(connection) {
  // Takes the place of the automatic checkpoint.
  sqlite3_wal_hook(connection_, NoteWalPages, &wal_pages_);
}

Database::~Database() {
  for (const auto& [sql, statement] : statements_) {
    sqlite3_finalize(statement);
  }
  sqlite3_close(connection_);
}

absl::Status Database::StatusOf(int result) const {
  if (result == SQLITE_OK) {
    return absl::OkStatus();
  }
  return absl::Status(
      CodeOf(result),
      absl::StrCat("catalogue: ",
                   connection_ == nullptr ? sqlite3_errstr(result) : sqlite3_errmsg(connection_),
                   " (", sqlite3_errstr(result), ", ", result, ")"));
}

absl::Status Database::Execute(const std::string& sql) {
  return StatusOf(sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr));
}

absl::StatusOr<Query> Database::Prepare(absl::string_view sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) {
    return Query(*this, found->second);
  }
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v3(connection_, sql.data(), SizeOf(sql),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (result != SQLITE_OK) {
    return StatusOf(result);
  }
  statements_.emplace(std::string(sql), statement);
  return Query(*this, statement);
}

int64_t Database::changes() const { return sqlite3_changes64(connection_); }
int64_t Database::last_row_id() const { return sqlite3_last_insert_rowid(connection_); }

absl::Status Database::SetDurable(bool durable) {
  if (durable == durable_) {
    return absl::OkStatus();
  }
  BITREPO_RETURN_IF_ERROR(
      Execute(durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL"));
  durable_ = durable;
  return absl::OkStatus();
}

absl::Status Database::CheckpointWhenDue() {
  if (wal_pages_ < kWalPages) {
    return absl::OkStatus();
  }
  wal_pages_ = 0;
  return StatusOf(
      sqlite3_wal_checkpoint_v2(connection_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr));
}

absl::Status Database::Checkpoint() {
  wal_pages_ = 0;
  return StatusOf(sqlite3_wal_checkpoint_v2(connection_, nullptr, SQLITE_CHECKPOINT_TRUNCATE,
                                            nullptr, nullptr));
}

void Database::Abandon() {
  sqlite3_db_config(connection_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

absl::StatusOr<Transaction> Transaction::Begin(Database& database) {
  BITREPO_RETURN_IF_ERROR(database.Execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::~Transaction() {
  if (database_ != nullptr) {
    // It may have been rolled back by the error that brought us here; then this one says so, to
    // nobody's loss.
    database_->Execute("ROLLBACK").IgnoreError();
  }
}

absl::Status Transaction::Commit() {
  BITREPO_RETURN_IF_ERROR(database_->Execute("COMMIT"));
  database_ = nullptr;
  return absl::OkStatus();
}

}  // namespace bitrepo::store
