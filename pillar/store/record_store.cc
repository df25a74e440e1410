// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/record_store.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "pillar/store/record_access.h"
#include "pillar/store/store_label.h"

namespace bitrepo::store {
namespace {

constexpr char kKindFile[] = "KIND";
constexpr char kProbeFile[] = "probe";

absl::StatusOr<std::string> ReadWhole(runtime::Disk& disk, absl::string_view path) {
  BITREPO_ASSIGN_OR_RETURN(const std::unique_ptr<runtime::DiskFile> file, disk.OpenRead(path));
  std::string text(64, '\0');
  BITREPO_ASSIGN_OR_RETURN(const size_t got,
                           file->ReadAt(0, std::as_writable_bytes(std::span(text))));
  text.resize(got);
  return text;
}

}  // namespace

RecordStore::RecordStore(RecordStoreOptions options, std::string kind, runtime::Disk& disk,
                         const base::Clock& clock)
    : options_(std::move(options)),
      disk_(disk),
      clock_(clock),
      space_(disk, options_.keep_free_bytes),
      home_(base::CollectionId::Parse(kStagingDirectory).value(), disk, "", space_),
      parts_(options_.staging),
      kind_(std::move(kind)) {}

RecordStore::~RecordStore() = default;

absl::Status RecordStore::Prepare(base::Random& random) {
  BITREPO_ASSIGN_OR_RETURN(lock_, LockStore(disk_));
  BITREPO_RETURN_IF_ERROR(Identify(random));
  std::vector<CatalogueCollection> collections;
  for (const base::CollectionId& id : options_.collections) collections.push_back({id, false});
  BITREPO_ASSIGN_OR_RETURN(catalogue_, Catalogue::Open(disk_, options_.sqlite_vfs, store_id_,
                                                       collections, clock_, gate_));
  staging_ = std::make_unique<StagingArea>(home_, gate_, parts_, clock_,
                                           BootIdFor(options_.staging.boot_id, incarnation()),
                                           incarnation());
  if (!gate_.Check().ok()) return absl::OkStatus();  // readable, and nothing is touched
  BITREPO_RETURN_IF_ERROR(disk_.MakeDirectories(home_.Path(kStagingDirectory)));
  BITREPO_RETURN_IF_ERROR(staging_->Recover());
  BITREPO_RETURN_IF_ERROR(catalogue_->MarkOpenAnswersInterrupted());
  BITREPO_RETURN_IF_ERROR(catalogue_->ForgetAnswers(clock_.WallNow() - kAnswersKept));
  Change opened;
  opened.audit.action = kStoreOpenedAction;
  opened.audit.detail = absl::StrCat(kIncarnationPrefix, incarnation(), ": a ", kind_, " store");
  base::LogLine(base::LogLevel::kInfo, "store-opened")
      .With("path", disk_.root())
      .With("store", store_id_.ToString())
      .With("detail", opened.audit.detail);
  return catalogue_->Commit({std::move(opened)}, /*durable=*/true);
}

// The label comes first of all files of a store: whatever lies without one is not ours.
absl::Status RecordStore::Identify(base::Random& random) {
  BITREPO_ASSIGN_OR_RETURN(const std::optional<StoreLabel> label, ReadLabel(disk_, ""));
  if (label.has_value()) {
    store_id_ = label->store_id;
    return CheckKind();
  }
  const absl::Status catalogue = disk_.Stat(kCatalogueFile).status();
  if (!absl::IsNotFound(catalogue)) {
    return catalogue.ok() ? absl::FailedPreconditionError(absl::StrCat(
                                disk_.root(), "/", kCatalogueFile,
                                " is there without the FORMAT file of its store: put it back"))
                          : catalogue;
  }
  // KIND before the label: a store that has a label has a kind.
  absl::StatusOr<std::unique_ptr<runtime::DiskFile>> file = disk_.Create(kKindFile);
  if (absl::IsAlreadyExists(file.status())) file = disk_.OpenWrite(kKindFile);
  BITREPO_RETURN_IF_ERROR(file.status());
  BITREPO_RETURN_IF_ERROR((*file)->Truncate(0));
  BITREPO_RETURN_IF_ERROR((*file)->WriteAt(0, std::as_bytes(std::span(kind_))));
  BITREPO_RETURN_IF_ERROR((*file)->Sync());
  BITREPO_RETURN_IF_ERROR(disk_.SyncDirectory(""));
  store_id_ = base::StoreId::Make(clock_.WallNow(), random);
  return WriteLabel(disk_, "", StoreLabel{.store_id = store_id_});
}

absl::Status RecordStore::CheckKind() {
  const absl::StatusOr<std::string> kind = ReadWhole(disk_, kKindFile);
  if (!kind.ok() && !absl::IsNotFound(kind.status())) return kind.status();
  if (kind.ok() && *kind == kind_) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      disk_.root(), " is the store of a ", kind.ok() ? *kind : "full", " pillar, not of a ", kind_,
      " pillar: set pillar.kind as it was, or choose "
      "another store.directory"));
}

absl::Status RecordStore::CheckKept(const base::CollectionId& collection) const {
  if (std::find(options_.collections.begin(), options_.collections.end(), collection) !=
      options_.collections.end()) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("the collection ", collection.text(), " is not kept here"));
}

absl::StatusOr<std::unique_ptr<StagedFile>> RecordStore::StageScratch(
    const base::CollectionId& collection, std::optional<uint64_t> announced_bytes) {
  BITREPO_RETURN_IF_ERROR(CheckKept(collection));
  BITREPO_ASSIGN_OR_RETURN(std::unique_ptr<IncomingFile> staged, staging_->Stage(announced_bytes));
  return std::unique_ptr<StagedFile>(std::move(staged));
}

absl::StatusOr<GenerationRow> RecordStore::FindLive(const base::CollectionId& collection,
                                                    const base::FileId& file_id) {
  return LiveRow(*catalogue_, collection, file_id);
}

absl::StatusOr<GenerationRow> RecordStore::FindNamed(const base::CollectionId& collection,
                                                     const base::FileId& file_id,
                                                     const base::GenerationId& generation) {
  return NamedRow(*catalogue_, collection, file_id, generation);
}

absl::StatusOr<std::vector<absl::StatusOr<FileRecord>>> RecordStore::FindMany(
    const base::CollectionId& collection, std::span<const base::FileId> file_ids) {
  return LiveRecords(*catalogue_, collection, file_ids);
}

absl::StatusOr<FileRecord> RecordStore::FindRemoved(const base::CollectionId& collection,
                                                    const base::FileId& file_id) {
  return RemovedRecord(*catalogue_, collection, file_id);
}

absl::StatusOr<FileRecord> RecordStore::Find(const base::CollectionId& collection,
                                             const base::FileId& file_id) {
  BITREPO_ASSIGN_OR_RETURN(GenerationRow row, FindLive(collection, file_id));
  if (row.state != FileState::kHeld) return LostError(row);
  return std::move(row.record);
}

// What was read stays refused even when this cannot be recorded.
void RecordStore::MarkLost(const base::CollectionId& collection, const FileRecord& record,
                           FileState state, absl::string_view what) {
  base::MutexLock lock(mutex_);
  const absl::StatusOr<GenerationRow> now =
      FindNamed(collection, record.file_id, record.generation);
  if (!now.ok() || now->state != FileState::kHeld) {
    return;  // known already, or purged meanwhile
  }
  RecordLoss(*catalogue_, collection, *now, state, what);
}

absl::StatusOr<RecordPage> RecordStore::List(const ListQuery& query, uint32_t limit,
                                             absl::string_view cursor) {
  if (limit == 0) {
    return absl::InvalidArgumentError("a page of no records");
  }
  BITREPO_RETURN_IF_ERROR(CheckKept(query.collection));
  return PageOfRecords(*catalogue_, store_id_, query, limit, cursor);
}

absl::StatusOr<std::optional<Answer>> RecordStore::FindAnswer(const AnswerKey& key) {
  return catalogue_->FindAnswer(key);
}

absl::Status RecordStore::OpenAnswer(const Answer& answer) {
  return catalogue_->OpenAnswer(answer);
}

absl::Status RecordStore::CloseAnswers(std::vector<std::pair<Answer, AuditEvent>> closed) {
  return RecordAnswers(*catalogue_, std::move(closed));
}

absl::StatusOr<std::vector<Answer>> RecordStore::InterruptedAnswers(absl::Duration age) {
  const absl::Time now = clock_.WallNow();
  if (gate_.Check().ok()) BITREPO_RETURN_IF_ERROR(catalogue_->ForgetAnswers(now - kAnswersKept));
  return catalogue_->InterruptedAnswers(now - age);
}

absl::StatusOr<std::vector<Answer>> RecordStore::AnswersOf(const base::ConversationId& conversation,
                                                           uint32_t limit) {
  return catalogue_->AnswersOf(conversation, limit);
}

absl::StatusOr<AuditPage> RecordStore::ReadAudit(const AuditQuery& query, uint32_t limit) {
  if (limit == 0) return absl::InvalidArgumentError("a page of no records");
  return catalogue_->ReadAudit(query, limit);
}

absl::Status RecordStore::AppendAudit(std::vector<AuditEvent> events) {
  return RecordEvents(*catalogue_, std::move(events));
}

absl::StatusOr<StoreReport> RecordStore::Check() {
  StoreReport report;
  if (gate_.Check().ok()) {
    const absl::Status probed = Probe();
    if (!probed.ok()) {
      gate_.Judge("the self-test", probed).IgnoreError();
      report.trouble = absl::StrCat("the self-test failed: ", probed.message());
    }
  }
  for (const base::CollectionId& id : options_.collections) {
    report.collections.push_back(catalogue_->Count(id));
  }
  report.writable = gate_.Check().ok() && report.trouble.empty();
  if (!gate_.Check().ok()) report.trouble = std::string(gate_.Check().message());
  BITREPO_ASSIGN_OR_RETURN(const runtime::SpaceInfo info, disk_.Space());
  report.total_bytes = info.total_bytes;
  report.free_bytes = info.free_bytes;
  return report;
}

// Writes, syncs and removes a file.
absl::Status RecordStore::Probe() {
  {
    absl::StatusOr<std::unique_ptr<runtime::DiskFile>> file = disk_.Create(kProbeFile);
    if (absl::IsAlreadyExists(file.status())) file = disk_.OpenWrite(kProbeFile);
    BITREPO_RETURN_IF_ERROR(file.status());
    BITREPO_RETURN_IF_ERROR((*file)->WriteAt(0, std::as_bytes(std::span(kProbeFile))));
    BITREPO_RETURN_IF_ERROR((*file)->Sync());
  }
  BITREPO_RETURN_IF_ERROR(disk_.Remove(kProbeFile));
  return disk_.SyncDirectory("");
}

}  // namespace bitrepo::store
