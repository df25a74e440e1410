// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/remover.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "pillar/store/audit_query.h"
#include "pillar/store/change_rules.h"
#include "pillar/store/file_identity.h"
#include "pillar/store/file_places.h"
#include "pillar/store/record_access.h"

namespace bitrepo::store {
namespace {

constexpr char kWhat[] = "a removed file";
constexpr uint32_t kPurgedAtOnce = 1000;  // in one commit

}  // namespace

std::vector<absl::StatusOr<FileRecord>> Remover::Remove(std::vector<Removal> group) {
  base::MutexLock lock(names_);
  std::vector<absl::StatusOr<FileRecord>> results;
  std::vector<std::pair<base::CollectionId, GenerationRow>> removed;
  std::vector<Change> changes;
  Claims claims;
  for (Removal& removal : group) {
    absl::StatusOr<GenerationRow> row = Claim(removal, claims);
    if (!row.ok()) {
      results.emplace_back(row.status());
      continue;
    }
    row->record.removed_at = removal.removed_at;
    results.emplace_back(row->record);
    Change change;
    change.audit = std::move(removal.audit);
    change.collection = removal.collection;
    change.removed = *row;
    change.answer = std::move(removal.answer);
    changes.push_back(std::move(change));
    removed.emplace_back(removal.collection, *std::move(row));
  }
  const absl::Status status = catalogue_.Commit(std::move(changes), /*durable=*/true);
  if (status.ok()) {
    MoveToQuarantine(collections_, gate_, removed);
    return results;
  }
  for (absl::StatusOr<FileRecord>& result : results) {
    if (result.ok()) {
      result = status;
    }
  }
  return results;
}

absl::StatusOr<GenerationRow> Remover::Claim(const Removal& removal, Claims& claims) {
  BITREPO_RETURN_IF_ERROR(gate_.Check());
  BITREPO_RETURN_IF_ERROR(FindCollection(collections_, removal.collection).status());
  BITREPO_RETURN_IF_ERROR(CheckNoFinal(catalogue_, removal.answer.key));
  if (claims.answers.contains(removal.answer.key)) {
    return HasItsFinal();
  }
  BITREPO_ASSIGN_OR_RETURN(std::optional<GenerationRow> newest,
                           catalogue_.Newest(removal.collection, removal.file_id));
  const bool live = newest.has_value() && newest->live() &&
                    !claims.files.contains({removal.collection, removal.file_id});
  BITREPO_RETURN_IF_ERROR(
      CheckRemoval(removal.file_id, live ? &newest->record : nullptr, removal.sha256));
  claims.files.emplace(removal.collection, removal.file_id);
  claims.answers.insert(removal.answer.key);
  return *std::move(newest);
}

absl::StatusOr<FileRecord> Remover::Restore(Restoration restoration) {
  base::MutexLock lock(names_);
  const base::CollectionId id = restoration.collection;
  BITREPO_RETURN_IF_ERROR(gate_.Check());
  BITREPO_ASSIGN_OR_RETURN(CollectionStore* const collection, FindCollection(collections_, id));
  BITREPO_ASSIGN_OR_RETURN(Change change, RestorationChange(catalogue_, std::move(restoration)));
  const GenerationRow restored = *change.added;
  const std::optional<GenerationRow> replaced = change.removed;

  BITREPO_RETURN_IF_ERROR(Name(restored, *collection));
  std::vector<Change> changes;
  changes.push_back(std::move(change));
  const absl::Status status = catalogue_.Commit(std::move(changes), /*durable=*/true);
  if (absl::IsResourceExhausted(status)) {
    MoveToQuarantine(collections_, gate_, {{id, restored}});  // nothing was recorded
  }
  BITREPO_RETURN_IF_ERROR(status);
  if (replaced.has_value()) {
    MoveToQuarantine(collections_, gate_, {{id, *replaced}});
  }
  return restored.record;
}

absl::Status Remover::Name(const GenerationRow& row, CollectionStore& collection) {
  const base::FileId& file_id = row.record.file_id;
  const std::string path = PathIn(Place::kFiles, file_id, row.name_number);
  const auto look = [&](const std::string& at) {
    return collection.home.disk().Stat(collection.home.Path(at)).status();
  };
  std::vector<std::string> in_the_way;
  for (const char* const suffix : {"", kIdentitySuffix}) {
    const std::string from = PathIn(Place::kQuarantine, file_id, row.name_number);
    if (look(absl::StrCat(from, suffix)).ok() && look(absl::StrCat(path, suffix)).ok()) {
      in_the_way.push_back(absl::StrCat(path, suffix));
    }
  }
  if (!in_the_way.empty()) {
    BITREPO_RETURN_IF_ERROR(collection.quarantine->Take(in_the_way, "not in the catalogue"));
  }
  FileMoves moves(collection.home);
  BITREPO_RETURN_IF_ERROR(
      gate_.Judge(kWhat, moves.MoveTo(Place::kFiles, file_id, row.name_number)));
  const absl::Status there = look(path);
  if (absl::IsNotFound(there)) {
    return absl::DataLossError(absl::StrCat(file_id.text(), ": the file in quarantine is missing"));
  }
  BITREPO_RETURN_IF_ERROR(there);
  const absl::Status synced = moves.Sync();
  return synced.ok() ? synced : gate_.Close("a sync of a restored file", synced);
}

absl::StatusOr<uint64_t> Remover::Purge(absl::Time removed_before, uint32_t limit) {
  if (limit == 0) {
    return absl::InvalidArgumentError("a purge of no generations");
  }
  uint64_t purged = 0;
  for (const auto& [id, collection] : collections_) {
    for (bool more = true; more && purged < limit;) {
      // Let others in between two commits.
      base::MutexLock lock(names_);
      BITREPO_RETURN_IF_ERROR(gate_.Check());
      const uint32_t at_once =
          static_cast<uint32_t>(std::min<uint64_t>(limit - purged, kPurgedAtOnce));
      BITREPO_ASSIGN_OR_RETURN(std::vector<GenerationRow> rows,
                               catalogue_.RemovedBefore(id, removed_before, at_once));
      const uint32_t rest = at_once - static_cast<uint32_t>(rows.size());
      std::vector<std::string> paths;
      if (rest > 0) {
        BITREPO_ASSIGN_OR_RETURN(paths, catalogue_.TakenBefore(id, removed_before, rest));
      }
      more = rows.size() + paths.size() == at_once;
      purged += rows.size() + paths.size();
      BITREPO_RETURN_IF_ERROR(Discard(id, std::move(rows), std::move(paths)));
    }
  }
  return purged;
}

absl::Status Remover::Discard(const base::CollectionId& id, std::vector<GenerationRow> rows,
                              std::vector<std::string> paths) {
  if (rows.empty() && paths.empty()) {
    return absl::OkStatus();
  }
  std::vector<Change> changes;
  for (const GenerationRow& row : rows) {
    Change change;
    change.audit = PurgeEvent(id, row.record);
    change.collection = id;
    change.gone = row;
    changes.push_back(std::move(change));
  }
  for (const std::string& path : paths) {
    Change change;
    change.audit = AuditEvent{.action = kPurgedAction,
                              .collection = id.text(),
                              .file_id = Quarantine::IdOf(path),
                              .detail = path};
    change.collection = id;
    change.discarded = path;
    changes.push_back(std::move(change));
  }
  BITREPO_RETURN_IF_ERROR(catalogue_.Commit(std::move(changes), /*durable=*/true));
  const absl::Status removed = RemoveDiscarded(id, rows, paths);
  if (!removed.ok()) {
    base::LogLine(base::LogLevel::kWarning, "purged-file-left").With("cause", removed.message());
  }
  return gate_.Check();
}

// Only what is gone durably is forgotten: else a file could come back that nobody knows.
absl::Status Remover::RemoveDiscarded(const base::CollectionId& id,
                                      const std::vector<GenerationRow>& rows,
                                      const std::vector<std::string>& paths) {
  CollectionStore& collection = *collections_.at(id);
  FileMoves moves(collection.home);
  for (const GenerationRow& row : rows) {
    BITREPO_RETURN_IF_ERROR(moves.Remove(row.record.file_id, row.name_number));
  }
  for (const std::string& path : paths) {
    BITREPO_RETURN_IF_ERROR(collection.quarantine->Remove(path));
  }
  if (const absl::Status synced = moves.Sync(); !synced.ok()) {
    return gate_.Close("a sync of the quarantine", synced);
  }
  return catalogue_.Drop(id, rows, paths);
}

absl::Status Remover::FinishPurges() {
  base::MutexLock lock(names_);
  for (const auto& [id, collection] : collections_) {
    for (;;) {
      BITREPO_ASSIGN_OR_RETURN(const std::vector<GenerationRow> rows,
                               catalogue_.Purged(id, kPurgedAtOnce));
      BITREPO_ASSIGN_OR_RETURN(const std::vector<std::string> paths,
                               catalogue_.DiscardedPaths(id, kPurgedAtOnce));
      if (rows.empty() && paths.empty()) {
        break;
      }
      BITREPO_RETURN_IF_ERROR(RemoveDiscarded(id, rows, paths));
    }
  }
  return absl::OkStatus();
}

}  // namespace bitrepo::store
