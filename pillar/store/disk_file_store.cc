// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/disk_file_store.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "pillar/store/file_name.h"
#include "pillar/store/list_cursor.h"
#include "pillar/store/verified_file.h"

namespace bitrepo::store {
namespace {

absl::Status LostError(const GenerationRow& row) {
  return absl::DataLossError(
      absl::StrCat(row.record.file_id.text(), ": the file is ", FileStateName(row.state)));
}

}  // namespace

absl::StatusOr<CollectionStore*> DiskFileStore::FindCollection(const base::CollectionId& id) const {
  const auto found = collections_.find(id);
  if (found == collections_.end()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the collection ", id.text(), " is not kept here"));
  }
  return found->second.get();
}

absl::StatusOr<GenerationRow> DiskFileStore::FindLive(const base::CollectionId& collection,
                                                      const base::FileId& file_id) {
  BITREPO_ASSIGN_OR_RETURN(std::optional<GenerationRow> newest,
                           catalogue_->Newest(collection, file_id));
  if (!newest.has_value() || !newest->live()) {
    return absl::NotFoundError(absl::StrCat(file_id.text(), ": no such file"));
  }
  return *std::move(newest);
}

absl::StatusOr<std::unique_ptr<StagedFile>> DiskFileStore::Stage(
    const base::CollectionId& collection, const base::FileId& /*file_id*/,
    std::optional<uint64_t> announced_bytes) {
  BITREPO_RETURN_IF_ERROR(gate_.Check());
  BITREPO_ASSIGN_OR_RETURN(CollectionStore* const files, FindCollection(collection));
  BITREPO_ASSIGN_OR_RETURN(std::unique_ptr<IncomingFile> staged,
                           files->staging->Stage(announced_bytes));
  return std::unique_ptr<StagedFile>(std::move(staged));
}

std::vector<absl::StatusOr<FileRecord>> DiskFileStore::Publish(std::vector<Publication> group) {
  return publisher_->Publish(std::move(group));
}

absl::StatusOr<FileRecord> DiskFileStore::Find(const base::CollectionId& collection,
                                               const base::FileId& file_id) {
  BITREPO_ASSIGN_OR_RETURN(GenerationRow row, FindLive(collection, file_id));
  if (row.state != FileState::kHeld) {
    return LostError(row);
  }
  return std::move(row.record);
}

absl::StatusOr<std::unique_ptr<StoredFile>> DiskFileStore::Open(
    const base::CollectionId& collection, const base::FileId& file_id,
    const base::GenerationId& generation) {
  BITREPO_ASSIGN_OR_RETURN(CollectionStore* const files, FindCollection(collection));
  BITREPO_ASSIGN_OR_RETURN(GenerationRow row, FindLive(collection, file_id));
  if (!generation.is_zero() && row.record.generation != generation) {
    return absl::NotFoundError(
        absl::StrCat(file_id.text(), ": no generation ", generation.ToString()));
  }
  if (row.state == FileState::kMissing || row.state == FileState::kUnproven) {
    return LostError(row);
  }
  auto file =
      files->home.disk().OpenRead(files->home.Path(GenerationPath(file_id, row.record.number)));
  if (absl::IsNotFound(file.status())) {
    MarkLost(collection, row, FileState::kMissing, file.status().message());
    row.state = FileState::kMissing;
    return LostError(row);
  }
  BITREPO_RETURN_IF_ERROR(file.status());
  // Copied before the move: the order of arguments is the compiler's.
  const GenerationRow marked = row;
  return std::make_unique<VerifiedFile>(std::move(row), *std::move(file),
                                        [this, collection, marked](absl::string_view what) {
                                          MarkLost(collection, marked, FileState::kDamaged, what);
                                        });
}

// What was read stays refused even when this cannot be recorded.
void DiskFileStore::MarkLost(const base::CollectionId& collection, const GenerationRow& row,
                             FileState state, absl::string_view what) {
  const FileRecord& record = row.record;
  base::MutexLock lock(mark_mutex_);
  const absl::StatusOr<GenerationRow> now = FindLive(collection, record.file_id);
  if (!now.ok() || now->record.number != record.number || now->state != FileState::kHeld) {
    return;  // known already, or replaced meanwhile
  }
  base::LogLine(base::LogLevel::kError,
                state == FileState::kMissing ? "file-missing" : "file-damaged")
      .With("collection", collection.text())
      .With("file", record.file_id.text())
      .With("cause", what);
  Change change;
  change.audit.action = state == FileState::kMissing ? "FILE_MISSING" : "FILE_DAMAGED";
  change.audit.collection = collection.text();
  change.audit.file_id = record.file_id.text();
  change.audit.detail = std::string(what);
  change.collection = collection;
  change.state = Change::NewState{.file_id = record.file_id,
                                  .number = record.number,
                                  .size_bytes = record.size_bytes,
                                  .before = now->state,
                                  .after = state};
  const absl::Status marked = catalogue_->Commit({std::move(change)}, /*durable=*/true);
  if (!marked.ok()) {
    base::LogLine(base::LogLevel::kError, "file-not-marked").With("cause", marked.message());
  }
}

absl::StatusOr<RecordPage> DiskFileStore::List(const ListQuery& query, uint32_t limit,
                                               absl::string_view cursor) {
  if (limit == 0) {
    return absl::InvalidArgumentError("a page of no records");
  }
  GenerationTable::PageSpec spec{.prefix = query.prefix, .after = std::nullopt};
  ListCursor position{.as_of = catalogue_->sequence()};
  if (!cursor.empty()) {
    BITREPO_ASSIGN_OR_RETURN(position, DecodeCursor(store_id_, query, cursor));
    spec.after = position.last_id;
  }
  RecordPage page;
  if (query.only.has_value()) {
    BITREPO_RETURN_IF_ERROR(FindCollection(query.collection).status());
    absl::StatusOr<FileRecord> record = Find(query.collection, *query.only);
    if (record.ok()) {
      page.records.push_back(*std::move(record));
    } else if (!absl::IsNotFound(record.status()) && !absl::IsDataLoss(record.status())) {
      return record.status();
    }
    return page;
  }
  // One more than asked for tells whether there are more.
  const uint32_t wanted = std::min(limit, kPageRecordsMax);
  spec.as_of = static_cast<int64_t>(position.as_of);
  spec.limit = wanted + 1;
  BITREPO_ASSIGN_OR_RETURN(page.records, catalogue_->Page(query.collection, spec));
  if (page.records.size() > wanted) {
    page.records.pop_back();
    position.last_id = page.records.back().file_id.text();
    page.next_cursor = EncodeCursor(store_id_, query, position);
  }
  return page;
}

absl::StatusOr<std::optional<Answer>> DiskFileStore::FindAnswer(const AnswerKey& key) {
  return catalogue_->FindAnswer(key);
}

absl::Status DiskFileStore::OpenAnswer(const Answer& answer) {
  return catalogue_->OpenAnswer(answer);
}

absl::Status DiskFileStore::CloseAnswers(std::vector<std::pair<Answer, AuditEvent>> closed) {
  std::vector<Change> changes;
  changes.reserve(closed.size());
  for (auto& [answer, event] : closed) {
    Change change;
    change.audit = std::move(event);
    change.answer = std::move(answer);
    changes.push_back(std::move(change));
  }
  return catalogue_->Commit(std::move(changes), /*durable=*/true);
}

absl::StatusOr<std::vector<Answer>> DiskFileStore::InterruptedAnswers(absl::Duration age) {
  const absl::Time now = clock_.WallNow();
  if (gate_.Check().ok()) {
    BITREPO_RETURN_IF_ERROR(catalogue_->ForgetAnswers(now - kAnswersKept));
  }
  return catalogue_->InterruptedAnswers(now - age);
}

absl::Status DiskFileStore::AppendAudit(std::vector<AuditEvent> events) {
  std::vector<Change> changes;
  changes.reserve(events.size());
  for (AuditEvent& event : events) {
    Change change;
    change.audit = std::move(event);
    changes.push_back(std::move(change));
  }
  return catalogue_->Commit(std::move(changes), /*durable=*/false);
}

absl::StatusOr<StoreReport> DiskFileStore::Check() {
  StoreReport report;
  for (const auto& [id, collection] : collections_) {
    if (gate_.Check().ok()) {
      const absl::Status probed = collection->home.Probe(collection->staging->NextName());
      if (!probed.ok()) {
        gate_.Judge("the self-test", probed).IgnoreError();
        report.trouble = absl::StrCat("the self-test failed: ", probed.message());
      }
    }
    report.collections.push_back(catalogue_->Count(id));
  }
  report.writable = gate_.Check().ok() && report.trouble.empty();
  if (!gate_.Check().ok()) {
    report.trouble = std::string(gate_.Check().message());
  }
  for (const std::unique_ptr<SpaceAccount>& space : spaces_) {
    BITREPO_ASSIGN_OR_RETURN(const runtime::SpaceInfo info, space->disk().Space());
    report.total_bytes += info.total_bytes;
    report.free_bytes += info.free_bytes;
  }
  return report;
}

std::vector<absl::StatusOr<FileRecord>> DiskFileStore::Remove(std::vector<Removal> group) {
  return std::vector<absl::StatusOr<FileRecord>>(group.size(), absl::UnimplementedError("STUB"));
}
absl::StatusOr<FileRecord> DiskFileStore::Restore(Restoration) {
  return absl::UnimplementedError("STUB");
}
absl::StatusOr<uint64_t> DiskFileStore::PurgeQuarantine(absl::Time, uint32_t) {
  return absl::UnimplementedError("STUB");
}
absl::StatusOr<std::vector<absl::StatusOr<FileRecord>>> DiskFileStore::FindMany(
    const base::CollectionId&, std::span<const base::FileId>) {
  return absl::UnimplementedError("STUB");
}
absl::StatusOr<FileRecord> DiskFileStore::FindRemoved(const base::CollectionId&,
                                                      const base::FileId&) {
  return absl::UnimplementedError("STUB");
}
absl::StatusOr<std::vector<Answer>> DiskFileStore::AnswersOf(const base::ConversationId&,
                                                             uint32_t) {
  return absl::UnimplementedError("STUB");
}
absl::StatusOr<AuditPage> DiskFileStore::ReadAudit(const AuditQuery&, uint32_t) {
  return absl::UnimplementedError("STUB");
}

}  // namespace bitrepo::store
