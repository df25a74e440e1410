// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/taken_table.h"

#include <utility>

#include "base/status.h"

namespace bitrepo::store {

absl::Status TakenTable::Insert(int64_t collection, absl::string_view path, int64_t audit_seq,
                                absl::Time at) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query,
      database_.Prepare("INSERT INTO quarantine(collection, path, audit_seq, taken_at, discarded)"
                        " VALUES(?,?,?,?,0)"));
  return query.Bind(collection).BindText(path).Bind(audit_seq).Bind(absl::ToUnixMicros(at)).Run();
}

absl::Status TakenTable::SetDiscarded(int64_t collection, absl::string_view path) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query,
      database_.Prepare("UPDATE quarantine SET discarded=1 WHERE collection=? AND path=?"));
  return query.Bind(collection).BindText(path).Run();
}

absl::Status TakenTable::Drop(int64_t collection, absl::string_view path) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query, database_.Prepare("DELETE FROM quarantine WHERE collection=? AND path=?"));
  return query.Bind(collection).BindText(path).Run();
}

absl::StatusOr<std::vector<std::string>> TakenTable::All(int64_t collection) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query,
      database_.Prepare("SELECT path FROM quarantine WHERE collection=? ORDER BY path"));
  query.Bind(collection);
  return ReadPaths(std::move(query));
}

absl::StatusOr<std::vector<std::string>> TakenTable::Before(int64_t collection, absl::Time before,
                                                            uint32_t limit) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query, database_.Prepare("SELECT path FROM quarantine WHERE collection=?"
                                     " AND taken_at<? AND discarded=0 ORDER BY path LIMIT ?"));
  query.Bind(collection).Bind(absl::ToUnixMicros(before)).Bind(limit);
  return ReadPaths(std::move(query));
}

absl::StatusOr<std::vector<std::string>> TakenTable::Discarded(int64_t collection, uint32_t limit) {
  BITREPO_ASSIGN_OR_RETURN(Query query,
                           database_.Prepare("SELECT path FROM quarantine WHERE collection=?"
                                             " AND discarded=1 ORDER BY path LIMIT ?"));
  query.Bind(collection).Bind(limit);
  return ReadPaths(std::move(query));
}

absl::StatusOr<uint64_t> TakenTable::Count(int64_t collection) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query,
      database_.Prepare("SELECT count(*) FROM quarantine WHERE collection=? AND discarded=0"));
  BITREPO_RETURN_IF_ERROR(query.Bind(collection).Step().status());
  return static_cast<uint64_t>(query.Int(0));
}

absl::StatusOr<std::vector<std::string>> TakenTable::ReadPaths(Query query) {
  std::vector<std::string> paths;
  for (;;) {
    BITREPO_ASSIGN_OR_RETURN(const bool more, query.Step());
    if (!more) {
      return paths;
    }
    paths.emplace_back(query.Bytes(0));
  }
}

}  // namespace bitrepo::store
