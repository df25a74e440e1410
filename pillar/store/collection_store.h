// SPDX-License-Identifier: Apache-2.0
// All that a store on disk keeps for one collection.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "pillar/store/catalogue.h"
#include "pillar/store/collection_home.h"
#include "pillar/store/quarantine.h"
#include "pillar/store/staging_area.h"

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

}  // namespace bitrepo::store
