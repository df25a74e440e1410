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
#include "pillar/store/catalogue.h"
#include "pillar/store/collection_home.h"
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
// a name is marked missing; one that is back is marked held; a name without a record goes to
// quarantine; an unproven file that someone took away has its id free again. Each step is whole in
// itself and finds its own state, so that a crash anywhere, also in here, is made good by the next
// run. Errors: as the disk's and the catalogue's; a directory that cannot be listed stops it: it is
// never taken for empty.
class Recovery {
 public:
  Recovery(Catalogue& catalogue, CollectionHome& home, Quarantine& quarantine,
           size_t names_at_once = kNamesAtOnce)
      : catalogue_(catalogue),
        home_(home),
        quarantine_(quarantine),
        names_at_once_(names_at_once) {}

  absl::StatusOr<RecoveryFindings> Run();

 private:
  // The names in one directory below files/, and which of them are recorded.
  struct Shard {
    std::string name;
    std::vector<std::string> leaves;
    std::vector<bool> recorded;
  };
  using Shards = std::vector<Shard>;

  absl::StatusOr<Shards> ListShards(const std::vector<std::string>& there,
                                    std::vector<std::string>& owed);
  absl::Status MatchRecords(Shards& shards);
  absl::Status MatchRecord(const GenerationTable::NameRow& row, Shards& shards,
                           std::vector<Change>& changes);
  absl::Status FreeUnproven(const base::FileId& file_id, const GenerationTable::NameRow& row,
                            std::vector<Change>& changes);
  absl::Status TakeUnrecorded(const Shards& shards);
  absl::Status Flush(std::vector<Change>& changes, size_t at_least);

  Catalogue& catalogue_;
  CollectionHome& home_;
  Quarantine& quarantine_;
  const size_t names_at_once_;
  RecoveryFindings findings_;
};

}  // namespace bitrepo::store
