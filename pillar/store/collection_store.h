// SPDX-License-Identifier: Apache-2.0
// All that a store on disk keeps for one collection.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "pillar/store/catalogue.h"
#include "pillar/store/collection_home.h"
#include "pillar/store/quarantine.h"
#include "pillar/store/staging_area.h"
#include "pillar/store/write_gate.h"

namespace bitrepo::store {

// Staging and quarantine are there once the catalogue is open. Threads: as its parts.
struct CollectionStore {
  CollectionStore(base::CollectionId id, runtime::Disk& disk, std::string directory,
                  SpaceAccount& space)
      : home(std::move(id), disk, std::move(directory), space) {}

  CollectionHome home;
  bool labelled = false;
  std::unique_ptr<StagingArea> staging;
  std::unique_ptr<Quarantine> quarantine;
};
using CollectionStores = absl::btree_map<base::CollectionId, std::unique_ptr<CollectionStore>>;

// kFailedPrecondition: it is not kept here.
absl::StatusOr<CollectionStore*> FindCollection(const CollectionStores& collections,
                                                const base::CollectionId& id);

// Moves the files of what a commit has put into quarantine. The commit stands: a move that fails is
// finished by the next start, and a sync that fails closes the gate. Requires: the mutex of names.
void MoveToQuarantine(const CollectionStores& collections, WriteGate& gate,
                      const std::vector<std::pair<base::CollectionId, GenerationRow>>& removed);

}  // namespace bitrepo::store
