// SPDX-License-Identifier: Apache-2.0
// One SQLite connection, as far as the catalogue needs one: statements kept prepared, transactions,
// errors as statuses.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct sqlite3;
struct sqlite3_stmt;

namespace bitrepo::store {

class Database;

// A statement on its way: bind in order of the parameters, then Step for each row or Run for none.
// Ends when it dies; one at a time per text. Errors of binding come out of Step and Run.
class Query {
 public:
  Query(Query&& other) noexcept
      : database_(other.database_),
        statement_(std::exchange(other.statement_, nullptr)),
        next_parameter_(other.next_parameter_),
        bind_result_(other.bind_result_) {}
  Query& operator=(Query&&) = delete;
  ~Query();

  Query& Bind(int64_t value);
  Query& BindText(absl::string_view value);
  Query& BindBlob(absl::string_view value);
  Query& BindNull();
  // True: a row is there. False: no more.
  absl::StatusOr<bool> Step();
  // Runs it to its end.
  absl::Status Run();

  // Of the row. The views live until the next Step.
  int64_t Int(int column) const;
  absl::string_view Bytes(int column) const;
  bool IsNull(int column) const;

 private:
  friend class Database;
  Query(Database& database, sqlite3_stmt* statement)
      : database_(&database), statement_(statement) {}

  Database* database_;
  sqlite3_stmt* statement_;
  int next_parameter_ = 1;
  int bind_result_ = 0;
};

// Opened in WAL mode with an exclusive lock (no shared memory, so any VFS will do) and every commit
// synced. Threads:  loop-confined; the catalogue's mutex is around it. Errors:   kResourceExhausted
// no space (nothing changed); kDataLoss damaged or unreadable; kFailedPrecondition another
//           has it; kPermissionDenied; kInternal. After any but kResourceExhausted from a change,
//           whether the change is on the medium is unknown.
class Database {
 public:
  // `vfs` empty: SQLite's own for this system.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path,
                                                        const std::string& vfs);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // One or more statements without parameters and rows.
  absl::Status Execute(const std::string& sql);
  // Requires: `sql` is right: texts are ours.
  absl::StatusOr<Query> Prepare(absl::string_view sql);
  // Rows that the last INSERT, UPDATE or DELETE changed; its row id.
  int64_t changes() const;
  int64_t last_row_id() const;

  // Commits made from here on wait for the medium, or do not: then a power cut may undo the last
  // ones, in order from the end, and the next waited-for commit makes them durable too.
  absl::Status SetDurable(bool durable);
  // Folds the write-ahead log into the file when it has grown long. SQLite would do so by itself
  // within a commit, and keep a failed sync to itself.
  absl::Status CheckpointWhenDue();
  // Folds all of it, synced: the file alone is then the database. Requires: no transaction.
  absl::Status Checkpoint();
  // A sync failed: leaves the files as they are when it closes.
  void Abandon();

 private:
  friend class Query;
  explicit Database(sqlite3* connection);
  absl::Status StatusOf(int result) const;

  sqlite3* const connection_;
  bool durable_ = true;
  int wal_pages_ = 0;
  absl::btree_map<std::string, sqlite3_stmt*> statements_;
};

// BEGIN when made; ROLLBACK when it dies uncommitted.
class Transaction {
 public:
  static absl::StatusOr<Transaction> Begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  absl::Status Commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace bitrepo::store
