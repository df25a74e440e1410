// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/record_store.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "pillar/store/change_rules.h"
#include "pillar/store/list_cursor.h"
#include "pillar/store/store_label.h"

namespace bitrepo::store {
namespace {

constexpr char kKindFile[] = "KIND";
constexpr char kProbeFile[] = "probe";

absl::Status LostError(const GenerationRow& row) {
  return absl::DataLossError(
      absl::StrCat(row.record.file_id.text(), ": the file is ", FileStateName(row.state)));
}

FileRecord RecordOf(const GenerationRow& row) {
  FileRecord record = row.record;
  if (row.state != FileState::kHeld) record.trouble = std::string(FileStateName(row.state));
  return record;
}

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
      kind_(std::move(kind)) {}

RecordStore::~RecordStore() = default;

absl::Status RecordStore::Prepare(base::Random& random) {
  BITREPO_ASSIGN_OR_RETURN(lock_, LockStore(disk_));
  BITREPO_RETURN_IF_ERROR(Identify(random));
  std::vector<CatalogueCollection> collections;
  for (const base::CollectionId& id : options_.collections) collections.push_back({id, false});
  BITREPO_ASSIGN_OR_RETURN(catalogue_, Catalogue::Open(disk_, options_.sqlite_vfs, store_id_,
                                                       collections, clock_, gate_));
  staging_ = std::make_unique<StagingArea>(home_, gate_, incarnation());
  if (!gate_.Check().ok()) return absl::OkStatus();  // readable, and nothing is touched
  BITREPO_RETURN_IF_ERROR(disk_.MakeDirectories(home_.Path(kStagingDirectory)));
  BITREPO_RETURN_IF_ERROR(staging_->Clear().status());
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
  BITREPO_ASSIGN_OR_RETURN(std::optional<GenerationRow> newest,
                           catalogue_->Newest(collection, file_id));
  if (!newest.has_value() || !newest->live()) {
    return absl::NotFoundError(absl::StrCat(file_id.text(), ": no such file"));
  }
  return *std::move(newest);
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

absl::StatusOr<RecordPage> RecordStore::List(const ListQuery& query, uint32_t limit,
                                             absl::string_view cursor) {
  if (limit == 0) return absl::InvalidArgumentError("a page of no records");
  GenerationTable::PageSpec spec{.prefix = query.prefix, .after = std::nullopt};
  ListCursor position{.as_of = catalogue_->sequence()};
  if (!cursor.empty()) {
    BITREPO_ASSIGN_OR_RETURN(position, DecodeCursor(store_id_, query, cursor));
    spec.after = position.last_id;
  }
  RecordPage page;
  if (query.only.has_value()) {
    BITREPO_RETURN_IF_ERROR(CheckKept(query.collection));
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

absl::StatusOr<std::optional<Answer>> RecordStore::FindAnswer(const AnswerKey& key) {
  return catalogue_->FindAnswer(key);
}

absl::Status RecordStore::OpenAnswer(const Answer& answer) {
  return catalogue_->OpenAnswer(answer);
}

absl::Status RecordStore::CloseAnswers(std::vector<std::pair<Answer, AuditEvent>> closed) {
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

absl::StatusOr<std::vector<Answer>> RecordStore::InterruptedAnswers(absl::Duration age) {
  const absl::Time now = clock_.WallNow();
  if (gate_.Check().ok()) BITREPO_RETURN_IF_ERROR(catalogue_->ForgetAnswers(now - kAnswersKept));
  return catalogue_->InterruptedAnswers(now - age);
}

absl::Status RecordStore::AppendAudit(std::vector<AuditEvent> events) {
  std::vector<Change> changes;
  changes.reserve(events.size());
  for (AuditEvent& event : events) {
    Change change;
    change.audit = std::move(event);
    changes.push_back(std::move(change));
  }
  return catalogue_->Commit(std::move(changes), /*durable=*/false);
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

// ---- changes

// One publication on its way.
struct RecordStore::Item {
  explicit Item(Publication the_publication) : publication(std::move(the_publication)) {}
  Publication publication;
  absl::Status status;
  std::optional<Settled> settled;
  std::optional<GenerationRow> row;  // what will be recorded
  std::optional<GenerationRow> superseded;
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
      change.superseded = item.superseded;
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

absl::Status RecordStore::ClaimAnswer(const AnswerKey& key, Claims& claims) {
  BITREPO_ASSIGN_OR_RETURN(const std::optional<Answer> answer, catalogue_->FindAnswer(key));
  if ((answer.has_value() && !answer->final_body.empty()) || !claims.answers.insert(key).second) {
    return absl::FailedPreconditionError("the request has its final already");
  }
  return absl::OkStatus();
}

// The id is free, or what it names is replaced, or lost here and these are its bytes again.
absl::Status RecordStore::Claim(Item& item, Claims& claims) {
  const Publication& publication = item.publication;
  BITREPO_ASSIGN_OR_RETURN(std::optional<GenerationRow> newest,
                           catalogue_->Newest(publication.collection, publication.file_id));
  const StagedFile::Facts& facts = item.settled->facts;
  const bool live = newest.has_value() && newest->live();
  const std::optional<FileRecord> record = live ? std::optional(RecordOf(*newest)) : std::nullopt;
  BITREPO_RETURN_IF_ERROR(CheckPublication(publication.file_id, record ? &*record : nullptr,
                                           publication.replaces, facts));
  const auto file = std::pair(publication.collection, publication.file_id);
  if (claims.files.contains(file)) {
    return publication.replaces ? ChangedInTheSameGroup(publication.file_id)
                                : absl::AlreadyExistsError(absl::StrCat(
                                      publication.file_id.text(), ": there is a file of this id"));
  }
  BITREPO_RETURN_IF_ERROR(ClaimAnswer(publication.answer.key, claims));
  claims.files.insert(file);
  item.row = GenerationRow{
      .record = FileRecord{.file_id = publication.file_id,
                           .number = newest.has_value() ? newest->record.number + 1 : 1,
                           .generation = publication.generation,
                           .size_bytes = facts.size_bytes,
                           .sha256 = facts.sha256,
                           .stored_at = publication.stored_at,
                           .verified_at = publication.stored_at},
      .block_digests = item.settled->block_digests};
  if (live) item.superseded = std::move(newest);
  return absl::OkStatus();
}

}  // namespace bitrepo::store
// STUBS TO GO
namespace bitrepo::store {
std::vector<absl::StatusOr<FileRecord>> RecordStore::Remove(std::vector<Removal> group) {
  return std::vector<absl::StatusOr<FileRecord>>(group.size(), absl::UnimplementedError("STUB"));
}
absl::StatusOr<FileRecord> RecordStore::Restore(Restoration) {
  return absl::UnimplementedError("STUB");
}
absl::StatusOr<uint64_t> RecordStore::PurgeQuarantine(absl::Time, uint32_t) {
  return absl::UnimplementedError("STUB");
}
absl::StatusOr<std::vector<absl::StatusOr<FileRecord>>> RecordStore::FindMany(
    const base::CollectionId&, std::span<const base::FileId>) {
  return absl::UnimplementedError("STUB");
}
absl::StatusOr<FileRecord> RecordStore::FindRemoved(const base::CollectionId&,
                                                    const base::FileId&) {
  return absl::UnimplementedError("STUB");
}
absl::StatusOr<std::vector<Answer>> RecordStore::AnswersOf(const base::ConversationId&, uint32_t) {
  return absl::UnimplementedError("STUB");
}
absl::StatusOr<AuditPage> RecordStore::ReadAudit(const AuditQuery&, uint32_t) {
  return absl::UnimplementedError("STUB");
}
}  // namespace bitrepo::store
