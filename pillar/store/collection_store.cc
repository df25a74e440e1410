// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/collection_store.h"

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "pillar/store/file_places.h"

namespace bitrepo::store {

absl::StatusOr<CollectionStore*> FindCollection(const CollectionStores& collections,
                                                const base::CollectionId& id) {
  const auto found = collections.find(id);
  if (found == collections.end()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the collection ", id.text(), " is not kept here"));
  }
  return found->second.get();
}

void MoveToQuarantine(const CollectionStores& collections, WriteGate& gate,
                      const std::vector<std::pair<base::CollectionId, GenerationRow>>& removed) {
  absl::btree_map<base::CollectionId, FileMoves> moves;
  for (const auto& [collection, row] : removed) {
    FileMoves& of_collection =
        moves.try_emplace(collection, collections.at(collection)->home).first->second;
    const absl::Status moved =
        of_collection.MoveTo(Place::kQuarantine, row.record.file_id, row.name_number);
    if (!moved.ok()) {
      base::LogLine(base::LogLevel::kWarning, "removed-file-left")
          .With("file", row.record.file_id.text())
          .With("cause", moved.message());
    }
  }
  for (auto& [collection, of_collection] : moves) {
    const absl::Status synced = of_collection.Sync();
    if (!synced.ok()) {
      gate.Close("a sync of removed files", synced).IgnoreError();
    }
  }
}

}  // namespace bitrepo::store
