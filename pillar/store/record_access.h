// SPDX-License-Identifier: Apache-2.0
// What every store over a catalogue asks of it and writes into it in the same way.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "pillar/store/catalogue.h"
#include "pillar/store/file_store.h"
#include "pillar/store/generation_table.h"

namespace bitrepo::store {

// Thread-safe as the catalogue is. Errors: as the calls of FileStore that they serve; those of the
// catalogue.
absl::StatusOr<GenerationRow> LiveRow(Catalogue& catalogue, const base::CollectionId& collection,
                                      const base::FileId& file_id);
// kDataLoss: what a row that is not held says of its file.
absl::Status LostError(const GenerationRow& row);
// `generation` zero: the live one.
absl::StatusOr<GenerationRow> NamedRow(Catalogue& catalogue, const base::CollectionId& collection,
                                       const base::FileId& file_id,
                                       const base::GenerationId& generation);
absl::StatusOr<std::vector<absl::StatusOr<FileRecord>>> LiveRecords(
    Catalogue& catalogue, const base::CollectionId& collection,
    std::span<const base::FileId> file_ids);
absl::StatusOr<FileRecord> RemovedRecord(Catalogue& catalogue, const base::CollectionId& collection,
                                         const base::FileId& file_id);
// Requires: the collection is kept, and `limit` is not 0.
absl::StatusOr<RecordPage> PageOfRecords(Catalogue& catalogue, const base::StoreId& store,
                                         const ListQuery& query, uint32_t limit,
                                         absl::string_view cursor);

// kFailedPrecondition: a request has its final already. The second says whether it is on record.
absl::Status HasItsFinal();
absl::Status CheckNoFinal(Catalogue& catalogue, const AnswerKey& key);
// What a restoration changes, once all that FileStore::Restore asks of the records holds: `gone`
// is the row in quarantine, `added` the new one, `removed` the one that it replaces.
absl::StatusOr<Change> RestorationChange(Catalogue& catalogue, Restoration restoration);

// Durable when it returns OK.
absl::Status RecordAnswers(Catalogue& catalogue, std::vector<std::pair<Answer, AuditEvent>> closed);
// Durable with the next commit of a change.
absl::Status RecordEvents(Catalogue& catalogue, std::vector<AuditEvent> events);
// That the bytes of `row`, held until now, are missing or damaged: to the log and to the catalogue.
void RecordLoss(Catalogue& catalogue, const base::CollectionId& collection,
                const GenerationRow& row, FileState state, absl::string_view what);

}  // namespace bitrepo::store
