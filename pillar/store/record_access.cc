// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/record_access.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "pillar/store/change_rules.h"
#include "pillar/store/list_cursor.h"
namespace bitrepo::store {
namespace {

absl::Status NoSuchFile(const base::FileId& file_id) {
  return absl::NotFoundError(absl::StrCat(file_id.text(), ": no such file"));
}

}  // namespace

absl::Status LostError(const GenerationRow& row) {
  return absl::DataLossError(
      absl::StrCat(row.record.file_id.text(), ": the file is ", FileStateName(row.state)));
}

absl::StatusOr<GenerationRow> LiveRow(Catalogue& catalogue, const base::CollectionId& collection,
                                      const base::FileId& file_id) {
  BITREPO_ASSIGN_OR_RETURN(std::optional<GenerationRow> newest,
                           catalogue.Newest(collection, file_id));
  if (!newest.has_value() || !newest->live()) {
    return NoSuchFile(file_id);
  }
  return *std::move(newest);
}

absl::StatusOr<GenerationRow> NamedRow(Catalogue& catalogue, const base::CollectionId& collection,
                                       const base::FileId& file_id,
                                       const base::GenerationId& generation) {
  if (generation.is_zero()) return LiveRow(catalogue, collection, file_id);
  BITREPO_ASSIGN_OR_RETURN(std::optional<GenerationRow> named,
                           catalogue.Named(collection, file_id, generation));
  if (!named.has_value()) {
    return absl::NotFoundError(
        absl::StrCat(file_id.text(), ": no generation ", generation.ToString()));
  }
  return *std::move(named);
}

absl::StatusOr<std::vector<absl::StatusOr<FileRecord>>> LiveRecords(
    Catalogue& catalogue, const base::CollectionId& collection,
    std::span<const base::FileId> file_ids) {
  if (file_ids.size() > kFindManyMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_ids.size(), " ids at once: at most ", kFindManyMax));
  }
  BITREPO_ASSIGN_OR_RETURN(std::vector<std::optional<FileRecord>> records,
                           catalogue.LiveOnes(collection, file_ids));
  std::vector<absl::StatusOr<FileRecord>> found;
  found.reserve(records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    if (records[i].has_value()) {
      found.emplace_back(*std::move(records[i]));
    } else {
      found.emplace_back(NoSuchFile(file_ids[i]));
    }
  }
  return found;
}

absl::StatusOr<FileRecord> RemovedRecord(Catalogue& catalogue, const base::CollectionId& collection,
                                         const base::FileId& file_id) {
  BITREPO_ASSIGN_OR_RETURN(std::optional<GenerationRow> removed,
                           catalogue.Removed(collection, file_id, base::GenerationId()));
  if (!removed.has_value()) {
    return absl::NotFoundError(absl::StrCat(file_id.text(), ": nothing of it is in quarantine"));
  }
  return std::move(removed->record);
}

absl::StatusOr<RecordPage> PageOfRecords(Catalogue& catalogue, const base::StoreId& store,
                                         const ListQuery& query, uint32_t limit,
                                         absl::string_view cursor) {
  ListCursor position{.as_of = catalogue.sequence()};
  if (!cursor.empty()) {
    BITREPO_ASSIGN_OR_RETURN(position, DecodeCursor(store, query, cursor));
  }
  GenerationTable::PageSpec spec{
      .prefix = query.prefix,
      .only = {},
      .after = {.file_id = std::move(position.last_id), .number = position.last_number},
      .as_of = static_cast<int64_t>(position.as_of),
      .removed = query.removed,
      .stored = query.stored,
      .verified = query.verified,
      .limit = std::min(limit, kPageRecordsMax)};
  if (query.only.has_value()) spec.only = query.only->text();
  BITREPO_ASSIGN_OR_RETURN(GenerationTable::PageRows rows, catalogue.Page(query.collection, spec));
  RecordPage page{.records = std::move(rows.records), .next_cursor = {}};
  if (rows.next.has_value()) {
    position.last_id = std::move(rows.next->file_id);
    position.last_number = rows.next->number;
    page.next_cursor = EncodeCursor(store, query, position);
  }
  return page;
}

absl::Status RecordAnswers(Catalogue& catalogue,
                           std::vector<std::pair<Answer, AuditEvent>> closed) {
  std::vector<Change> changes;
  changes.reserve(closed.size());
  for (auto& [answer, event] : closed) {
    Change change;
    change.audit = std::move(event);
    change.answer = std::move(answer);
    changes.push_back(std::move(change));
  }
  return catalogue.Commit(std::move(changes), /*durable=*/true);
}

absl::Status RecordEvents(Catalogue& catalogue, std::vector<AuditEvent> events) {
  std::vector<Change> changes;
  changes.reserve(events.size());
  for (AuditEvent& event : events) {
    Change change;
    change.audit = std::move(event);
    changes.push_back(std::move(change));
  }
  return catalogue.Commit(std::move(changes), /*durable=*/false);
}

void RecordLoss(Catalogue& catalogue, const base::CollectionId& collection,
                const GenerationRow& row, FileState state, absl::string_view what) {
  base::LogLine(base::LogLevel::kError,
                state == FileState::kMissing ? "file-missing" : "file-damaged")
      .With("collection", collection.text())
      .With("file", row.record.file_id.text())
      .With("cause", what);
  Change change;
  change.audit.action = state == FileState::kMissing ? "FILE_MISSING" : "FILE_DAMAGED";
  change.audit.collection = collection.text();
  change.audit.file_id = row.record.file_id.text();
  change.audit.detail = std::string(what);
  change.collection = collection;
  change.state = Change::NewState{.file_id = row.record.file_id,
                                  .number = row.record.number,
                                  .size_bytes = row.record.size_bytes,
                                  .live = row.live(),
                                  .before = row.state,
                                  .after = state};
  const absl::Status marked = catalogue.Commit({std::move(change)}, /*durable=*/true);
  if (!marked.ok()) {
    base::LogLine(base::LogLevel::kError, "file-not-marked").With("cause", marked.message());
  }
}

absl::Status HasItsFinal() {
  return absl::FailedPreconditionError("the request has its final already");
}

absl::Status CheckNoFinal(Catalogue& catalogue, const AnswerKey& key) {
  BITREPO_ASSIGN_OR_RETURN(const std::optional<Answer> answer, catalogue.FindAnswer(key));
  return answer.has_value() && !answer->final_body.empty() ? HasItsFinal() : absl::OkStatus();
}

absl::StatusOr<Change> RestorationChange(Catalogue& catalogue, Restoration restoration) {
  const base::FileId& file_id = restoration.file_id;
  BITREPO_RETURN_IF_ERROR(CheckNoFinal(catalogue, restoration.answer.key));
  BITREPO_ASSIGN_OR_RETURN(const std::optional<GenerationRow> newest,
                           catalogue.Newest(restoration.collection, file_id));
  BITREPO_ASSIGN_OR_RETURN(
      const std::optional<GenerationRow> removed,
      catalogue.Removed(restoration.collection, file_id, restoration.generation));
  const bool live = newest.has_value() && newest->live();
  BITREPO_RETURN_IF_ERROR(CheckRestoration(file_id, live ? &newest->record : nullptr,
                                           restoration.replaces,
                                           removed.has_value() ? &removed->record : nullptr));
  Change change;
  change.audit = std::move(restoration.audit);
  change.collection = restoration.collection;
  change.answer = std::move(restoration.answer);
  change.gone = removed;
  change.added = removed;
  change.added->removed_seq = kNeverRemoved;
  change.added->record.number = newest->record.number + 1;
  change.added->record.stored_at = restoration.restored_at;
  change.added->record.removed_at.reset();
  if (live) {
    change.removed = newest;
    change.removed->record.removed_at = restoration.restored_at;
  }
  return change;
}

}  // namespace bitrepo::store
