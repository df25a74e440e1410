// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/catalogue_schema.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace bitrepo::store {
namespace {

// generation: listed in the order of its key, hence without row ids. Sequence numbers are those of
// the audit record that was written in the same commit. The digests of the blocks stand last, and
// those of long files in a table of their own: a row of this kind is read whole wherever the tree
// is searched. A row lives from created_seq, lies in quarantine from removed_seq, and has left it
// at gone_seq: purged, or restored as a newer row whose file has the same name (name_n).
// answer: by conversation first, whose ids rise with time.
// audit: effect says what became of the names of the file's generations (audit_ledger.h).
constexpr char kTables[] = R"sql(
CREATE TABLE meta(
  name TEXT PRIMARY KEY, value ANY NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE collection(
  number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE generation(
  collection INTEGER NOT NULL, file_id TEXT NOT NULL, n INTEGER NOT NULL,
  name_n INTEGER NOT NULL, generation_id BLOB NOT NULL, size INTEGER NOT NULL,
  sha256 BLOB NOT NULL, state INTEGER NOT NULL,
  created_seq INTEGER NOT NULL, removed_seq INTEGER NOT NULL, gone_seq INTEGER,
  stored_at INTEGER NOT NULL, verified_at INTEGER NOT NULL, removed_at INTEGER,
  long_digests INTEGER, block_digests BLOB,
  PRIMARY KEY(collection, file_id, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX generation_removed ON generation(collection, file_id, n) WHERE removed_at IS NOT NULL;
CREATE INDEX generation_term ON generation(collection, removed_at) WHERE removed_at IS NOT NULL;
CREATE TABLE long_digests(
  number INTEGER PRIMARY KEY, block_digests BLOB NOT NULL
) STRICT;
CREATE TABLE answer(
  conversation BLOB NOT NULL, message BLOB NOT NULL, principal TEXT NOT NULL,
  body_sha256 BLOB NOT NULL, final BLOB, recorded_at INTEGER NOT NULL,
  interrupted INTEGER NOT NULL, audit_seq INTEGER,
  PRIMARY KEY(conversation, message, principal)
) STRICT, WITHOUT ROWID;
CREATE INDEX answer_age ON answer(recorded_at);
CREATE INDEX answer_open ON answer(recorded_at) WHERE final IS NULL;
CREATE TABLE audit(
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, action TEXT NOT NULL, collection TEXT NOT NULL,
  file_id TEXT NOT NULL, principal TEXT NOT NULL, conversation TEXT NOT NULL,
  result TEXT NOT NULL, detail TEXT NOT NULL, hash BLOB NOT NULL, effect TEXT NOT NULL
) STRICT;
CREATE INDEX audit_file ON audit(file_id, collection) WHERE file_id<>'';
CREATE INDEX audit_conversation ON audit(conversation) WHERE conversation<>'';
CREATE TABLE quarantine(
  collection INTEGER NOT NULL, path TEXT NOT NULL, audit_seq INTEGER NOT NULL,
  taken_at INTEGER NOT NULL, discarded INTEGER NOT NULL,
  PRIMARY KEY(collection, path)
) STRICT, WITHOUT ROWID;
)sql";

absl::StatusOr<int64_t> ReadFormat(Database& database) {
  BITREPO_ASSIGN_OR_RETURN(Query query, database.Prepare("PRAGMA user_version"));
  BITREPO_ASSIGN_OR_RETURN(const bool row, query.Step());
  return row ? query.Int(0) : 0;
}

}  // namespace

absl::Status PrepareSchema(Database& database) {
  BITREPO_ASSIGN_OR_RETURN(const int64_t format, ReadFormat(database));
  if (format > kCatalogueFormat) {
    return absl::FailedPreconditionError(
        absl::StrCat("the catalogue has format ", format, ", newer than ", kCatalogueFormat,
                     ", which this program understands: use the program that wrote it"));
  }
  if (format == kCatalogueFormat) {
    return absl::OkStatus();
  }
  BITREPO_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database));
  BITREPO_RETURN_IF_ERROR(database.Execute(kTables));
  BITREPO_RETURN_IF_ERROR(database.Execute(absl::StrCat("PRAGMA user_version=", kCatalogueFormat)));
  return transaction.Commit();
}

absl::StatusOr<std::optional<std::string>> ReadValue(Database& database, absl::string_view name) {
  BITREPO_ASSIGN_OR_RETURN(Query query, database.Prepare("SELECT value FROM meta WHERE name=?"));
  BITREPO_ASSIGN_OR_RETURN(const bool found, query.BindText(name).Step());
  return found ? std::optional<std::string>(query.Bytes(0)) : std::nullopt;
}

absl::Status WriteValue(Database& database, absl::string_view name, absl::string_view value) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query, database.Prepare("INSERT OR REPLACE INTO meta(name, value) VALUES(?,?)"));
  return query.BindText(name).BindText(value).Run();
}

absl::StatusOr<int64_t> CollectionNumber(Database& database, const base::CollectionId& id) {
  BITREPO_ASSIGN_OR_RETURN(Query insert,
                           database.Prepare("INSERT OR IGNORE INTO collection(name) VALUES(?)"));
  BITREPO_RETURN_IF_ERROR(insert.BindText(id.text()).Run());
  BITREPO_ASSIGN_OR_RETURN(Query query,
                           database.Prepare("SELECT number FROM collection WHERE name=?"));
  BITREPO_RETURN_IF_ERROR(query.BindText(id.text()).Step().status());
  return query.Int(0);
}

}  // namespace bitrepo::store
