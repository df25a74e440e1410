// SPDX-License-Identifier: Apache-2.0
// Puts files into quarantine, brings them back, and removes for good what has lain there its term.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "pillar/store/catalogue.h"
#include "pillar/store/collection_store.h"
#include "pillar/store/file_store.h"
#include "pillar/store/write_gate.h"

namespace bitrepo::store {

// Into quarantine: the record first, then the name; until it is moved the file lies where it was,
// and the next start moves it. Back: the name first, durably, then the record. For good: the record
// first, then the file.
// Threads:  thread-safe; `names` is held from the look at a record to the last move.
// Lifetime: all it is given outlives it.
// Errors:   see FileStore; a sync that fails closes the gate.
class Remover {
 public:
  Remover(Catalogue& catalogue, WriteGate& gate, const CollectionStores& collections,
          base::Mutex& names)
      : catalogue_(catalogue), gate_(gate), collections_(collections), names_(names) {}

  std::vector<absl::StatusOr<FileRecord>> Remove(std::vector<Removal> group);
  absl::StatusOr<FileRecord> Restore(Restoration restoration);
  absl::StatusOr<uint64_t> Purge(absl::Time removed_before, uint32_t limit);
  // Removes the files of what was purged when the store died.
  absl::Status FinishPurges();

 private:
  // What earlier removals of a group have taken.
  struct Claims {
    absl::btree_set<std::pair<base::CollectionId, base::FileId>> files;
    absl::btree_set<AnswerKey> answers;
  };

  absl::StatusOr<GenerationRow> Claim(const Removal& removal, Claims& claims)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(names_);
  // The file of a generation in quarantine lies under files/ again, durably.
  absl::Status Name(const GenerationRow& row, CollectionStore& collection)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(names_);
  absl::Status Discard(const base::CollectionId& id, std::vector<GenerationRow> rows,
                       std::vector<std::string> paths) ABSL_EXCLUSIVE_LOCKS_REQUIRED(names_);
  absl::Status RemoveDiscarded(const base::CollectionId& id, const std::vector<GenerationRow>& rows,
                               const std::vector<std::string>& paths)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(names_);

  Catalogue& catalogue_;
  WriteGate& gate_;
  const CollectionStores& collections_;
  base::Mutex& names_;
};

}  // namespace bitrepo::store
