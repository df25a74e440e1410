// SPDX-License-Identifier: Apache-2.0
// What a collection does when its store is opened: names and records are brought together,
// leftovers cleared away.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pillar/store/catalogue.h"
#include "pillar/store/collection_home.h"
#include "pillar/store/file_places.h"
#include "pillar/store/quarantine.h"

namespace bitrepo::store {

// Names of files held in memory at one time; more are compared in several passes.
inline constexpr size_t kNamesAtOnce = 2'000'000;

struct RecoveryFindings {
  uint64_t files = 0;        // recorded and there
  uint64_t missing = 0;      // recorded, newly found gone
  uint64_t found = 0;        // were missing, are back
  uint64_t quarantined = 0;  // there, not recorded
};

// Compares names only: sizes and digests are looked at when bytes are read. A recorded file without
// a name is marked missing; one that is back is marked held; one that lies in files/ and is
// removed, or lies in quarantine/files/ and lives, is moved to where its record says; a name
// without a record goes to quarantine; an unproven file that someone took away has its id free
// again. Each step is whole in itself and finds its own state, so that a crash anywhere, also in
// here, is made good by the next run. Errors: as the disk's and the catalogue's; a directory that
// cannot be listed stops it: it is never taken for empty.
class Recovery {
 public:
  Recovery(Catalogue& catalogue, CollectionHome& home, Quarantine& quarantine, absl::Time wall_now,
           size_t names_at_once = kNamesAtOnce)
      : catalogue_(catalogue),
        home_(home),
        quarantine_(quarantine),
        wall_now_(wall_now),
        names_at_once_(names_at_once),
        moves_(home) {}

  absl::StatusOr<RecoveryFindings> Run();

 private:
  // The names in one directory, and which of them are recorded.
  struct Leaves {
    std::vector<std::string> names;
    std::vector<bool> recorded;
    // True when it is there, and recorded from now on.
    bool Mark(const std::string& name);
  };
  // Below files/ and below quarantine/files/.
  struct Shard {
    std::string name;
    Leaves held;
    Leaves removed;
    Leaves& in(Place place) { return place == Place::kFiles ? held : removed; }
    const Leaves& in(Place place) const { return place == Place::kFiles ? held : removed; }
  };
  using Shards = std::vector<Shard>;

  // The shards there are at a place; what else lies beside them goes to quarantine.
  absl::StatusOr<std::vector<std::string>> ShardsIn(Place place);
  absl::StatusOr<Shards> ListShards(std::vector<std::string>& owed);
  absl::StatusOr<Leaves> ListLeaves(Place place, const std::string& shard,
                                    const std::vector<std::string>& there);
  absl::Status MatchRecords(Shards& shards);
  absl::Status MatchRecord(const GenerationTable::NameRow& row, Shards& shards,
                           std::vector<Change>& changes);
  // Whether the file is there; where its record says, once it was moved.
  absl::StatusOr<bool> Settle(const base::FileId& file_id, const GenerationTable::NameRow& row,
                              Shard& shard);
  absl::Status FreeUnproven(const base::FileId& file_id, const GenerationTable::NameRow& row,
                            std::vector<Change>& changes);
  absl::Status TakeUnrecorded(const Shards& shards);
  absl::Status Flush(std::vector<Change>& changes, size_t at_least);

  Catalogue& catalogue_;
  CollectionHome& home_;
  Quarantine& quarantine_;
  const absl::Time wall_now_;
  const size_t names_at_once_;
  RecoveryFindings findings_;
  std::vector<std::string> held_shards_;
  std::vector<std::string> removed_shards_;
  FileMoves moves_;
};

}  // namespace bitrepo::store
