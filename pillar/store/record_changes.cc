// SPDX-License-Identifier: Apache-2.0
// What a store of records changes: each in one commit, with its answer and its audit record.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "pillar/store/audit_query.h"
#include "pillar/store/change_rules.h"
#include "pillar/store/record_access.h"
#include "pillar/store/record_store.h"

namespace bitrepo::store {
namespace {

constexpr uint32_t kPurgedAtOnce = 1000;  // in one commit

const FileRecord* RecordOf(const std::optional<GenerationRow>& row) {
  return row.has_value() ? &row->record : nullptr;
}

// The newest generation, when it is live.
std::optional<GenerationRow> LiveOf(const std::optional<GenerationRow>& newest) {
  return newest.has_value() && newest->live() ? newest : std::nullopt;
}

}  // namespace

// One publication on its way.
struct RecordStore::Item {
  explicit Item(Publication the_publication) : publication(std::move(the_publication)) {}
  Publication publication;
  absl::Status status;
  std::optional<Settled> settled;
  std::optional<GenerationRow> row;  // what will be recorded
  std::optional<GenerationRow> removed;
};

std::vector<absl::StatusOr<FileRecord>> RecordStore::Publish(std::vector<Publication> group) {
  std::vector<Item> items;
  items.reserve(group.size());
  for (Publication& publication : group) {
    Item& item = items.emplace_back(std::move(publication));
    item.status = Begin(item);
  }
  {
    base::MutexLock lock(mutex_);
    Claims claims;
    std::vector<Change> changes;
    for (Item& item : items) {
      if (item.status.ok()) item.status = Claim(item, claims);
      if (!item.status.ok()) continue;
      Change change;
      change.audit = item.publication.audit;
      change.collection = item.publication.collection;
      change.added = item.row;
      change.removed = item.removed;
      change.answer = item.publication.answer;
      changes.push_back(std::move(change));
    }
    const absl::Status committed = catalogue_->Commit(std::move(changes), /*durable=*/true);
    for (Item& item : items) {
      if (item.status.ok()) item.status = committed;
    }
  }
  std::vector<absl::StatusOr<FileRecord>> results;
  results.reserve(items.size());
  for (Item& item : items) {
    if (item.status.ok()) {
      Recorded(item.publication);
      results.emplace_back(item.row->record);
    } else {
      if (item.publication.staged != nullptr) item.publication.staged->Discard();
      results.emplace_back(item.status);
    }
  }
  return results;
}

// What needs no lock, and may take long.
absl::Status RecordStore::Begin(Item& item) {
  const Publication& publication = item.publication;
  BITREPO_RETURN_IF_ERROR(gate_.Check());
  BITREPO_RETURN_IF_ERROR(CheckKept(publication.collection));
  if (publication.generation.is_zero() || publication.answer.key.conversation.is_zero() ||
      publication.answer.key.message_id.is_zero() || publication.answer.final_body.empty()) {
    return absl::InvalidArgumentError(
        "a publication has a generation and the final it is answered with");
  }
  BITREPO_ASSIGN_OR_RETURN(item.settled, Settle(item.publication));
  return absl::OkStatus();
}

// Before anything is said of the file: a request that had its effect finds what it made itself.
absl::Status RecordStore::CheckNoFinal(const AnswerKey& key, const Claims& claims) {
  return claims.answers.contains(key) ? HasItsFinal() : store::CheckNoFinal(*catalogue_, key);
}

// The id is free, or what it names is replaced, or lost here and these are its bytes again.
absl::Status RecordStore::Claim(Item& item, Claims& claims) {
  const Publication& publication = item.publication;
  const base::FileId& file_id = publication.file_id;
  BITREPO_RETURN_IF_ERROR(CheckNoFinal(publication.answer.key, claims));
  BITREPO_ASSIGN_OR_RETURN(const std::optional<GenerationRow> newest,
                           catalogue_->Newest(publication.collection, file_id));
  item.removed = LiveOf(newest);
  const StagedFile::Facts& facts = item.settled->facts;
  const auto file = std::pair(publication.collection, file_id);
  if (claims.files.contains(file)) return ChangedInTheSameGroup(file_id, publication.replaces);
  BITREPO_RETURN_IF_ERROR(
      CheckPublication(file_id, RecordOf(item.removed), publication.replaces, facts));
  claims.files.insert(file);
  claims.answers.insert(publication.answer.key);
  item.row = GenerationRow{
      .record = FileRecord{.file_id = file_id,
                           .number = newest.has_value() ? newest->record.number + 1 : 1,
                           .generation = publication.generation,
                           .size_bytes = facts.size_bytes,
                           .sha256 = facts.sha256,
                           .stored_at = publication.stored_at,
                           .verified_at = publication.stored_at},
      .block_digests = item.settled->block_digests};
  item.row->name_number = item.row->record.number;
  if (item.removed.has_value()) item.removed->record.removed_at = publication.stored_at;
  return absl::OkStatus();
}

std::vector<absl::StatusOr<FileRecord>> RecordStore::Remove(std::vector<Removal> group) {
  base::MutexLock lock(mutex_);
  std::vector<absl::StatusOr<FileRecord>> results;
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
    change.removed = *std::move(row);
    change.answer = std::move(removal.answer);
    changes.push_back(std::move(change));
  }
  const absl::Status committed = catalogue_->Commit(std::move(changes), /*durable=*/true);
  for (absl::StatusOr<FileRecord>& result : results) {
    if (result.ok() && !committed.ok()) result = committed;
  }
  return results;
}

absl::StatusOr<GenerationRow> RecordStore::Claim(const Removal& removal, Claims& claims) {
  BITREPO_RETURN_IF_ERROR(gate_.Check());
  BITREPO_RETURN_IF_ERROR(CheckNoFinal(removal.answer.key, claims));
  BITREPO_ASSIGN_OR_RETURN(const std::optional<GenerationRow> newest,
                           catalogue_->Newest(removal.collection, removal.file_id));
  std::optional<GenerationRow> live = LiveOf(newest);
  if (claims.files.contains({removal.collection, removal.file_id})) live.reset();
  BITREPO_RETURN_IF_ERROR(CheckRemoval(removal.file_id, RecordOf(live), removal.sha256));
  claims.files.emplace(removal.collection, removal.file_id);
  claims.answers.insert(removal.answer.key);
  return *std::move(live);
}

absl::StatusOr<FileRecord> RecordStore::Restore(Restoration restoration) {
  base::MutexLock lock(mutex_);
  const base::CollectionId collection = restoration.collection;
  BITREPO_RETURN_IF_ERROR(gate_.Check());
  BITREPO_ASSIGN_OR_RETURN(Change change, RestorationChange(*catalogue_, std::move(restoration)));
  BITREPO_RETURN_IF_ERROR(CheckReturn(collection, change.gone->record));
  FileRecord restored = change.added->record;
  BITREPO_RETURN_IF_ERROR(catalogue_->Commit({std::move(change)}, /*durable=*/true));
  return restored;
}

absl::StatusOr<uint64_t> RecordStore::PurgeQuarantine(absl::Time removed_before, uint32_t limit) {
  if (limit == 0) return absl::InvalidArgumentError("a purge of no generations");
  uint64_t purged = 0;
  for (const base::CollectionId& id : options_.collections) {
    for (bool more = true; more && purged < limit;) {
      // Let others in between two commits.
      base::MutexLock lock(mutex_);
      BITREPO_RETURN_IF_ERROR(gate_.Check());
      const auto at_once = static_cast<uint32_t>(std::min<uint64_t>(limit - purged, kPurgedAtOnce));
      BITREPO_ASSIGN_OR_RETURN(const std::vector<GenerationRow> rows,
                               catalogue_->RemovedBefore(id, removed_before, at_once));
      more = rows.size() == at_once;
      purged += rows.size();
      if (rows.empty()) continue;
      std::vector<Change> changes;
      for (const GenerationRow& row : rows) {
        Change change;
        change.audit = PurgeEvent(id, row.record);
        change.collection = id;
        change.gone = row;
        changes.push_back(std::move(change));
      }
      BITREPO_RETURN_IF_ERROR(catalogue_->Commit(std::move(changes), /*durable=*/true));
      BITREPO_RETURN_IF_ERROR(DropPurged(id, rows));
    }
  }
  return purged;
}

// Only what is gone is forgotten: what cannot be removed now is removed after the next start.
absl::Status RecordStore::DropPurged(const base::CollectionId& collection,
                                     const std::vector<GenerationRow>& rows) {
  std::vector<GenerationRow> gone;
  for (const GenerationRow& row : rows) {
    if (Discard(collection, row.record).ok()) gone.push_back(row);
  }
  return catalogue_->Drop(collection, gone, {});
}

absl::Status RecordStore::FinishPurges() {
  base::MutexLock lock(mutex_);
  for (const base::CollectionId& id : options_.collections) {
    BITREPO_ASSIGN_OR_RETURN(const std::vector<GenerationRow> rows,
                             catalogue_->Purged(id, kPurgedAtOnce));
    if (!rows.empty()) BITREPO_RETURN_IF_ERROR(DropPurged(id, rows));
  }
  return absl::OkStatus();
}

}  // namespace bitrepo::store
