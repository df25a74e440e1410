// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/disk_file_store.h"

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "pillar/store/file_places.h"
#include "pillar/store/record_access.h"
#include "pillar/store/verified_file.h"

namespace bitrepo::store {
namespace {

absl::Status CheckReadable(const GenerationRow& row) {
  return row.state == FileState::kMissing || row.state == FileState::kUnproven ? LostError(row)
                                                                               : absl::OkStatus();
}

}  // namespace

absl::StatusOr<GenerationRow> DiskFileStore::FindLive(const base::CollectionId& collection,
                                                      const base::FileId& file_id) {
  return LiveRow(*catalogue_, collection, file_id);
}

absl::StatusOr<std::unique_ptr<StagedFile>> DiskFileStore::Stage(
    const base::CollectionId& collection, const base::FileId& /*file_id*/,
    std::optional<uint64_t> announced_bytes) {
  BITREPO_RETURN_IF_ERROR(gate_.Check());
  BITREPO_ASSIGN_OR_RETURN(CollectionStore* const files, FindCollection(collections_, collection));
  BITREPO_ASSIGN_OR_RETURN(std::unique_ptr<IncomingFile> staged,
                           files->staging->Stage(announced_bytes));
  return std::unique_ptr<StagedFile>(std::move(staged));
}

absl::StatusOr<std::unique_ptr<StagedFile>> DiskFileStore::StageAgain(
    const base::CollectionId& collection, const base::FileId& file_id,
    std::optional<uint64_t> announced_bytes, const StagingKey& key) {
  BITREPO_ASSIGN_OR_RETURN(CollectionStore* const files, FindCollection(collections_, collection));
  BITREPO_ASSIGN_OR_RETURN(
      std::unique_ptr<IncomingFile> staged,
      files->staging->Stage(StagingIdentity{collection, file_id, announced_bytes, key}));
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

std::vector<absl::StatusOr<FileRecord>> DiskFileStore::Remove(std::vector<Removal> group) {
  return remover_->Remove(std::move(group));
}

absl::StatusOr<FileRecord> DiskFileStore::Restore(Restoration restoration) {
  return remover_->Restore(std::move(restoration));
}

absl::StatusOr<uint64_t> DiskFileStore::PurgeQuarantine(absl::Time removed_before, uint32_t limit) {
  return remover_->Purge(removed_before, limit);
}

absl::StatusOr<std::vector<absl::StatusOr<FileRecord>>> DiskFileStore::FindMany(
    const base::CollectionId& collection, std::span<const base::FileId> file_ids) {
  return LiveRecords(*catalogue_, collection, file_ids);
}

absl::StatusOr<FileRecord> DiskFileStore::FindRemoved(const base::CollectionId& collection,
                                                      const base::FileId& file_id) {
  return RemovedRecord(*catalogue_, collection, file_id);
}

absl::StatusOr<GenerationRow> DiskFileStore::FindNamed(const base::CollectionId& collection,
                                                       const base::FileId& file_id,
                                                       const base::GenerationId& generation) {
  return NamedRow(*catalogue_, collection, file_id, generation);
}

absl::StatusOr<std::unique_ptr<StoredFile>> DiskFileStore::Open(
    const base::CollectionId& collection, const base::FileId& file_id,
    const base::GenerationId& generation) {
  BITREPO_ASSIGN_OR_RETURN(CollectionStore* const files, FindCollection(collections_, collection));
  const auto open_in = [&](const GenerationRow& row, Place place) {
    return files->home.disk().OpenRead(files->home.Path(PathIn(place, file_id, row.name_number)));
  };
  BITREPO_ASSIGN_OR_RETURN(GenerationRow row, FindNamed(collection, file_id, generation));
  BITREPO_RETURN_IF_ERROR(CheckReadable(row));
  auto file = open_in(row, PlaceOf(row));
  if (absl::IsNotFound(file.status())) {
    // It may be on its way to another place, or lie where a move that failed has left it.
    base::MutexLock lock(names_);
    BITREPO_ASSIGN_OR_RETURN(row, FindNamed(collection, file_id, generation));
    BITREPO_RETURN_IF_ERROR(CheckReadable(row));
    file = open_in(row, PlaceOf(row));
    if (absl::IsNotFound(file.status())) {
      file = open_in(row, OtherPlace(PlaceOf(row)));
    }
  }
  if (absl::IsNotFound(file.status())) {
    MarkLost(collection, row, FileState::kMissing, file.status().message());
    row.state = FileState::kMissing;
    return LostError(row);
  }
  BITREPO_RETURN_IF_ERROR(file.status());
  return Guarded(collection, std::move(row), *std::move(file));
}

std::unique_ptr<StoredFile> DiskFileStore::Guarded(const base::CollectionId& collection,
                                                   GenerationRow row,
                                                   std::unique_ptr<runtime::DiskFile> file) {
  // Copied before the move: the order of arguments is the compiler's.
  const GenerationRow marked = row;
  return std::make_unique<VerifiedFile>(std::move(row), std::move(file),
                                        [this, collection, marked](absl::string_view what) {
                                          MarkLost(collection, marked, FileState::kDamaged, what);
                                        });
}

// What was read stays refused even when this cannot be recorded.
void DiskFileStore::MarkLost(const base::CollectionId& collection, const GenerationRow& row,
                             FileState state, absl::string_view what) {
  const FileRecord& record = row.record;
  base::MutexLock lock(mark_mutex_);
  const absl::StatusOr<GenerationRow> now =
      FindNamed(collection, record.file_id, record.generation);
  if (!now.ok() || now->name_number != row.name_number || now->state != FileState::kHeld) {
    return;  // known already, or purged meanwhile
  }
  RecordLoss(*catalogue_, collection, *now, state, what);
}

absl::StatusOr<RecordPage> DiskFileStore::List(const ListQuery& query, uint32_t limit,
                                               absl::string_view cursor) {
  if (limit == 0) {
    return absl::InvalidArgumentError("a page of no records");
  }
  BITREPO_RETURN_IF_ERROR(FindCollection(collections_, query.collection).status());
  return PageOfRecords(*catalogue_, store_id_, query, limit, cursor);
}

absl::StatusOr<std::optional<Answer>> DiskFileStore::FindAnswer(const AnswerKey& key) {
  return catalogue_->FindAnswer(key);
}

absl::Status DiskFileStore::OpenAnswer(const Answer& answer) {
  return catalogue_->OpenAnswer(answer);
}

absl::Status DiskFileStore::CloseAnswers(std::vector<std::pair<Answer, AuditEvent>> closed) {
  return RecordAnswers(*catalogue_, std::move(closed));
}

absl::StatusOr<std::vector<Answer>> DiskFileStore::InterruptedAnswers(absl::Duration age) {
  const absl::Time now = clock_.WallNow();
  if (gate_.Check().ok()) {
    BITREPO_RETURN_IF_ERROR(catalogue_->ForgetAnswers(now - kAnswersKept));
  }
  return catalogue_->InterruptedAnswers(now - age);
}

absl::Status DiskFileStore::AppendAudit(std::vector<AuditEvent> events) {
  return RecordEvents(*catalogue_, std::move(events));
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
  for (const StagedPart& part : parts_.List()) {
    report.waiting_bytes += part.kept_until.has_value() ? part.bytes_done : 0;
  }
  return report;
}

absl::StatusOr<std::vector<Answer>> DiskFileStore::AnswersOf(
    const base::ConversationId& conversation, uint32_t limit) {
  return catalogue_->AnswersOf(conversation, limit);
}

absl::StatusOr<AuditPage> DiskFileStore::ReadAudit(const AuditQuery& query, uint32_t limit) {
  if (limit == 0) {
    return absl::InvalidArgumentError("a page of no records");
  }
  return catalogue_->ReadAudit(query, limit);
}

}  // namespace bitrepo::store
